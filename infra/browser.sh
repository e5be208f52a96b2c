#!/bin/sh
# What tests of pages want: Chromium, installed with apt-get where it is missing and that may be done, and .venv-browser
# with the packages of infra/browser.lock, in front of those of .venv. Without a Chromium it fails and says so. Runs after
# setup.sh, whose Python and uv it takes.
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
home=.venv-browser
stamp=$(
    {
        cat infra/browser.lock infra/browser.sh
        pwd
    } | sha256sum | cut -c1-64
)
if [ -x "$home/bin/python" ] && [ "$(cat "$home/setup.stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
if uv --version >/dev/null 2>&1; then uv=uv; else uv=.venv/bin/uv; fi
echo "browser: installing the packages of infra/browser.lock into $home"
rm -rf "$home"
"$uv" venv --quiet --python .venv/bin/python "$home"
"$uv" pip install --quiet --require-hashes --python "$home/bin/python" -r infra/browser.lock
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    >"$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
printf '%s\n' "$stamp" >"$home/setup.stamp"
