#!/usr/bin/env bash
# Every check, one after the other, each with its time. A check that fails
# does not stop the others: one run tells everything that is wrong.
# STEPS="lint-rust test-web" runs only those.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

STEPS=${STEPS:-setup docs-check lint-python lint-web test-web lint-rust test-rust stubtest test-python test-browser test-wheel fuzz}

summary=() passed=0 failed=0
for step in $STEPS; do
  printf '\n=== %s\n' "$step"
  began=$(date +%s)
  if make "$step"; then
    verdict=ok passed=$((passed + 1))
  else
    verdict=FAILED failed=$((failed + 1))
  fi
  summary+=("$(printf '%-14s %5d s  %s' "$step" $(($(date +%s) - began)) "$verdict")")
  # Nothing can be tested of a product that was not built.
  if [ "$step" = setup ] && [ "$failed" != 0 ]; then break; fi
done

printf '\n=== time of each step\n'
printf '%s\n' "${summary[@]}"
printf '\nsteps: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
