#!/bin/sh
# Installs the Python package as a user would, into the virtual environment build/python, with what its tests need.
# usage: install.sh [LIBRARY]   a libinlay.a that is built already, instead of building the library again
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/build/python
if [ ! -e "$venv/.complete" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check numpy ml_dtypes pytest
    touch "$venv/.complete"
fi
cd "$root"
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps \
    --config-settings=cmake.define.INLAY_WERROR=ON ${1:+--config-settings=cmake.define.INLAY_LIBRARY="$1"} .
