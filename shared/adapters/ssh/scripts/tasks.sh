# Says which tasks there are, and changes nothing. For each: `task KEY`, `made` and the second since 1970 in which it was
# made, `began` and the moment if it has begun, `end`.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
echo "now $(moment)"
for plan in "$HOME"/.muster/*/plan; do
  [ -e "$plan" ] || continue
  folder=${plan%/plan}
  echo "task ${folder##*/}"
  echo "made $(stat -c %Y "$plan")"
  session=''
  [ ! -e "$folder/running/session" ] || read -r session < "$folder/running/session"
  [ -z "$session" ] || echo "began ${session#* * }"
  echo end
done
