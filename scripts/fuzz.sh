#!/usr/bin/env bash
# Each fuzz target for FUZZ_SECONDS; findings go to engine/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/cargo_tool.sh cargo-fuzz
if ! rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
  rustup toolchain install nightly --profile minimal ||
    { echo 'fuzz: nightly Rust is missing: rustup toolchain install nightly' >&2 && exit 1; }
fi

export CARGO_TARGET_DIR="$CARGO_TARGET_DIR/fuzz"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
targets=$(cargo +nightly fuzz list --fuzz-dir engine/fuzz)
for target in $targets; do
  # No sanitizer: the parsers have no unsafe code, so what can be found is a panic,
  # an overflow (debug assertions are on) or a run without end.
  if cargo +nightly fuzz run --fuzz-dir engine/fuzz --sanitizer none "$target" -- \
    -max_total_time="$FUZZ_SECONDS" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1; then
    passed=$((passed + 1))
    printf '%-24s %s runs\n' "$target" "$(awk '/number_of_executed_units/ {print $2}' "$log")"
  else
    failed=$((failed + 1))
    tail -n 40 "$log" >&2
  fi
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
