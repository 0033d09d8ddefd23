"""``vms up`` by TLS: its own certificate, HTTP/2, WebSocket, no other way in."""

import asyncio
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from product import Farm, Product, running, wait_for


@pytest.fixture(scope="module")
def secure(cameras: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """``vms up --open`` on loopback with TLS, as one would have it elsewhere."""
    folder = tmp_path_factory.mktemp("secure")
    flags = ["up", "--open", "--camera", cameras.camera("gate", 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VMS_TLS__MODE", "on")
        with running(flags, folder / "data", folder / "log") as made:
            made.wait_live("gate/main")
            yield made


def curl(product: Product, address: str, *more: str) -> str:
    certificate = product.data / "tls" / "certificate.pem"
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "10", "--cacert", str(certificate), *more, address],
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    return done.stdout


def address_of(product: Product) -> tuple[str, int]:
    host, _, port = product.api.removeprefix("https://").rpartition(":")
    return host, int(port)


def test_everything_is_reached_by_https(secure: Product) -> None:
    addresses = secure.run["addresses"]
    assert addresses["api"].startswith("https://127.0.0.1:")
    assert addresses["webrtc"].startswith("https://127.0.0.1:")
    assert addresses["rtsp"].startswith("rtsp://")
    assert secure.get("/health/ready") == {"status": "ok"}
    said = secure.log.read_text(encoding="utf-8")
    pem = (secure.data / "tls" / "certificate.pem").read_bytes()
    fingerprint = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    assert set(re.findall("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said)) == {
        fingerprint.hex(":").upper()
    }


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_speaks_http2_and_http1_with_it(secure: Product) -> None:
    asked = ("-o", "/dev/null", "-D", "-", "-w", "%{http_version} %{http_code}")
    for flag, version in (("--http2", "2 200"), ("--http1.1", "1.1 200")):
        said = curl(secure, f"{secure.api}/", flag, *asked)
        assert said.endswith(version)
        # Nobody vouches for this certificate: browsers must let people go on.
        assert "strict-transport-security" not in said.lower()
    whep = f"{secure.run['addresses']['webrtc']}/health/live"
    assert json.loads(curl(secure, whep)) == {"status": "ok"}


def test_states_are_heard_over_tls(secure: Product) -> None:
    async def first() -> object:
        from websockets.asyncio.client import connect  # noqa: PLC0415 - this test alone

        address = secure.api.replace("https", "wss") + "/ws/events"
        async with connect(address, ssl=secure.trust) as heard:
            return json.loads(await asyncio.wait_for(heard.recv(), 10))["type"]

    assert asyncio.run(first()) == "snapshot"


def test_old_tls_is_refused_and_a_plain_request_is_sent_to_https(secure: Product) -> None:
    context = ssl.create_default_context(cafile=secure.data / "tls" / "certificate.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(address_of(secure), 5) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="localhost")
    with socket.create_connection(address_of(secure), 5) as plain:
        plain.sendall(b"GET /wall HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = plain.makefile().read()
    assert answer.startswith("HTTP/1.1 307 ")
    assert "location: https://localhost/wall\n" in answer


def test_the_certificate_stays_when_the_media_process_is_killed(secure: Product) -> None:
    before, served = secure.run, ssl.get_server_certificate(address_of(secure))
    os.kill(before["pids"]["media"], 9)
    wait_for(lambda: secure.run["pids"]["media"] != before["pids"]["media"], 5)
    secure.wait_live("gate/main")
    assert secure.run["addresses"] == before["addresses"]
    assert ssl.get_server_certificate(address_of(secure)) == served


def test_ones_own_certificate_is_served_with_strict_transport(
    secure: Product, cameras: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMS_TLS__MODE", "on")
    # One that was made elsewhere is as good as a bought one.
    for name in ("certificate", "key"):
        own = tmp_path / f"own-{name}.pem"
        own.write_bytes((secure.data / "tls" / f"{name}.pem").read_bytes())
        monkeypatch.setenv(f"VMS_TLS__{name.upper()}", str(own))
    flags = ["up", "--open", "--camera", cameras.camera("gate", 1)]
    with running(flags, tmp_path / "other", tmp_path / "other-log") as product:
        assert not (product.data / "tls").exists()
        context = secure.trust
        assert context is not None
        with (
            socket.create_connection(address_of(product), 5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as stream,
        ):
            stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: stream.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 200 ")
        assert "strict-transport-security: max-age=31536000\r\n" in answer
        said = product.log.read_text(encoding="utf-8")
        assert product.api in said
        assert "SHA-256" not in said
