# Says what became of tasks; standard input is how old one may be that has not begun, in seconds, and then a key a line.
# For each: `task KEY`, facts, `file NAME BYTES` with just so many bytes after it, `end`.
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
largest=4194304

show() {
  [ -e "$2" ] || return 0
  bytes=$(wc -c < "$2")
  if [ "$bytes" -gt "$largest" ]; then
    echo "cut $1"
    bytes=$largest
  fi
  echo "file $1 $((bytes))"
  head -c "$bytes" < "$2"
}

# Whoever has not begun after so long never will: `running` is taken from its runner, for ever.
abandon() {
  [ ! -d "$1/running" ] && [ $((now - $(stat -c %Y "$1"))) -gt "$patience" ] || return 0
  mark=$(mktemp -d "$1/claim.XXXXXX") && : > "$mark/abandoned" || return 0
  mv -T "$mark" "$1/running" 2>/dev/null || rm -rf "$mark"
}

look() {
  abandon "$1"
  # Whether it lives comes first: what ends meanwhile has said so by then.
  alive=no
  is_alive "$1" && alive=yes
  echo "alive $alive"
  [ ! -d "$1/running" ] || echo running
  [ ! -e "$1/running/session" ] || { read -r session started booted began < "$1/running/session"; echo "began $began"; }
  if [ -e "$1/rebooting" ]; then
    read -r from since < "$1/rebooting"
    echo "rebooting $from $since"
  fi
  ended=
  [ ! -e "$1/ended" ] || read -r ended < "$1/ended"
  [ -z "$ended" ] || echo "ended $ended"
  IFS= read -r note < "$1/plan"
  printf '%s\n' "$note"
  [ "$alive" = no ] || [ -n "$ended" ] || return 0
  for code in "$1"/steps/*.code; do
    step=${code##*/}
    step=${step%.code}
    for part in code out err; do show "$step.$part" "$1/steps/$step.$part"; done
  done
}

IFS= read -r patience || exit 1
now=$(date +%s)
echo "now $now $boot"
while IFS= read -r key; do
  echo "task $key"
  [ ! -d "$HOME/.muster/$key" ] || look "$HOME/.muster/$key"
  echo end
done
