"""``Idempotency-Key``: the same POST sent twice is done once and answered twice.

The first answer is kept for a day, for the caller and the key together. While
the first request runs, a second one is told so. A refused request has changed
nothing, so its key is free again. A worker that died in between holds the key
for a minute; then it may be tried anew, and what it did before it died may be
done twice: whoever must know looks first.
"""

import hashlib
from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from vms.api.caller import caller
from vms.api.inputs import read_body
from vms.api.ports import Claim, FirstAnswers, KeptAnswer
from vms.api.state import state_of
from vms.common import ConflictError, InvalidError, VmsError
from vms.telemetry import get_logger

log = get_logger(__name__)

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
LONGEST_KEY = 200
KEPT_HEADERS = ("content-type", "etag", "location")


async def answer_once(
    request: Request, key: str, limit: int, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Answer a request that names a key, or repeat its first answer."""
    who, answers = await caller(request), state_of(request).first_answers
    if answers is None:
        raise InvalidError(
            "without a database no Idempotency-Key can be kept", code="idempotency_unavailable"
        )
    if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidError(
            f"Idempotency-Key must be 1 to {LONGEST_KEY} printable ASCII characters",
            code="request_invalid",
        )
    body = await read_body(request, limit)
    claim = Claim(f"{who.kind}:{who.id}", key, _digest(request, body))
    if (kept := await answers.begin(claim)) is not None:
        return Response(kept.body, kept.status, {**kept.headers, REPLAYED: "true"})
    try:
        response = await answer(request)
    except BaseException:
        await _free(answers, claim)
        raise
    await _keep(answers, claim, response)
    return response


def _digest(request: Request, body: bytes) -> str:
    told = [request.method, request.url.path, request.url.query, ""]
    return hashlib.sha256("\n".join(told).encode() + body).hexdigest()


async def _free(answers: FirstAnswers, claim: Claim) -> None:
    try:
        await answers.free(claim)
    except VmsError as error:
        # The request's own failure is what the caller must hear; the claim runs out by itself.
        log.warning("idempotency_not_freed", code=error.code)


async def _keep(answers: FirstAnswers, claim: Claim, response: Response) -> None:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    try:
        await answers.keep(claim, KeptAnswer(response.status_code, headers, bytes(response.body)))
    except VmsError as error:
        # It was done: to say that it failed would be the greater lie.
        log.warning("idempotency_not_kept", code=error.code)


def already_used(key: str) -> ConflictError:
    """Return the refusal of a key that belongs to another request."""
    return ConflictError(
        f"the Idempotency-Key {key} was used for another request; take a new one",
        code="idempotency_key_reused",
    )


def still_running(key: str) -> ConflictError:
    """Return the refusal of a second request while the first one runs."""
    return ConflictError(
        f"the first request with the Idempotency-Key {key} is still running; ask again",
        code="idempotency_key_running",
    )
