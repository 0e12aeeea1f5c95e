# Runs the steps of a task; started in the task's folder, as the leader of a session of its own.
# Words of the plan are never read by a shell: they are collected in "$@" and run from there.
# Each file is whole, also after a power cut: it is on the disk before it gets its name. `running` and `ended` say what
# was reached.
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C DEBIAN_FRONTEND=noninteractive
unset LANGUAGE

on_disk() { sync "$@" 2>/dev/null || :; }

keep() { cat > "$1.new" && on_disk "$1.new" && mv -f "$1.new" "$1"; }

# Only one ever runs: renaming fails if there is a `running` already. Without a session it never will.
claim=claim.$$
mkdir "$claim" || exit 1
read -r stat < "/proc/$$/stat"
# shellcheck disable=SC2086 # the fields after the name, which ends with the last ')'
set -- ${stat##*) }
if is_late plan; then
  : > "$claim/abandoned"
else
  # The session, when its leader started in ticks since the boot, the moment.
  echo "$4 ${20} $(moment)" > "$claim/session"
fi || { rm -rf "$claim"; exit 1; }
on_disk "$claim"/* "$claim"
mv -T "$claim" running 2>/dev/null || { rm -rf "$claim"; exit 0; }
[ -e running/session ] || exit 0
# Whoever looks after a power cut sees that it had begun.
on_disk .

since=$(uptime)
sed -n 's/^locked //p' plan > locked
sed -n 's/^began //p' plan > began
patience=0 pause=10
mkdir -p steps

has_ended_so() {
  [ -e "steps/${1%% *}.code" ] || return 1
  read -r code < "steps/${1%% *}.code"
  case " ${1#* } " in *" $code "*) ;; *) return 1 ;; esac
}

says() { [ -s "$1" ] && cat "steps/$name.out.new" "steps/$name.err.new" | grep -q -F -f "$1"; }

run_step() {
  while :; do
    (cd / && umask 022 && exec "$@") < /dev/null > "steps/$name.out.new" 2> "steps/$name.err.new" 3<&-
    code=$?
    # What has begun its work is not run again: it may be one of its own programs that found the lock held.
    [ "$code" -ne 0 ] && says locked && ! says began && [ $(($(uptime) - since + pause)) -le "$patience" ] || break
    sleep "$pause"
  done
  echo "$code" > "steps/$name.code.new" || return 0
  on_disk "steps/$name.out.new" "steps/$name.err.new" "steps/$name.code.new"
  for part in out err code; do mv -f "steps/$name.$part.new" "steps/$name.$part"; done
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
    'within '*) [ $(($(uptime) - since)) -le "$value" ] || due=no ;;
    reboots) reboots=yes ;;
    'word '*) set -- "$@" "$value" ;;
    run)
      [ "$due" = yes ] || continue
      [ -z "$root" ] || set -- sudo -n -- "$@"
      # From here on a new boot id is the proof of the reboot; all results are there already. None without the proof.
      [ -z "$reboots" ] || { moment | keep rebooting && on_disk steps/* .; } || continue
      run_step "$@"
      ;;
  esac
done 3< plan
moment | keep ended
