"""Public keys that seal: as other tools read them, and as people compare them."""

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vms.common import InvalidError
from vms.recording import fingerprint, pem_of, pinned


@pytest.fixture
def raw() -> bytes:
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def test_openssl_reads_the_key_and_sees_the_same_bytes(raw: bytes) -> None:
    openssl = shutil.which("openssl")
    assert openssl, "openssl is missing: apt install openssl"
    public = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    # As the command prints it: the fingerprint above the key.
    told = f"{fingerprint(public)}  2026-11-21 10:00:00Z\n{pem_of(public)}"
    command = [openssl, "pkey", "-pubin", "-outform", "DER"]
    done = subprocess.run(command, input=told.encode(), capture_output=True, check=True)
    assert done.stdout[-32:] == raw
    assert hashlib.sha256(done.stdout[-32:]).hexdigest() == fingerprint(public)


def test_a_fingerprint_is_read_from_any_file_that_people_have(raw: bytes, tmp_path: Path) -> None:
    public = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    mark = hashlib.sha256(raw).hexdigest()
    path = tmp_path / "key"
    for content in (pem_of(public), f"{mark}\n", json.dumps({"public_key": public})):
        path.write_text(content, encoding="utf-8")
        assert pinned(str(path)) == mark
    for content in ("", "{}", '{"public_key": "%%"}', f"{mark[:-2]}\n"):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InvalidError):
            pinned(str(path))
