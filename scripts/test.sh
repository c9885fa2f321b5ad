#!/usr/bin/env bash
# Every check of the project; all of them run, the exit status is the first failure's. Extra arguments: pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$((RANDOM % 11 + 91))}
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_PYTHON_CHECK_FIELDS=1
status=0
failed=()
check() {
    printf '== %s\n' "$*"
    "$@" || { local code=$?; [ $status -ne 0 ] || status=$code; failed+=("$*"); printf '!! failed: %s\n' "$*"; }
}
# Ten minutes of tests lie between a failed check and the end: what a reader of the last lines must know stands there.
finish() {
    [ ${#failed[@]} -eq 0 ] || printf '!! failed: %s\n' "${failed[@]}"
    exit $status
}
bin=.venv/bin
check $bin/ruff check .
check $bin/ruff format --check .
check $bin/mypy
check $bin/lint-imports
[ "${1:-}" = --lint ] && finish
check $bin/python -m pytest -rs "$@"
finish
