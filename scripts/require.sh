#!/usr/bin/env bash
# require.sh TOOL...: see to it that each tool is there. What is missing is
# installed where this is Debian and we are root, else named with how to get it.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

# Debian packages that hold a tool; none for those that Debian has too old.
packages_of() {
  case "$1" in
    cc) echo build-essential cmake ;;
    chromium) echo chromium fonts-liberation ;;
    ffmpeg) echo ffmpeg ;;
    firefox-esr) echo firefox-esr fonts-liberation ;;
    gstreamer) echo gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad} gstreamer1.0-libav ;;
    postgresql) echo postgresql ;;
    python3) echo python3 python3-venv ;;
    srt-live-transmit) echo srt-tools ;;
    turnserver) echo coturn ;;
  esac
}

how_to_get() {
  case "$1" in
    cargo) echo 'install Rust with rustup (https://rustup.rs)' ;;
    node | npm) echo 'install Node.js 20.19 or newer (https://nodejs.org)' ;;
    python3) echo 'install Python 3.11 or newer (Debian: apt install python3 python3-venv)' ;;
    *) echo "install it (Debian: apt install $(packages_of "$1"))" ;;
  esac
}

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -n "$(packages_of "$1")" ]; }

install() {
  say "installing $(packages_of "$1")"
  local log
  log=$(mktemp)
  # shellcheck disable=SC2046  # several packages are several words
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $(packages_of "$1"); } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# new_enough TOOL: a tool that is there may still be too old.
new_enough() {
  case "$1" in
    python3) python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ;;
    node) node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ;;
  esac
}

# Debian keeps PostgreSQL's programs out of PATH; GStreamer without its decoders plays nothing.
is_there() {
  command -v "$1" >/dev/null && return
  [ "$1" = gstreamer ] && { command -v gst-inspect-1.0 && gst-inspect-1.0 --exists avdec_h264 &&
    gst-inspect-1.0 --exists h264parse && gst-inspect-1.0 --exists qtdemux; } >/dev/null && return
  [ "$1" = postgresql ] && { command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb'; } >/dev/null
}

for tool in "$@"; do
  if ! is_there "$tool" && can_install "$tool"; then
    install "$tool" || { say "$tool is missing and could not be installed: $(how_to_get "$tool")"; exit 1; }
  fi
  is_there "$tool" || { say "$tool is missing: $(how_to_get "$tool")"; exit 1; }
  new_enough "$tool" || { say "$tool is too old: $(how_to_get "$tool")"; exit 1; }
done
