"""The same POST twice is done once, on both stores."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

import things
from vms.api import Claim, KeptAnswer
from vms.api.store import KeptAnswers, idempotency
from vms.common import ConflictError, ManualClock
from vms.database import PLATFORM, Database, Vault

CLAIM = Claim("user:ana", "k1", "d" * 64)
ANSWER = KeptAnswer(201, {"etag": '"1"'}, b'{"secret": "hunter2"}')


@pytest.fixture
def first_answers(database: Database, clock: ManualClock) -> KeptAnswers:
    return KeptAnswers(database, Vault([b"v" * 32]), clock)


async def make(
    closed: httpx.AsyncClient, name: str, key: str = "k1", who: str = "ana"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {who}", "Idempotency-Key": key}
    return await closed.post("/api/v1/things", json={"name": name}, headers=headers)


async def test_the_first_answer_is_given_again(closed: httpx.AsyncClient) -> None:
    first, again = await make(closed, "gate"), await make(closed, "gate")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["etag"] == '"1"'
    assert again.headers["location"] == "/api/v1/things/gate"
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert list(things.kept) == ["gate"]


async def test_a_key_belongs_to_one_request_of_one_caller(closed: httpx.AsyncClient) -> None:
    await make(closed, "gate")
    other = await make(closed, "yard")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert (await make(closed, "yard", who="bruno")).status_code == 201
    assert (await make(closed, "dock", key="k2")).status_code == 201


async def test_a_refusal_leaves_the_key_free(closed: httpx.AsyncClient) -> None:
    await make(closed, "gate", key="k0")
    assert (await make(closed, "gate")).json()["code"] == "name_taken"
    things.kept.clear()
    assert (await make(closed, "gate")).status_code == 201


async def test_of_two_at_once_one_is_done(closed: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(make(closed, "gate") for _ in range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 201
    assert set(codes) <= {201, 409}
    refused = {answer.json()["code"] for answer in answers if answer.status_code == 409}
    assert refused <= {"idempotency_key_running"}
    assert list(things.kept) == ["gate"]


@pytest.mark.parametrize("key", ["", "a" * 201, "\xe9"])
async def test_a_key_is_printable_and_short(closed: httpx.AsyncClient, key: str) -> None:
    headers: Any = [(b"Authorization", b"Bearer ana"), (b"Idempotency-Key", key.encode("latin-1"))]
    answer = await closed.post("/api/v1/things", json={"name": "gate"}, headers=headers)
    assert (answer.status_code, things.kept) == (400, {})


async def test_nobody_is_answered_by_a_key_alone(closed: httpx.AsyncClient) -> None:
    await make(closed, "gate")
    assert (await make(closed, "gate", who="nobody")).status_code == 401


async def test_an_answer_is_kept_for_a_day(first_answers: KeptAnswers, clock: ManualClock) -> None:
    answers = first_answers
    assert await answers.begin(CLAIM) is None
    await answers.keep(CLAIM, ANSWER)
    clock.advance(24 * 3600)
    assert await answers.begin(CLAIM) == ANSWER
    clock.advance(1)
    assert await answers.begin(CLAIM) is None


async def test_a_worker_that_died_holds_a_key_for_a_minute(
    first_answers: KeptAnswers, clock: ManualClock
) -> None:
    answers = first_answers
    await answers.begin(CLAIM)
    clock.advance(60)
    with pytest.raises(ConflictError, match="still running"):
        await answers.begin(CLAIM)
    clock.advance(1)
    assert await answers.begin(CLAIM) is None


async def test_an_answer_lies_sealed(database: Database, first_answers: KeptAnswers) -> None:
    await first_answers.begin(CLAIM)
    await first_answers.keep(CLAIM, ANSWER)
    stored = await database.run(
        lambda unit: unit.execute(select(idempotency.c.answer)).scalar_one(), PLATFORM, read=True
    )
    assert isinstance(stored, bytes)
    assert b"hunter2" not in stored
