# What time it is here, put before the other scripts: `DATE BOOT UPTIME`, in seconds since 1970 and since the boot.
# A clock that is set moves the date, and not the uptime.
read -r boot < /proc/sys/kernel/random/boot_id
uptime() { read -r up rest < /proc/uptime; echo "${up%%.*}"; }
moment() { echo "$(date +%s) $boot $(uptime)"; }

# Whether the plan $1 says that it may no longer begin: by which second of which boot.
is_late() {
  by=$(sed -n 's/^begin-by //p' "$1")
  [ -n "$by" ] || return 1
  [ "${by%% *}" != "$boot" ] || [ "$(uptime)" -ge "${by#* }" ]
}
