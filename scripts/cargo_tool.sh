#!/usr/bin/env bash
# cargo_tool.sh TOOL: install a cargo tool of a fixed version, once for all checkouts.
set -euo pipefail

version_of() {
  case "$1" in
    cargo-llvm-cov) echo 0.9.1 ;;
    cargo-fuzz) echo 0.13.2 ;;
    *) echo "cargo_tool.sh: unknown tool $1" >&2 && return 2 ;;
  esac
}

tool=$1
version=$(version_of "$tool")
stamp="$DEV_CACHE/tools/$tool-$version"
[ -e "$stamp" ] && exit 0
echo "setup: installing $tool $version (once)" >&2
# In a target folder of its own, not to disturb the product's.
CARGO_TARGET_DIR="$DEV_CACHE/tools/target" \
  cargo install --quiet --locked --root "$DEV_CACHE/tools" --version "$version" "$tool"
rm -rf "$DEV_CACHE/tools/target"
touch "$stamp"
