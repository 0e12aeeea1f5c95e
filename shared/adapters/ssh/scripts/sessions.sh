# What runs here, for scripts that ask whether a task does: put before them, after clock.sh.
# A task is alive while a process of its session is there, on the same boot: also one that has outlived the runner.
# "leader-started" of each session's leader, and " session " of each process that is no zombie.
leaders=' ' sessions=' '
for stat in /proc/[0-9]*/stat; do
  read -r line < "$stat" || continue
  pid=${line%% *}
  # shellcheck disable=SC2086 # the fields after the name, which ends with the last ')'
  set -- ${line##*) }
  case ${1-Z} in Z | X) continue ;; esac
  sessions="$sessions${4-} "
  [ "$pid" != "${4-}" ] || leaders="$leaders$pid-${20-} "
done 2>/dev/null

is_alive() {
  [ -e "$1/running/session" ] || return 1
  session='' started='' booted=''
  read -r session started date booted rest < "$1/running/session"
  # One that a power cut has emptied is of another boot, too.
  [ -n "$booted" ] && [ "$booted" = "$boot" ] || return 1
  case $sessions in *" $session "*) ;; *) return 1 ;; esac
  # A leader that started at another time is another process with the same number.
  case $leaders in
    *" $session-$started "*) return 0 ;;
    *" $session-"*) return 1 ;;
  esac
}
