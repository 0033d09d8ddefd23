"""Which listeners speak TLS, and the certificate that is made for them."""

import hashlib
import ssl
import stat
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from vms.common import InvalidError, ManualClock
from vms.proto import ApiSettings, Launch, TlsSettings, WebRtcSettings
from vms.services import certificate, tls
from vms.trust import speaks_tls

DAY_S = 24 * 3600


def launch(data: Path, *, host: str = "192.0.2.7", **settings: object) -> Launch:
    """Return orders with a front that others can reach."""
    return Launch(data=str(data), api=ApiSettings(host=host), tls=TlsSettings(**settings))  # type: ignore[arg-type]


def made(orders: Launch, clock: ManualClock) -> tls.Pair:
    """Look after the certificate; return where it is."""
    certificate.look_after(orders, clock)
    pair = tls.pair_of(orders)
    assert pair is not None
    return pair


def read(pair: tls.Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


@pytest.mark.parametrize(
    ("mode", "host", "speaks"),
    [
        ("auto", "127.0.0.1", False),
        ("auto", "::1", False),
        ("auto", "0.0.0.0", True),
        ("auto", "192.0.2.7", True),
        ("on", "127.0.0.1", True),
        ("off", "192.0.2.7", False),
    ],
)
def test_tls_is_on_where_others_can_reach(mode: str, host: str, *, speaks: bool) -> None:
    settings = TlsSettings(mode=mode)  # type: ignore[arg-type]
    assert speaks_tls(settings, host) is speaks
    assert tls.scheme(Launch(data="/d", tls=settings), host) == ("https" if speaks else "http")


def test_one_listener_that_speaks_it_is_enough_for_a_pair(tmp_path: Path) -> None:
    assert tls.pair_of(Launch(data="/d")) is None
    orders = Launch(data=str(tmp_path), webrtc=WebRtcSettings(host="::"))
    pair = tls.pair_of(orders)
    assert pair == tls.Pair(tmp_path / "tls/certificate.pem", tmp_path / "tls/key.pem", True)
    own = launch(tmp_path, certificate="/etc/a.pem", key="/etc/b.pem")
    assert tls.pair_of(own) == tls.Pair(Path("/etc/a.pem"), Path("/etc/b.pem"), False)


def test_a_certificate_is_made_for_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "recorder-7")
    orders = launch(tmp_path)
    pair = made(orders, ManualClock())
    for file in (pair.certificate, pair.key):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(pair.key.parent.stat().st_mode) == 0o700
    found = read(pair)
    public = found.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "recorder-7"}
    addresses = {ip_address(text) for text in ("127.0.0.1", "::1", "192.0.2.7")}
    assert set(names.get_values_for_type(x509.IPAddress)) == addresses
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == 397
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    der = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text(encoding="ascii"))
    shown = certificate.fingerprint(pair)
    assert len(shown) == 95
    assert shown.replace(":", "").lower() == hashlib.sha256(der).hexdigest()


def test_it_is_kept_until_thirty_days_before_it_ends(tmp_path: Path) -> None:
    orders, clock = launch(tmp_path), ManualClock()
    pair = made(orders, clock)
    first = certificate.fingerprint(pair)
    clock.advance(366 * DAY_S)
    certificate.look_after(orders, clock)
    assert certificate.fingerprint(pair) == first
    clock.advance(2 * DAY_S)
    certificate.look_after(orders, clock)
    assert certificate.fingerprint(pair) != first


def test_a_pair_that_is_no_good_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, clock = launch(tmp_path), ManualClock()
    pair = made(orders, clock)
    other = made(launch(tmp_path / "other"), clock)

    def changed() -> bool:
        before = pair.certificate.read_bytes()
        certificate.look_after(orders, clock)
        return pair.certificate.read_bytes() != before

    assert not changed()
    pair.key.write_bytes(other.key.read_bytes())
    assert changed(), "the key is another's"
    pair.key.write_text("no key", encoding="ascii")
    assert changed(), "the key cannot be read"
    pair.key.unlink()
    assert changed(), "the key is missing"
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    assert changed(), "the machine has another name"
    assert not changed()


def test_the_operators_own_is_left_alone(tmp_path: Path) -> None:
    clock = ManualClock()
    given = made(launch(tmp_path / "given"), clock)
    own = launch(tmp_path, certificate=str(given.certificate), key=str(given.key))
    before = given.certificate.read_bytes()
    clock.advance(390 * DAY_S)
    certificate.look_after(own, clock)
    assert given.certificate.read_bytes() == before
    assert not (tmp_path / "tls").exists()
    given.certificate.write_text("none", encoding="ascii")
    with pytest.raises(InvalidError, match="cannot be read as a certificate"):
        certificate.look_after(own, clock)


def test_without_tls_nothing_is_made(tmp_path: Path) -> None:
    certificate.look_after(launch(tmp_path, host="127.0.0.1"), ManualClock())
    assert list(tmp_path.iterdir()) == []
