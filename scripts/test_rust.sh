#!/usr/bin/env bash
# Rust tests, built once, with coverage. What only Python can reach (the crate
# of exports) and what measures (the load client) does not count.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What earlier runs measured does not count.
cargo llvm-cov clean --profraw-only
cargo llvm-cov --workspace --exclude vms-py --locked --no-fail-fast --no-report
cargo llvm-cov report --summary-only --ignore-filename-regex '/crates/(py|load)/|/tests?(/|\.rs)' \
  --fail-under-lines 80
