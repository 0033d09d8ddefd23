"""Everybody who listens at this worker, and the watch that cuts those who may no more."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Collection

import msgspec

from vms.admin import CallerKind, Principal
from vms.api.events.listener import Listener
from vms.api.events.sight import Sight
from vms.common import TooManyError, UnauthenticatedError, VmsError
from vms.outbox import Posted
from vms.proto.events import DomainEvent, GrantChanged, SessionRevoked, UserDeleted, UserUpdated
from vms.telemetry import get_logger

log = get_logger(__name__)

# An event says at once whose session or rights changed. API keys end without one, so they are
# looked up each second; all are now and then, as sessions run out without one too.
LOOK_S = 1.0
SWEEP_EVERY = 15
MOST_LISTENERS = 4_000
MOST_OF_ONE = 64

ENDED = "session_ended"
CHANGED = "permissions_changed"
EVERYBODY = ""


class Listeners:
    """Counts them in and out, and ends those whose session ended or whose rights changed."""

    def __init__(
        self,
        renewed: Callable[[Principal], Awaitable[Principal]],
        heard: Callable[[DomainEvent], None],
    ) -> None:
        self._renewed = renewed
        self._tell = heard
        self._all: set[Listener] = set()
        # The users that were changed since the last look.
        self._changed: set[str] = set()
        self._look = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, sight: Sight) -> Listener:
        """Let somebody listen, or refuse."""
        who = sight.who
        same = sum(
            (one.sight.who.kind, one.sight.who.id) == (who.kind, who.id) for one in self._all
        )
        if same >= MOST_OF_ONE or len(self._all) >= MOST_LISTENERS:
            raise TooManyError(
                "too many are listening; close some", code="listeners_limit", values={"used": same}
            )
        listener = Listener(sight)
        self._all.add(listener)
        return listener

    def remove(self, listener: Listener) -> None:
        """Forget one who left."""
        self._all.discard(listener)

    def heard(self, posted: Posted) -> None:
        """Take an event: it may change what somebody may do."""
        match posted.name.partition(".")[0]:
            case "session" | "grant" | "user":
                try:
                    event = posted.event
                except msgspec.ValidationError:
                    # Of a newer version of the product: it may mean anybody.
                    self._changed.add(EVERYBODY)
                    self._look.set()
                    return
            case _:
                return
        self._tell(event)
        match event:
            case SessionRevoked(user=user) | UserUpdated(user=user) | UserDeleted(user=user):
                self._changed.add(user)
            case GrantChanged(user=user):
                self._changed.add(user or EVERYBODY)
            case _:
                return
        self._look.set()

    async def watch(self) -> None:
        """Look up who changed, and now and then everybody, for ever."""
        for turn in itertools.count(1):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()
            self._look.clear()
            asked, self._changed = self._changed, set()
            await self.check(None if EVERYBODY in asked or turn % SWEEP_EVERY == 0 else asked)

    async def check(self, users: Collection[str] | None = None) -> None:
        """Look up the listeners of some users and every API key's, or all."""
        by_caller: dict[tuple[str, str, str | None], list[Listener]] = {}
        for listener in self._all:
            who = listener.sight.who
            if users is None or who.user in users or who.kind is CallerKind.API_KEY:
                by_caller.setdefault((who.kind, who.id, who.session), []).append(listener)
        for same in by_caller.values():
            await self._check(same)

    async def _check(self, same: list[Listener]) -> None:
        try:
            now = await self._renewed(same[0].sight.who)
        except UnauthenticatedError:
            for listener in same:
                listener.end(ENDED)
        except VmsError as error:
            # The database is away: who listens goes on with what he had.
            log.warning("listeners_not_checked", code=error.code)
        else:
            for listener in same:
                if Sight(now, listener.sight.asked).key != listener.sight.key:
                    listener.end(CHANGED)
