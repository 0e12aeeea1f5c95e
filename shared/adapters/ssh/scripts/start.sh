# Makes the folder of a task and starts what it holds; standard input is the key, and then the plan.
# Says `created`, `found`, or `late` where the plan may no longer begin: then there is no task. The runner is put in by
# the caller, as the text of the function `runner`.
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
fail() { echo "$1" >&2; exit 1; }

cd "$HOME" && mkdir -p .muster && cd .muster || fail "The user's home folder can't be written to."
IFS= read -r key || fail 'No key came.'
now=$(date +%s)
is_older() { [ $((now - $(stat -c %Y "$1" 2>/dev/null || echo "$now"))) -gt "$2" ]; }

sweep() {
  for old in .new.* .old.*; do
    is_older "$old" 86400 && rm -rf "$old"
  done
  for old in *; do
    [ -d "$old" ] && is_older "$old" 2592000 && ! is_alive "$old" || continue
    away=$(mktemp -d .old.XXXXXX) && mv "$old" "$away/" && rm -rf "$away"
  done
}

said=found
if [ ! -d "$key" ]; then
  sweep
  new=$(mktemp -d .new.XXXXXX) || fail 'No folder could be made: is the disk full?'
  cat > "$new/plan" && runner > "$new/runner" || { rm -rf "$new"; fail 'The plan could not be kept: is the disk full?'; }
  # What came over a connection that broke has no end.
  [ "$(tail -n 1 "$new/plan")" = end ] || { rm -rf "$new"; fail 'The plan came in part.'; }
  sync "$new/plan" "$new/runner" "$new" 2>/dev/null
  if is_late "$new/plan"; then rm -rf "$new"; echo late; exit 0; fi
  # Of several that try it, one succeeds: a folder that is not empty is never replaced.
  if mv -T "$new" "$key" 2>/dev/null; then said=created; else rm -rf "$new"; fi
  # It is there after a power cut, too, before anything of it runs.
  sync . 2>/dev/null
fi
cd "$key" || fail "The task's folder could not be made."
# Not in a subshell, which would keep the connection's standard output open.
if [ ! -d running ]; then setsid sh ./runner < /dev/null > /dev/null 2>&1 & fi
echo "$said"
