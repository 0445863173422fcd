#!/bin/sh
# Makes the oracle's virtual environment (the real TensorFlow) once and prints the path of its python.
# usage: venv.sh [PACKAGE...]   more packages for it to have
# The place is $INLAY_VENV, else .venv at the root of the repository (ignored by git).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=${INLAY_VENV:-$root/.venv}
stamp=$venv/.complete-2.21.0
if [ ! -e "$stamp" ]; then
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 pytest >&2
    touch "$stamp"
fi
[ $# = 0 ] || "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
echo "$venv/bin/python"
