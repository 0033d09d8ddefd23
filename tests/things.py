"""A small API in the house's own words, for what every operation has in common."""

from typing import Annotated

import msgspec
from fastapi import Response

from vms.admin import CallerKind, Function, Held, Principal, Rights, Scope
from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller, Visitor
from vms.api.inputs import IfMatch, ListQuery, body, path_name, query
from vms.api.operation import Operations
from vms.api.state import State
from vms.common import ConflictError, NotFoundError, Slice, UnauthenticatedError
from vms.proto.events import DomainEvent


class Thing(msgspec.Struct, frozen=True):
    """A thing."""

    id: str
    name: str
    size: int
    version: int = 1


class ThingDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a thing is made of."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    size: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1


class ThingPage(msgspec.Struct, frozen=True):
    """A page of things."""

    items: list[Thing]
    next: str | None = None


class ThingQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Filters of things."""

    large: Annotated[bool, msgspec.Meta(description="Only those larger than 100.")] = False


Name = Annotated[str, path_name("thing", "[a-z]{1,20}", "gate", "The thing's id.")]

ops = Operations("/api/v1/things", tag="things")
kept: dict[str, Thing] = {}
GATE = Thing("gate", "Gate", 3)


@ops.get("", summary="Things", answer=ThingPage, example=ThingPage([GATE]))
async def list_things(
    _who: Caller, asked: Annotated[ThingQuery, query(ThingQuery)], state: State
) -> Response:
    """Return things by name."""
    page = state.cursors.page(asked)
    names = sorted(name for name in kept if page.after is None or name > page.after)
    found = [kept[name] for name in names if not asked.large or kept[name].size > 100]
    more = len(found) > page.limit
    found = found[: page.limit]
    part = Slice(tuple(found), found[-1].id if more else None)
    return answer_page(part, asked, state.cursors, Thing)


@ops.post(
    "",
    summary="New thing",
    status=201,
    answer=Thing,
    example=GATE,
    sent=ThingDraft("Gate", 3),
    refusals=frozenset({409}),
    versioned=True,
)
async def create_thing(
    _who: Caller, draft: Annotated[ThingDraft, body(ThingDraft, 2000)]
) -> Response:
    """Make a thing."""
    if draft.name in kept:
        raise ConflictError("there is one of this name", code="name_taken")
    thing = kept[draft.name] = Thing(draft.name, draft.name, draft.size)
    return answer(thing, status=201, version=1, location=f"/api/v1/things/{thing.id}")


@ops.get("/{thing}", summary="Thing", answer=Thing, example=GATE, versioned=True)
async def get_thing(_who: Caller, thing: Name) -> Response:
    """Return a thing."""
    if thing not in kept:
        raise NotFoundError("there is no such thing")
    return answer(kept[thing], version=kept[thing].version)


@ops.delete("/{thing}", summary="No thing", status=204)
async def delete_thing(_who: Caller, thing: Name, version: IfMatch) -> Response:
    """Take a thing away."""
    found = kept.get(thing)
    if found is None:
        raise NotFoundError("there is no such thing")
    if found.version != version:
        raise ConflictError("it was changed", code="version_conflict")
    del kept[thing]
    return no_content()


@ops.post("/{thing}/knock", summary="Knock", status=204)
async def knock(_visitor: Visitor, thing: Name) -> Response:
    """Let anybody knock."""
    assert thing
    return no_content()


WATCHER = frozenset({Function.LIVE_VIEW, Function.CAMERA_READ, Function.EVENT_READ})


def person(
    name: str, scope: str = "city:sp", functions: frozenset[Function] = WATCHER
) -> Principal:
    """Return a user who holds functions in a scope."""
    rights = Rights([Held(functions, Scope.parse(scope))])
    return Principal(
        CallerKind.USER, name, (rights,), home=Scope.parse(scope).city, user=name, session=name
    )


class FakeGate:
    """Knows the people it is given by their token, and browsers by name."""

    def __init__(self, people: dict[str, Principal], limit: int = 1000) -> None:
        self.people = people
        self.limit = limit
        self.events: list[DomainEvent] = []

    async def principal(self, token: str) -> Principal:
        """Return whose token it is."""
        if token not in self.people:
            raise UnauthenticatedError("the token has run out", code="token_expired")
        return self.people[token]

    async def renewed(self, who: Principal) -> Principal:
        """Return somebody as he is now."""
        if who.id not in self.people:
            raise UnauthenticatedError("the session has ended", code="session_ended")
        return self.people[who.id]

    def heard(self, event: DomainEvent) -> None:
        """Take an event."""
        self.events.append(event)

    def device(self, cookie: str) -> str | None:
        """Return the browser."""
        return cookie.removeprefix("known-") if cookie.startswith("known-") else None

    def per_minute(self, who: Principal) -> int:
        """Return the limit of everybody."""
        assert who.user
        return self.limit
