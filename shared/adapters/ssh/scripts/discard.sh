# Moves a task away that has ended or was interrupted; standard input is its key. Says `gone` or `kept`.
set -u
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
IFS= read -r key || exit 1
cd "$HOME/.muster" 2>/dev/null && [ -d "$key" ] || { echo gone; exit 0; }
[ -e "$key/ended" ] || { [ -d "$key/running" ] && ! is_alive "$key"; } || { echo kept; exit 0; }
away=$(mktemp -d .old.XXXXXX) || { echo 'No folder could be made: is the disk full?' >&2; exit 1; }
# Moved in one step, so that a new task may have the name at once.
mv "$key" "$away/" 2>/dev/null
rm -rf "$away"
echo gone
