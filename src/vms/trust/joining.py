"""A machine joins: it checks whom it reached before it sends anything."""

import hashlib
import hmac
import http.client
import ssl
from urllib.parse import urlsplit

import msgspec

from vms.common import (
    OUTCOMES,
    ForbiddenError,
    InternalError,
    InvalidError,
    UnavailableError,
    error_of_kind,
)
from vms.trust.authority import check_issued, fingerprint, new_request
from vms.trust.identity import Identity
from vms.trust.model import node_name
from vms.trust.wire import JoinDraft, Joined, JoinToken

PATH = "/api/v1/nodes/join"
TIMEOUT_S = 20.0
MOST_BYTES = 64 << 10

_KIND_OF_STATUS = {outcome.http_status: kind for kind, outcome in OUTCOMES.items()}


class _Problem(msgspec.Struct, frozen=True):
    detail: str
    code: str
    values: dict[str, str | int | float] = {}


def join(token: JoinToken, name: str) -> Identity:
    """Become a node of the installation that made the token."""
    key, request = new_request()
    draft = JoinDraft(token.secret, node_name(name), request)
    joined = _ask(token, draft)
    if not hmac.compare_digest(fingerprint(joined.authority), token.authority):
        raise ForbiddenError(
            "the authority that answered is not the one that the token names",
            code="authority_strange",
        )
    check_issued(joined.certificate, key, joined.authority)
    return Identity(
        key=key,
        certificate=joined.certificate,
        authority=joined.authority,
        control=joined.control,
    )


def _ask(token: JoinToken, draft: JoinDraft) -> Joined:
    connection = _connection(token)
    try:
        connection.connect()
        _check_pin(connection, token.pin)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", PATH, msgspec.json.encode(draft), headers)
        answer = connection.getresponse()
        status, content = answer.status, answer.read(MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(
            f"{token.url} does not answer: {error}",
            code="control_down",
            values={"url": token.url},
        ) from None
    finally:
        connection.close()
    return _understand(status, content)


def _connection(token: JoinToken) -> http.client.HTTPSConnection:
    found = urlsplit(token.url)
    if found.scheme != "https" or not found.hostname:
        raise InvalidError(f"{token.url} is no https address", code="node_token_unreadable")
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if token.pin:
        # The pin is compared instead, over the whole certificate.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(
        found.hostname, found.port, timeout=TIMEOUT_S, context=context
    )


def _check_pin(connection: http.client.HTTPSConnection, pin: str) -> None:
    if not pin:
        return
    shown = connection.sock.getpeercert(binary_form=True) or b""
    if not hmac.compare_digest(hashlib.sha256(shown).hexdigest(), pin):
        raise ForbiddenError(
            "another certificate is shown there than the token names: this is not the machine "
            "that made the token, or its certificate has changed since; make a new token",
            code="control_strange",
        )


def _understand(status: int, content: bytes) -> Joined:
    try:
        if status == http.client.CREATED:
            return msgspec.json.decode(content, type=Joined)
        problem = msgspec.json.decode(content, type=_Problem)
    except msgspec.MsgspecError:
        raise InternalError(
            f"what answers there is no VMS Enterprise: status {status}", code="control_strange"
        ) from None
    kind = _KIND_OF_STATUS.get(status)
    if kind is None:
        raise InternalError(problem.detail, code=problem.code)
    raise error_of_kind(kind, problem.detail, code=problem.code, values=problem.values)
