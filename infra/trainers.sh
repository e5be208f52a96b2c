#!/bin/sh
# Makes .venv-NAME from infra/trainers/NAME.lock, for each NAME given or for all: the loaders of trainers that exports are
# read with in tests. A lock has the trainer and those packages that it wants in other versions than .venv has; all the
# rest, torch before all, is taken from .venv. Does nothing when nothing changed. Runs after setup.sh, whose Python and
# uv it takes.
set -eu
cd "$(dirname "$0")/.."

if uv --version >/dev/null 2>&1; then uv=uv; else uv=.venv/bin/uv; fi
shared=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

make_environment() {
    lock=infra/trainers/$1.lock
    home=.venv-$1
    stamp=$(
        {
            cat "$lock" requirements.lock infra/trainers.sh
            pwd
        } | sha256sum | cut -c1-64
    )
    if [ -x "$home/bin/python" ] && [ "$(cat "$home/setup.stamp" 2>/dev/null)" = "$stamp" ]; then return 0; fi
    echo "trainers: installing the packages of $lock into $home"
    rm -rf "$home"
    "$uv" venv --quiet --python .venv/bin/python "$home"
    "$uv" pip install --quiet --no-deps --require-hashes --python "$home/bin/python" -r "$lock"
    own=$("$home/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    # Behind the environment's own packages on the path, so that those come first.
    printf '%s\n' "$shared" >"$own/shared.pth"
    # LLaMA-Factory imports torchaudio and calls nothing of it here; its compiled part wants the torch of one CUDA build.
    rm -f "$own"/torchaudio/lib/*.so
    printf '%s\n' "$stamp" >"$home/setup.stamp"
}

if [ $# = 0 ]; then
    for lock in infra/trainers/*.lock; do
        name=${lock##*/}
        set -- "$@" "${name%.lock}"
    done
fi
for name in "$@"; do make_environment "$name"; done
