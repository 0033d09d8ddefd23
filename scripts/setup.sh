#!/usr/bin/env bash
# setup.sh python|web|engine|verifier: prepare one part of the checkout. A stamp with
# the hash of all that the part is made from says when there is nothing to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

STAMPS=.venv/stamps
say() { printf 'setup: %s\n' "$*" >&2; }

# hash_of PATH...: one hash over the names and contents of files and folders.
hash_of() {
  find "$@" -type f -not -path '*/target/*' -not -path '*/node_modules/*' -not -path '*/coverage/*' -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-32
}

is_fresh() { [ -e "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$2" ]; }
stamp() { mkdir -p "$STAMPS" && printf '%s\n' "$2" >"$STAMPS/$1"; }

# The installer comes by pip with its hash, all else by the installer: it
# links what is in its cache into the environment within a second or two.
make_environment() {
  say 'making .venv'
  rm -rf .venv
  python3 -m venv .venv
  awk '/^[^ #]/ {on = /^uv==/} on' requirements-dev.txt >.venv/installer.txt
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/installer.txt
}

python() {
  scripts/require.sh python3
  local want
  want="$(hash_of requirements.txt requirements-dev.txt) $(python3 -V)"
  if ! is_fresh python "$want"; then
    make_environment
    say 'installing Python packages'
    .venv/bin/uv pip sync --quiet --native-tls --python .venv/bin/python --require-hashes \
      requirements.txt requirements-dev.txt
    stamp python "$want"
  fi
  .venv/bin/python scripts/generate_proto.py
}

web() {
  local want
  want=$(hash_of clients/web/package-lock.json clients/web/.npmrc)
  if [ ! -d clients/web/node_modules ] || ! is_fresh web-packages "$want"; then
    scripts/require.sh node npm
    say 'installing packages of the web client'
    (cd clients/web && npm ci --prefer-offline --ignore-scripts --loglevel=error)
    stamp web-packages "$want"
  fi
  want=$(hash_of clients/web)
  if [ ! -e src/vms/web/index.html ] || ! is_fresh web "$want"; then
    scripts/require.sh node
    say 'building the web client'
    (cd clients/web && node_modules/.bin/vite build --logLevel warn)
    stamp web "$want"
  fi
}

# On a terminal one sees how far it is; elsewhere only what went wrong.
build_engine() {
  local log=/dev/stderr
  [ -t 2 ] || log=$(mktemp)
  local -x VIRTUAL_ENV="$PWD/.venv" PATH="$PWD/.venv/bin:$PATH"
  if ! maturin develop --release --uv --locked >"$log" 2>&1; then
    [ -t 2 ] || { cat "$log" >&2 && rm -f "$log"; }
    return 1
  fi
  [ -t 2 ] || rm -f "$log"
}

engine() {
  local want
  want=$(hash_of engine Cargo.toml Cargo.lock rust-toolchain.toml pyproject.toml)
  if ! .venv/bin/python -c 'import vms._engine' 2>/dev/null || ! is_fresh engine "$want"; then
    scripts/require.sh cargo cc
    say "building the engine (minutes the first time; kept in $CARGO_TARGET_DIR)"
    build_engine
    stamp engine "$want"
  fi
}

# The page that verifies without a server: beside the web client, whose build
# empties the folder. That it builds shows that the format needs no system.
verifier() {
  local want program="$CARGO_TARGET_DIR/wasm32-unknown-unknown/page/vms_wasm.wasm"
  want=$(hash_of clients/verifier engine/crates/{format,media,wasm} Cargo.toml Cargo.lock rust-toolchain.toml \
    scripts/build_verifier.py)
  if [ ! -e src/vms/web/verify.html ] || ! is_fresh verifier "$want"; then
    scripts/require.sh cargo cc
    say 'building the page that verifies recordings'
    # A toolchain that was there before may lack the target.
    if command -v rustup >/dev/null && ! rustup target list --installed | grep -q '^wasm32-unknown-unknown$'; then
      rustup target add wasm32-unknown-unknown
    fi
    cargo build --quiet --locked --profile page -p vms-wasm --target wasm32-unknown-unknown
    .venv/bin/python scripts/build_verifier.py "$program" src/vms/web/verify.html
    stamp verifier "$want"
  fi
}

case "${1:-}" in
  python | web | engine | verifier) "$1" ;;
  *)
    echo 'usage: setup.sh python|web|engine|verifier' >&2
    exit 2
    ;;
esac
