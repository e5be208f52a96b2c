#!/bin/sh
# What some of the long tests look with: strace (every connection of a run), ip and ss. Installed where that may be done;
# without them those tests are skipped, by name.
set -eu
missing=
command -v strace >/dev/null || missing="$missing strace"
command -v ip >/dev/null && command -v ss >/dev/null || missing="$missing iproute2"
command -v unshare >/dev/null && command -v setpriv >/dev/null || missing="$missing util-linux"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    printf 'tools: installing%s with apt-get (running as root)\n' "$missing"
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
fi
printf 'tools: without%s some tests are skipped; install the packages of these names\n' "$missing" >&2
