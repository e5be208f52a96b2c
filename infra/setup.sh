#!/bin/sh
# Makes .venv from requirements.lock and finds the Java that Spark needs. Does nothing when nothing changed.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
stop() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

stamp=$(
    {
        cat requirements.lock pyproject.toml infra/setup.sh infra/uv.lock
        pwd
    } | sha256sum | cut -c1-64
)
if [ -x .venv/bin/python ] && [ "$(cat .venv/setup.stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

# apt is used only as root on Debian and its kin, and never without saying so.
can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
apt_updated=no
apt_install() {
    say "installing $1 with apt-get (running as root)"
    if [ "$apt_updated" = no ]; then
        apt-get update -qq
        apt_updated=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if fits "$candidate"; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || stop "Python 3.11, 3.12 or 3.13 is needed: install one, or name it with PYTHON=/path/to/python3"

if ! "$python" -m resources.engines.java >/dev/null 2>&1 && can_apt; then
    for release in 17 21 25; do
        if apt_install "openjdk-$release-jre-headless"; then break; fi
    done
fi
java=$("$python" -m resources.engines.java) || exit 1
say "$java"

# A virtual environment cannot be moved: one that came here from elsewhere, or whose Python has gone, is made anew.
if [ -e .venv ]; then
    if [ "$(cat .venv/setup.home 2>/dev/null || pwd)" != "$(pwd)" ] || ! fits .venv/bin/python; then
        say "removing .venv, which cannot be used here"
        rm -rf .venv
    fi
fi
if [ ! -e .venv ]; then
    say "making .venv with $("$python" --version)"
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        can_apt || stop "$python cannot make virtual environments: install $version"
        apt_install "$version"
        "$python" -m venv .venv
    fi
fi
pwd >.venv/setup.home
rm -f .venv/setup.stamp

if uv --version >/dev/null 2>&1; then
    uv=uv
else
    uv=.venv/bin/uv
    say "installing uv, which installs the rest"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/uv.lock
fi

say "installing the packages of requirements.lock (several GB the first time)"
VIRTUAL_ENV=$(pwd)/.venv
export VIRTUAL_ENV
# Compiled now: a first run otherwise compiles 25,000 files, and where bytecode may not be written every run does.
"$uv" pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
# The lock holds setuptools, which torch needs as well: no build package is fetched unhashed.
"$uv" pip install --quiet --offline --no-deps --no-build-isolation -e .

printf '%s\n' "$stamp" >.venv/setup.stamp
say "done"
