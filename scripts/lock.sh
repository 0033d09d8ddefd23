#!/bin/sh
# Write the lock files again from pyproject.toml: exact versions with hashes.
# `requirements.txt` is what the product runs with; `requirements-dev.txt` is
# that and what the checks need.
set -eu
cd "$(dirname "$0")/.."
lock() {
    uv pip compile pyproject.toml "$@" --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --quiet \
        --custom-compile-command "scripts/lock.sh"
}
lock -o requirements.txt
lock --group dev -c requirements.txt -o requirements-dev.txt
