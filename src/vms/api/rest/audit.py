"""``/api/v1/audit``: who did what, and the proof that nothing of it was changed."""

import dataclasses
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import Response
from msgspec import Meta
from starlette.responses import StreamingResponse

from vms.admin import PLATFORM_HOME, Function, Principal
from vms.api.answers import answer, answer_page
from vms.api.caller import Caller
from vms.api.inputs import ListQuery, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.state import ApiState, State
from vms.audit import PLATFORM_CHAIN, Asker, Found, Report, Search
from vms.common import NotFoundError, Slice
from vms.database import CityScope

ops = Operations("/api/v1/audit", tag="audit")

CSV_MEDIA = "text/csv"
CHAIN_MEDIA = "application/jsonl"
# Microseconds of UTC, up to the year 5138.
MOST_US = 100_000_000_000_000_000

# How the platform's own chain is asked for; no city can be called so.
PLATFORM_WORD = "platform"

ChainText = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9_-]{1,50}$",
        description="A city's id, or `platform`. Absent: one's own; of the platform's people: all.",
    ),
]
WhoText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="Such as `user:ID`; ending in `*` it means all that begin so.",
    ),
]
FromUs = Annotated[int, Meta(ge=0, le=MOST_US, description="From this microsecond of UTC on.")]
ToUs = Annotated[int, Meta(ge=0, le=MOST_US, description="Before this microsecond of UTC.")]


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line. Name and login are null where they were erased, number until it is sealed."""

    id: str
    city: str
    number: int | None
    time_us: int
    actor: str
    name: str | None
    login: str | None
    action: str
    object: str
    outcome: str
    address: str | None
    details: dict[str, Any]
    hash: str | None


class LinePage(msgspec.Struct, frozen=True):
    """A page of lines."""

    items: list[LineView]
    next: str | None = None


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which lines."""

    city: ChainText | None = None
    actor: WhoText | None = None
    object: WhoText | None = None
    action: WhoText | None = None
    from_us: FromUs | None = None
    to_us: ToUs | None = None


class LineQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which lines, a page of them."""

    city: ChainText | None = None
    actor: WhoText | None = None
    object: WhoText | None = None
    action: WhoText | None = None
    from_us: FromUs | None = None
    to_us: ToUs | None = None


class ChainQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which chain."""

    city: ChainText | None = None


