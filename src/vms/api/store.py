"""First answers of POSTs, kept in the database for a day.

An answer may hold what is shown only once, such as the secret of a new key;
so it is sealed.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
    and_,
    delete,
    insert,
    select,
    update,
)

from vms.api.idempotency import LONGEST_KEY, already_used, still_running
from vms.api.ports import Claim, KeptAnswer
from vms.common import Clock
from vms.database import PLATFORM, Database, Unit, Vault, Where, metadata

KEPT_US = 24 * 3600 * 1_000_000
# A claim without an answer for so long belongs to a worker that died.
ABANDONED_US = 60 * 1_000_000

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", String(80), primary_key=True),
    Column("key", String(LONGEST_KEY), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("answer", LargeBinary, nullable=True),
    Index("ix_idempotency_at_us", "at_us"),
)


class KeptAnswers:
    """The answers of every worker."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    async def begin(self, claim: Claim) -> KeptAnswer | None:
        """Claim the key, or return its first answer."""
        now = self._clock.utc_us()
        row = await self._database.run(lambda unit: _claim(unit, claim, now), PLATFORM)
        if row is None:
            return None
        if row.digest != claim.digest:
            raise already_used(claim.key)
        if row.answer is None:
            raise still_running(claim.key)
        plain = self._vault.open(row.answer, _where(claim))
        return msgspec.msgpack.decode(plain, type=KeptAnswer)

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer of a claimed key."""
        sealed = self._vault.seal(msgspec.msgpack.encode(answer), _where(claim))
        statement = update(idempotency).where(_is(claim)).values(answer=sealed)
        await self._database.run(_running(statement), PLATFORM)

    async def free(self, claim: Claim) -> None:
        """Give a claimed key back."""
        await self._database.run(_running(delete(idempotency).where(_is(claim))), PLATFORM)


def _running(statement: Any) -> Callable[[Unit], None]:  # noqa: ANN401 - any statement
    def work(unit: Unit) -> None:
        unit.execute(statement)

    return work


def _claim(unit: Unit, claim: Claim, now: int) -> Any:  # noqa: ANN401 - a row
    """Write the claim; return the row that holds the key already, if one does."""
    unit.execute(delete(idempotency).where(idempotency.c.at_us < now - KEPT_US))
    row = unit.execute(
        select(idempotency.c.digest, idempotency.c.at_us, idempotency.c.answer).where(_is(claim))
    ).one_or_none()
    values = {"digest": claim.digest, "at_us": now, "answer": None}
    if row is None:
        unit.execute(insert(idempotency).values(caller=claim.caller, key=claim.key, **values))
        return None
    if row.answer is None and row.at_us < now - ABANDONED_US:
        unit.execute(update(idempotency).where(_is(claim)).values(**values))
        return None
    return row


def _is(claim: Claim) -> Any:  # noqa: ANN401 - a condition
    return and_(idempotency.c.caller == claim.caller, idempotency.c.key == claim.key)


def _where(claim: Claim) -> Where:
    return ("idempotency", "answer", claim.caller, claim.key)
