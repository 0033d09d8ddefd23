#!/usr/bin/env bash
# Python tests with coverage, and beside them a short soak of the product, which waits more than it
# works: alone it would cost its whole time. Both must be good.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

log=tests/artifacts/soak.log
mkdir -p tests/artifacts
SOAK_SECONDS=${SOAK_SECONDS:-180} .venv/bin/python tests/soak.py >"$log" 2>&1 &
soak=$!
trap 'kill "$soak" 2>/dev/null' EXIT

.venv/bin/pytest -n "${PYTEST_JOBS:-auto}" --dist loadfile --cov --cov-report=term
tests=$?
wait "$soak"
soaked=$?
if [ "$soaked" = 0 ]; then
  tail -n 1 "$log"
else
  printf 'soak: failed with %s\n' "$soaked" && cat "$log"
fi
[ "$tests" = 0 ] && [ "$soaked" = 0 ]
