#!/bin/sh
# What tests of pages want: Chromium, installed with apt-get where it is missing and that may be done, and .venv-browser
# with what drives it. Without a Chromium it fails and says so.
set -eu
cd "$(dirname "$0")/.."

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "browser: installing chromium with apt-get (running as root)"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
    else
        echo "browser: there is no chromium here; install the package of that name" >&2
        exit 1
    fi
fi
exec sh infra/environment.sh browser
