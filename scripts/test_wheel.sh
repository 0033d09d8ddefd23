#!/usr/bin/env bash
# The wheel in an empty environment, with neither cargo nor Node in reach:
# moving pictures in a browser, in under 60 s from the installation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

rm -rf dist
make wheel
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

python3 -m venv "$place/venv"
began=$(date +%s)
.venv/bin/uv pip install --quiet --native-tls --python "$place/venv/bin/python" -c requirements.txt dist/*.whl

# The product sees only what every system has.
cat >"$place/vms" <<END
#!/bin/sh
exec env -i HOME="$place" PATH=/usr/bin:/bin VMS_API__PORT=0 VMS_RTSP__PORT=0 VMS_RTMP__PORT=0 VMS_SRT__PORT=0 VMS_WEBRTC__PORT=0 \
  VMS_HLS__PORT=0 \
  VMS_WEBRTC__UDP_PORT=0 "$place/venv/bin/vms" "\$@"
END
chmod +x "$place/vms"

PRODUCT="$place/vms" node --test --test-timeout=120000 --test-name-pattern='moving pictures' tests/browser/wall.test.mjs
took=$(($(date +%s) - began))
echo "wheel: from installation to moving pictures in $took s"
[ "$took" -lt 60 ]
