#!/usr/bin/env bash
# Rust tests, built once, with coverage. What only Python can reach (the crate
# of exports) and what measures (the load client) does not count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What earlier runs measured does not count; nor do the test programs of other
# checkouts that share the cache: the report would take them for code that was
# never run.
cargo llvm-cov clean --profraw-only
programs="$CARGO_TARGET_DIR/llvm-cov-target/debug/deps"
if [ -d "$programs" ]; then
  find "$programs" -maxdepth 1 -type f -perm -u+x ! -name '*.so' -delete
fi
cargo llvm-cov --workspace --exclude vms-py --locked --no-fail-fast --no-report
cargo llvm-cov report --summary-only --ignore-filename-regex '/crates/(py|load)/|/tests?(/|\.rs)' \
  --fail-under-lines 80