class PeriodQuery(ChainQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which chain, from when to when."""

    from_us: FromUs = 0
    to_us: ToUs = MOST_US


class FaultView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: lines, or seals, from the first to the last."""

    kind: str
    first: int
    last: int
    about: str


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of a chain found."""

    city: str
    intact: bool
    lines: int
    seals: int
    # Lines that wait for their seal.
    waiting: int
    head: str
    # Fingerprints of the keys that sealed; whether all are this installation's.
    keys: tuple[str, ...]
    signer_known: bool
    faults: tuple[FaultView, ...]
    fault_count: int


_LINE = LineView(
    id=examples.ID,
    city="sp",
    number=41,
    time_us=examples.US,
    actor=f"user:{examples.OTHER_ID}",
    name="Ana",
    login="ana",
    action="camera.update",
    object="camera:gate",
    outcome="ok",
    address="192.0.2.7",
    details={"fields": ["name"]},
    hash="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)
_REPORT = ReportView(
    city="sp",
    intact=True,
    lines=41,
    seals=7,
    waiting=0,
    head=_LINE.hash or "",
    keys=("5f0c2a915f0c2a91",),
    signer_known=True,
    faults=(),
    fault_count=0,
)


async def _let_in(state: ApiState, who: Principal, city: str | None) -> Asker:
    """Return somebody as the audit knows him, let in to a chain that he may read."""
    by = Asker(actor=f"{who.kind}:{who.id}", scope=who.scope, address=who.address)
    if city is None and who.home != PLATFORM_HOME:
        city = who.home
    if city is None or city == PLATFORM_WORD:
        who.require(Function.AUDIT_READ)
        return by
    who.require(Function.AUDIT_READ, city=city)
    # To look is a line of the chain: a city that never was must not get one. A deleted one has.
    if city not in await state.own.audit.chains(by):
        raise NotFoundError(
            f"there is no city {city!r}", code="city_unknown", values={"city": city}
        )
    return dataclasses.replace(by, scope=CityScope(city))


def _chain(city: str | None) -> str | None:
    return PLATFORM_CHAIN if city == PLATFORM_WORD else city


def _city(chain: str) -> str:
    return PLATFORM_WORD if chain == PLATFORM_CHAIN else chain


def _shown(found: Found) -> LineView:
    line = found.line
    return LineView(
        id=line.id,
        city=_city(line.city),
        number=line.number,
        time_us=line.time_us,
        actor=line.actor,
        name=found.name,
        login=found.login,
        action=line.action,
        object=line.object,
        outcome=line.outcome,
        address=line.address,
        details=msgspec.json.decode(line.details),
        hash=line.hash,
    )


def _search(asked: LineQuery | Wanted) -> Search:
    return Search(
        city=_chain(asked.city),
        actor=asked.actor,
        object=asked.object,
        action=asked.action,
        from_us=asked.from_us,
        to_us=asked.to_us,
    )


@ops.get("", summary="Search the audit", answer=LinePage, example=LinePage([_LINE]))
async def search_audit(
    who: Caller, asked: Annotated[LineQuery, query(LineQuery)], state: State
) -> Response:
    """Return lines, the newest first. To look is a line too."""
    found = await state.own.audit.search(
        await _let_in(state, who, asked.city), _search(asked), state.cursors.page(asked)
    )
    page = Slice(tuple(map(_shown, found.items)), found.next)
    return answer_page(page, asked, state.cursors, LineView)


@ops.get(
    "/export.csv",
    summary="Search as a table",
    media=CSV_MEDIA,
    example="time,city,number,actor\r\n2023-11-14T22:13:20.000Z,sp,41,user:01jd2q8x\r\n",
)
async def export_audit_table(
    who: Caller, asked: Annotated[Wanted, query(Wanted)], state: State
) -> Response:
    """Return all that a search finds as CSV, the newest line first."""
    pieces = state.own.audit_export.table(await _let_in(state, who, asked.city), _search(asked))
    return await _file(pieces, CSV_MEDIA, "audit.csv")


@ops.get(
    "/export.jsonl",
    summary="A chain to verify elsewhere",
    media=CHAIN_MEDIA,
    example='{"kind":"header","city":"sp"}\n',
)
async def export_audit_chain(
    who: Caller, asked: Annotated[PeriodQuery, query(PeriodQuery)], state: State
) -> Response:
    """Return the sealed lines of a period; `vms audit verify FILE` proves them offline."""
    by = await _let_in(state, who, asked.city)
    pieces = state.own.audit_export.chain(by, _chain(asked.city), asked.from_us, asked.to_us)
    return await _file(pieces, CHAIN_MEDIA, "audit.jsonl")


@ops.get("/verify", summary="Verify a chain", answer=ReportView, example=_REPORT)
async def verify_audit(
    who: Caller, asked: Annotated[ChainQuery, query(ChainQuery)], state: State
) -> Response:
    """Check a whole chain: a changed byte, a missing line, a swapped pair is found."""
    by = await _let_in(state, who, asked.city)
    return answer(_report(await state.own.audit.verify(by, _chain(asked.city))))


def _report(found: Report) -> ReportView:
    return ReportView(
        city=_city(found.city),
        intact=found.intact,
        lines=found.lines,
        seals=found.seals,
        waiting=found.waiting,
        head=found.head.hash,
        keys=found.keys,
        signer_known=found.signer_known,
        faults=tuple(
            FaultView(kind=one.kind, first=one.first, last=one.last, about=one.about)
            for one in found.faults
        ),
        fault_count=found.fault_count,
    )


async def _file(pieces: AsyncIterator[bytes], media: str, name: str) -> Response:
    """Return a file that is written while it is sent; what is refused is refused before."""
    first = await anext(pieces)

    async def all_of() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return StreamingResponse(all_of(), headers=headers, media_type=media)
