#!/usr/bin/env bash
# Make .venv with everything in it. Idempotent: a second run does nothing; an interrupted one is taken up again.
# Exit codes: 0 ready, 1 a step failed, 2 something is missing on this machine (named with its remedy).
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/.setup.stamp
log=$venv/setup.log

fail() { printf 'error: %s\n' "$1" >&2; exit "${2:-1}"; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 was not found (tried ${PYTHON:+$PYTHON, }python3.11, python3). Install it:
    sudo apt-get update && sudo apt-get install -y python3.11 python3.11-venv python3.11-dev
or name it: make setup PYTHON=/path/to/python3.11" 2
}

check_tools() {
    local missing=()
    command -v cmake >/dev/null || missing+=(cmake)
    command -v g++ >/dev/null || missing+=(g++)
    command -v ninja >/dev/null || missing+=(ninja-build)
    [ ${#missing[@]} -eq 0 ] || fail "missing system packages: ${missing[*]}. Install them:
    sudo apt-get update && sudo apt-get install -y ${missing[*]}" 2
}

fingerprint() {
    { cat setup.cfg setup.py pyproject.toml scripts/setup.sh; pwd; readlink -f $venv/bin/python || true; } |
        sha256sum | cut -d' ' -f1
}

step() {  # step TEXT COMMAND...: what is done, its output in the log, its end when it failed
    local text=$1; shift
    printf '%s\n' "$text"
    "$@" >>$log 2>&1 || { tail -n 25 $log >&2; fail "$text failed; the whole output: $log"; }
}

if command -v flock >/dev/null; then
    exec 9>.setup.lock
    flock -n 9 || { echo "another set-up is running; waiting for it"; flock 9; }
fi
if [ -f $stamp ] && [ "$(cat $stamp)" = "$(fingerprint)" ]; then
    $venv/bin/python scripts/build_interfaces.py >$venv/interfaces.out || { code=$?; cat $venv/interfaces.out; exit $code; }
    exit 0
fi

python=$(find_python)
check_tools
if ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    echo "[1/3] creating $venv with $python"
    "$python" -m venv --clear $venv || fail "python -m venv failed. Install it:
    sudo apt-get update && sudo apt-get install -y python3.11-venv" 2
fi
rm -f $stamp
: >$log
step "[2/3] installing the Python packages (a minute or two; 2.3 GB)" \
    $venv/bin/python -m pip install --disable-pip-version-check --progress-bar off -e '.[ros,dev]'
step "      checking that they agree" $venv/bin/python -m pip check
echo "[3/3] ROS interfaces"
$venv/bin/python scripts/build_interfaces.py
fingerprint >$stamp
echo "ready: $venv/bin/metaagent --help"
