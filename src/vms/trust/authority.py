"""Certificates of machines (RFC 5280): the installation's own authority, and what it signs."""

import datetime as dt
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vms.common import ForbiddenError, InvalidError
from vms.trust.model import SERVING, NodeRole, Peer

NODE_LASTS = dt.timedelta(days=30)
RENEWED_BEFORE = dt.timedelta(days=10)
AUTHORITY_LASTS = dt.timedelta(days=3650)
# For machines whose clock is late.
_BEGINS_BEFORE = dt.timedelta(hours=1)
_CURVE = ec.SECP256R1.name


def time_of(utc_us: int) -> dt.datetime:
    """Return a time as certificates tell it."""
    return dt.datetime.fromtimestamp(utc_us / 1_000_000, dt.UTC)


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 of the first certificate of a PEM text, in hex."""
    return x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA256()).hex()


def new_request() -> tuple[str, str]:
    """Make a key; return it and the request for its certificate, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    # Who the key belongs to is decided by who signs.
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return _key_text(key), _text(request)


class Authority:
    """Signs the certificates of one installation's machines."""

    def __init__(self, certificate: str, key: str) -> None:
        self.certificate = certificate
        self.key = key
        self._own = x509.load_pem_x509_certificate(certificate.encode())
        loaded = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise InvalidError("the authority's key is of another kind", code="authority_key")
        self._key = loaded

    @classmethod
    def new(cls, now_us: int) -> "Authority":
        """Make an authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("VMS Enterprise, own authority")
        builder = _builder(name, name, key.public_key(), now_us, AUTHORITY_LASTS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_use(signs_certificates=True), True)
        return cls(_text(builder.sign(key, hashes.SHA256())), _key_text(key))

    def issue(self, request: str, peer: Peer, now_us: int) -> str:
        """Return the certificate of a machine for the key of its request."""
        public = _public_of(request)
        name = _name(peer.node, (NameOID.ORGANIZATIONAL_UNIT_NAME, peer.role))
        purposes = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if peer.role in SERVING:
            purposes.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = _builder(self._own.subject, name, public, now_us, NODE_LASTS)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_use(signs_certificates=False), True),
            (x509.ExtendedKeyUsage(purposes), False),
            (x509.SubjectAlternativeName([x509.DNSName(peer.host)]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        ]
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return _text(builder.sign(self._key, hashes.SHA256()))


@lru_cache(maxsize=1024)
def peer_of(certificate: bytes) -> Peer:
    """Return whom a certificate of our authority, in PEM, names."""
    found = x509.load_pem_x509_certificate(certificate)
    try:
        [node] = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        [role] = found.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        [host] = names.get_values_for_type(x509.DNSName)
        ends_us = round(found.not_valid_after_utc.timestamp() * 1_000_000)
        return Peer(str(node.value), host.partition(".")[0], NodeRole(str(role.value)), ends_us)
    except (ValueError, x509.ExtensionNotFound):
        raise ForbiddenError("this certificate is no node's", code="certificate_strange") from None


def check_issued(certificate: str, key: str, authority: str) -> None:
    """Refuse a certificate that is not of our key, or not by this authority."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    own = serialization.load_pem_private_key(key.encode(), None)
    if not _is_signed_by(found, authority) or found.public_key() != own.public_key():
        raise ForbiddenError(
            "the certificate that came is not for this machine's key, or of another authority",
            code="certificate_strange",
        )


def _is_signed_by(certificate: x509.Certificate, authority: str) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.encode()))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _public_of(request: str) -> ec.EllipticCurvePublicKey:
    try:
        found = x509.load_pem_x509_csr(request.encode())
        public = found.public_key()
        good = found.is_signature_valid
    except ValueError:
        good, public = False, None
    if good and isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == _CURVE:
        return public
    raise InvalidError(
        "the request for a certificate must be a PKCS #10 in PEM, signed by its P-256 key",
        code="certificate_request",
    )


def _builder(
    issuer: x509.Name,
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now_us: int,
    lasts: dt.timedelta,
) -> x509.CertificateBuilder:
    now = time_of(now_us)
    builder = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=public,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _BEGINS_BEFORE,
        not_valid_after=now + lasts,
    )
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)


def _use(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str, *more: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    parts = ((NameOID.COMMON_NAME, common), *more)
    return x509.Name([x509.NameAttribute(oid, str(text)) for oid, text in parts])


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _text(thing: x509.Certificate | x509.CertificateSigningRequest) -> str:
    return thing.public_bytes(serialization.Encoding.PEM).decode()
