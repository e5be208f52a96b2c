#!/bin/sh
# Makes .venv-streaming from infra/streaming.lock: mosaicml-streaming wants an older transformers than .venv has. Does
# nothing when nothing changed. Runs after setup.sh, whose Python and uv it takes.
set -eu
cd "$(dirname "$0")/.."

stamp=$(
    {
        cat infra/streaming.lock infra/streaming.sh
        pwd
    } | sha256sum | cut -c1-64
)
if [ -x .venv-streaming/bin/python ] && [ "$(cat .venv-streaming/setup.stamp 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
if uv --version >/dev/null 2>&1; then uv=uv; else uv=.venv/bin/uv; fi
echo "streaming: installing the packages of infra/streaming.lock into .venv-streaming"
rm -rf .venv-streaming
"$uv" venv --quiet --python .venv/bin/python .venv-streaming
"$uv" pip install --quiet --compile-bytecode --require-hashes --python .venv-streaming/bin/python -r infra/streaming.lock
printf '%s\n' "$stamp" >.venv-streaming/setup.stamp
