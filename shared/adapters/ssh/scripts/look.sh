# Says what became of tasks; standard input is how old one may be that has not begun, in seconds, and then a key a line.
# For each: `task KEY`, facts, `file NAME BYTES` with just so many bytes after it, `end`. Of what is too long, `cut`, the
# first and the last bytes are shown.
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
first=3145728 last=1048576

show() {
  [ -e "$2" ] || return 0
  bytes=$(wc -c < "$2")
  if [ "$bytes" -le $((first + last)) ]; then
    echo "file $1 $((bytes))"
    head -c "$bytes" < "$2"
  else
    echo "cut ${1%.*}"
    echo "file $1 $((first + 7 + last))"
    head -c "$first" < "$2"
    printf '\n[...]\n'
    tail -c "$last" < "$2"
  fi
}

# Whoever has not begun after so long never will: `running` is taken from its runner, for ever. Also when it is younger
# than now, as after the clock was set back.
abandon() {
  [ ! -d "$1/running" ] || return 0
  age=$((now - $(stat -c %Y "$1")))
  [ "$age" -gt "$patience" ] || [ "$age" -lt $((-patience)) ] || return 0
  mark=$(mktemp -d "$1/claim.XXXXXX") && : > "$mark/abandoned" || return 0
  mv -T "$mark" "$1/running" 2>/dev/null || rm -rf "$mark"
}

# The first line of file $3, without its first $2 words, as the fact $1; nothing of it if a power cut has emptied it.
tell() {
  line=
  [ ! -e "$3" ] || read -r line < "$3"
  [ -n "$line" ] || return 0
  [ "$2" = 0 ] || line=${line#* * }
  printf '%s %s\n' "$1" "$line"
}

look() {
  abandon "$1"
  # Whether it lives comes first: what ends meanwhile has said so by then.
  alive=no
  is_alive "$1" && alive=yes
  echo "alive $alive"
  [ ! -d "$1/running" ] || echo running
  tell began 2 "$1/running/session"
  tell rebooting 0 "$1/rebooting"
  ended=$(tell ended 0 "$1/ended")
  [ -z "$ended" ] || printf '%s\n' "$ended"
  IFS= read -r note < "$1/plan"
  case $note in 'note '*) printf '%s\n' "$note" ;; esac
  [ "$alive" = no ] || [ -n "$ended" ] || return 0
  for code in "$1"/steps/*.code; do
    step=${code##*/}
    step=${step%.code}
    for part in code out err; do show "$step.$part" "$1/steps/$step.$part"; done
  done
}

IFS= read -r patience || exit 1
at=$(moment)
now=${at%% *}
echo "now $at"
while IFS= read -r key; do
  echo "task $key"
  [ ! -d "$HOME/.muster/$key" ] || look "$HOME/.muster/$key"
  echo end
done
