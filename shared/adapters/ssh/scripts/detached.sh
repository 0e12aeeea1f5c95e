# Runs the steps of a task; started in the task's folder, as the leader of a session of its own.
# Words of the plan are never read by a shell: they are collected in "$@" and run from there.
# Each file is whole: it is written under another name and then renamed. `running` and `ended` say what was reached.
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C DEBIAN_FRONTEND=noninteractive
unset LANGUAGE

# Seconds since the boot: a clock that is set does not move it.
uptime() { read -r up rest < /proc/uptime; echo "${up%%.*}"; }

keep() { cat > "$1.new" && mv -f "$1.new" "$1"; }

# Only one ever runs: renaming fails if there is a `running` already.
claim=claim.$$
mkdir "$claim" || exit 1
read -r boot < /proc/sys/kernel/random/boot_id
read -r stat < "/proc/$$/stat"
# shellcheck disable=SC2086 # the fields after the name, which ends with the last ')'
set -- ${stat##*) }
# The session, when its leader started in ticks since the boot, the boot, the time.
echo "$4 ${20} $boot $(date +%s)" > "$claim/session"
mv -T "$claim" running 2>/dev/null || { rm -rf "$claim"; exit 0; }

began=$(uptime)
sed -n 's/^locked //p' plan > locked
patience=0 pause=10
mkdir -p steps

has_ended_so() {
  [ -e "steps/${1%% *}.code" ] || return 1
  read -r code < "steps/${1%% *}.code"
  case " ${1#* } " in *" $code "*) ;; *) return 1 ;; esac
}

is_locked() {
  [ -s locked ] && cat "steps/$name.out.new" "steps/$name.err.new" | grep -q -F -f locked
}

run_step() {
  while :; do
    (cd / && umask 022 && exec "$@") < /dev/null > "steps/$name.out.new" 2> "steps/$name.err.new" 3<&-
    code=$?
    [ "$code" -ne 0 ] && is_locked && [ $(($(uptime) - began + pause)) -le "$patience" ] || break
    sleep "$pause"
  done
  mv -f "steps/$name.out.new" "steps/$name.out"
  mv -f "steps/$name.err.new" "steps/$name.err"
  echo "$code" | keep "steps/$name.code"
}

set --
while IFS= read -r line <&3; do
  value=${line#* }
  case $line in
    'patience '*) patience=$value ;;
    'pause '*) pause=$value ;;
    'step '*) name=$value due=yes root='' reboots='' && set -- ;;
    root) [ "$(id -u)" = 0 ] || root=yes ;;
    'only-if '*) has_ended_so "$value" || due=no ;;
    'within '*) [ $(($(uptime) - began)) -le "$value" ] || due=no ;;
    reboots) reboots=yes ;;
    'word '*) set -- "$@" "$value" ;;
    run)
      [ "$due" = yes ] || continue
      [ -z "$root" ] || set -- sudo -n -- "$@"
      # From here on a new boot id is the proof of the reboot; all results are there already.
      [ -z "$reboots" ] || { echo "$boot $(date +%s)" | keep rebooting; sync rebooting steps/* . 2>/dev/null; }
      run_step "$@"
      ;;
  esac
done 3< plan
date +%s | keep ended
