"""The certificate that is made here where the operator gives none: made, renewed, named.

Nobody vouches for it: a browser warns, and a person compares the fingerprint.
"""

import contextlib
import datetime as dt
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vms.common import Clock, InvalidError
from vms.proto import Launch
from vms.services.paths import write_atomic
from vms.services.tls import Pair, pair_of
from vms.telemetry import get_logger

log = get_logger(__name__)

# Browsers take none that lasts longer (the CA/Browser Forum's limit was 398 days).
LIFETIME = dt.timedelta(days=397)
RENEWED_BEFORE = dt.timedelta(days=30)
# For clients whose clock is late.
BEGINS_BEFORE = dt.timedelta(hours=1)
# As X.520 limits a common name.
LONGEST_NAME = 64

# Of a certificate that is not ours, networks too.
Names = frozenset[str | IPv4Address | IPv6Address | IPv4Network | IPv6Network]


def look_after(launch: Launch, clock: Clock) -> None:
    """See to it that a good pair is there: make ours where it is missing or ends soon."""
    pair = pair_of(launch)
    if pair is None:
        return
    now = dt.datetime.fromtimestamp(clock.utc_us() / 1e6, dt.UTC)
    if not pair.self_made:
        _warn(pair, now)
        return
    names = names_of(launch)
    reason = _fault(pair, names, now)
    if reason is not None:
        _make(pair, names, now)
        log.info("certificate_made", reason=reason, fingerprint=fingerprint(pair))


def names_of(launch: Launch) -> Names:
    """Return the names and addresses that a certificate of ours is made for."""
    names: set[str | IPv4Address | IPv6Address] = {"localhost"}
    host = socket.gethostname()
    if host.isascii() and host:
        names.add(host)
    addresses = ("127.0.0.1", "::1", launch.api.host, launch.webrtc.host, launch.hls.host)
    names.update(a for a in map(ip_address, addresses) if not a.is_unspecified)
    return frozenset(names)


def fingerprint(pair: Pair) -> str:
    """Return SHA-256 of the certificate, written as browsers show it."""
    return _read(pair).fingerprint(hashes.SHA256()).hex(":").upper()


def _read(pair: Pair) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidError(
            f"{pair.certificate} cannot be read as a certificate in PEM: {error}",
            code="certificate_unreadable",
            values={"file": str(pair.certificate)},
        ) from None


def _warn(pair: Pair, now: dt.datetime) -> None:
    ends = _read(pair).not_valid_after_utc
    if ends - now < RENEWED_BEFORE:
        log.warning("certificate_ends", file=str(pair.certificate), ends=ends.isoformat())


def _fault(pair: Pair, names: Names, now: dt.datetime) -> str | None:
    """Say why a pair of ours cannot be kept, if so."""
    try:
        found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError):
        return "unreadable"
    if key.public_key() != found.public_key():
        return "another's key"
    if found.not_valid_after_utc - now < RENEWED_BEFORE:
        return "ends soon"
    return None if names <= _names_in(found) else "other names"


def _names_in(found: x509.Certificate) -> Names:
    with contextlib.suppress(x509.ExtensionNotFound):
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return frozenset(
            name.value for name in names if isinstance(name, (x509.DNSName, x509.IPAddress))
        )
    return frozenset()


def _make(pair: Pair, names: Names, now: dt.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, names, now)
    pair.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_atomic(pair.key, pem.decode())
    write_atomic(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM).decode())


def _certificate(
    key: ec.EllipticCurvePrivateKey, names: Names, now: dt.datetime
) -> x509.Certificate:
    public = key.public_key()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "VMS Enterprise, self-made"),
            x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:LONGEST_NAME]),
        ]
    )
    alternatives = [
        x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)
        for name in sorted(names, key=str)
    ]
    use = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - BEGINS_BEFORE,
        not_valid_after=now - BEGINS_BEFORE + LIFETIME,
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectAlternativeName(alternatives), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (use, True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256())
