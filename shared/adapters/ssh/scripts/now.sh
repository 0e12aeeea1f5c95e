# Says what time it is here.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH LC_ALL=C
moment
