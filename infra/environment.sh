#!/bin/sh
# `environment.sh NAME [OTHER ...]`: makes .venv-NAME from infra/NAME.lock and the other locks, in front of the packages of
# .venv. Does nothing when nothing changed. Runs after setup.sh, whose Python and uv it takes.
set -eu
cd "$(dirname "$0")/.."

home=.venv-$1
locks=
for name in "$@"; do locks="$locks infra/$name.lock"; done
stamp=$(
    {
        cat $locks infra/environment.sh
        pwd
    } | sha256sum | cut -c1-64
)
if [ -x "$home/bin/python" ] && [ "$(cat "$home/setup.stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
if uv --version >/dev/null 2>&1; then uv=uv; else uv=.venv/bin/uv; fi
echo "$1: installing the packages of$locks into $home"
rm -rf "$home"
"$uv" venv --quiet --python .venv/bin/python "$home"
"$uv" pip install --quiet --require-hashes --python "$home/bin/python" $(printf -- '-r %s ' $locks)
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    >"$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
printf '%s\n' "$stamp" >"$home/setup.stamp"
