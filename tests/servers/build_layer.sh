# Fills the layer of the throw-away servers; run by layer.py in a mount namespace of its own, with the folder to fill.
# Everything is written to memory over the machine's own files, which stay as they are; what was written is kept as a tar file.
set -eu
kept=$1
work=/mnt
mount -t tmpfs layer "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay layer -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount --rbind /dev "$work/root/dev"
mount -t proc proc "$work/root/proc"
cp --dereference /etc/resolv.conf "$work/resolv.conf"
rm -f "$work/root/etc/resolv.conf"
cp "$work/resolv.conf" "$work/root/etc/resolv.conf"

cat > "$work/root/fill" <<'FILL'
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
# Nothing that is installed here may start.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
lacking() { for one in $PACKAGES; do dpkg -s "$one" 2>&1 | grep -q '^Status: .* installed$' || echo "$one"; done; }
install_lacking() { apt-get -q -y --no-install-recommends install $(lacking) && apt-get -q download $UNPACKED; }
cd /var/cache
install_lacking || { apt-get -q update; install_lacking; }
# These can't be installed beside the rest, and work beside it all the same.
for one in $UNPACKED; do dpkg-deb --fsys-tarfile /var/cache/"$one"_*.deb | tar -x --keep-directory-symlink -C /; done
rm -f /var/cache/*.deb /usr/sbin/policy-rc.d

# A server knows no package, no source and no configuration of the machine that it borrows its programs from.
find /etc/apt/apt.conf.d -type f ! -name '*unattended-upgrades' ! -name 01autoremove -delete
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/preferences /etc/apt/preferences.d /etc/apt/auth.conf.d
mkdir /etc/apt/sources.list.d /etc/apt/preferences.d /etc/apt/auth.conf.d
rm -rf /etc/dpkg/dpkg.cfg.d /etc/yum.repos.d /etc/zypp/repos.d /var/lib/apt /var/cache/apt /var/lib/rpm /var/lib/dnf /var/cache/dnf
mkdir -p /etc/dpkg/dpkg.cfg.d /etc/yum.repos.d /etc/zypp/repos.d /var/lib/apt/lists/partial /var/lib/apt/periodic
mkdir -p /var/cache/apt/archives/partial
rm -rf /var/cache/zypp /var/lib/zypp /var/log /var/lib/dpkg
mkdir -p /var/log/apt /var/log/unattended-upgrades /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers
touch /var/lib/dpkg/status /var/lib/dpkg/available
echo 1 > /var/lib/dpkg/info/format

rm -rf /etc/ssh/sshd_config.d /etc/ssh/ssh_host_* /etc/sudoers.d
mkdir /etc/sudoers.d
chmod 750 /etc/sudoers.d
printf '%s\n' 'Defaults env_reset' 'root ALL=(ALL:ALL) ALL' '@includedir /etc/sudoers.d' > /etc/sudoers
chmod 440 /etc/sudoers
printf '127.0.0.1 localhost throw-away\n::1 localhost\n' > /etc/hosts
rm -f /etc/machine-id
echo 0123456789abcdef0123456789abcdef > /etc/machine-id
userdel muster 2>/dev/null || true
rm -rf /home/muster
useradd --create-home --home-dir /home/muster --shell /bin/sh --uid 4711 muster
# No password, and not locked: sshd lets nobody into a locked account.
usermod --password '*' muster
rm -f /usr/bin/systemctl /usr/sbin/reboot /usr/sbin/shutdown
cat > /usr/bin/systemctl <<'SYSTEMCTL'
#!/bin/sh
# The simulated reboot: it asks the process that holds this throw-away server for one.
[ "$1" = reboot ] || exit 0
[ "$(id -u)" = 0 ] || { echo 'Call to Reboot failed: Interactive authentication required.' >&2; exit 1; }
case $(cat /var/lib/throw-away/reboots) in
  fails) echo 'Call to Reboot failed: Transport endpoint is not connected' >&2; exit 1 ;;
  held) echo held >> /var/lib/throw-away/asked ;;
  off) echo off > /var/lib/throw-away/control ;;
  *) echo reboot > /var/lib/throw-away/control ;;
esac
SYSTEMCTL
chmod 755 /usr/bin/systemctl
rm -f /fill
FILL

unshare --pid --fork --kill-child chroot "$work/root" /bin/sh /fill
umount -l "$work/root/dev" "$work/root/proc"
umount "$work/root"
cd "$work/upper"
# Whiteouts are device files and replaced folders have an attribute: tar keeps both.
tar --create --file "$kept.new" --numeric-owner --xattrs --xattrs-include='trusted.*' --exclude=./tmp --exclude=./run .
mv "$kept.new" "$kept"
