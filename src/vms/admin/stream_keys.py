"""Stream keys: user names and passwords for players, and for cameras that call us.

A key either views or publishes. Digest and SRT need the password itself, so it is
stored sealed, not hashed. The engine is given the keys whose owners may still do
what the keys are for.
"""

import secrets

from vms.admin import guard
from vms.admin.drafts import MOST_KEY_DAYS, StreamKeyDraft, checked_name, checked_number
from vms.admin.errors import exceeds, key_unknown
from vms.admin.model import (
    PLATFORM_HOME,
    CallerKind,
    Function,
    Held,
    Principal,
    Scope,
)
from vms.admin.ports import Places
from vms.admin.principals import present_principal
from vms.admin.store import keys as store
from vms.admin.store.keys import StreamKeyRow
from vms.admin.trace import Trace
from vms.admin.views import NewStreamKey, OpenStreamKey, StreamKey
from vms.common import (
    Clock,
    ForbiddenError,
    NotFoundError,
    Page,
    Slice,
    UnauthenticatedError,
    new_id,
)
from vms.database import PLATFORM, Database, Unit, Vault

DAY_US = 86_400_000_000
# People type it into players: 26 letters of 5 bits, none to be misread.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_SECRET_LENGTH = 26


class StreamKeys:
    """Makes, lists and withdraws stream keys, and tells which of them open what."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, places: Places) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._places = places
        self._trace = Trace(clock)

    async def create(self, who: Principal, draft: StreamKeyDraft) -> NewStreamKey:
        """Make a key for what one may watch oneself, or for cameras that one manages."""
        return await self._database.run(lambda unit: self._add(unit, who, draft), who.scope)

    def _add(self, unit: Unit, who: Principal, draft: StreamKeyDraft) -> NewStreamKey:
        guard.refuse_keys(who)
        scope = Scope.parse(draft.scope)
        guard.require_known(who, scope)
        groups = self._places.groups_of(unit, scope)
        # A key that publishes views nothing, now or later.
        audio = draft.audio and not draft.publish
        playback = draft.playback and not draft.publish
        functions = functions_of(audio=audio, playback=playback, publish=draft.publish)
        if not who.holds(Held(functions, scope), groups):
            raise exceeds()
        home = who.home if who.kind is CallerKind.USER else scope.city or PLATFORM_HOME
        now_us = self._clock.utc_us()
        days = checked_number("days", draft.days, MOST_KEY_DAYS)
        key = StreamKey(
            id=new_id(),
            home=home,
            name=checked_name(draft.name),
            user=who.user,
            scope=str(scope),
            audio=audio,
            playback=playback,
            publish=draft.publish,
            created_us=now_us,
            expires_us=now_us + days * DAY_US,
        )
        secret = "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
        sealed = self._vault.seal(secret.encode(), _where(key.id))
        store.add_stream_key(unit, StreamKeyRow(key, sealed))
        self._note(unit, who, "stream_key.create", key)
        return NewStreamKey(key=key, secret=secret)

    async def list(
        self, who: Principal, page: Page, *, home: str | None = None, everybodys: bool = False
    ) -> Slice[StreamKey]:
        """Return one's own keys, or everybody's of a home or of all that one manages."""
        if everybodys:
            home = guard.home_for(who, Function.KEY_MANAGE, home)
        else:
            guard.require_user(who)
        owner = None if everybodys else who.user
        return await self._database.run(
            lambda unit: store.list_stream_keys(unit, page, home, owner), who.scope, read=True
        )

    async def revoke(self, who: Principal, key_id: str) -> None:
        """Withdraw a key: one's own, or with ``key.manage`` another's."""

        def work(unit: Unit) -> None:
            key = store.stream_key(unit, key_id)
            if key is None:
                raise key_unknown(key_id)
            guard.may_touch_key(who, key.home, key.user, lambda: key_unknown(key_id))
            store.remove_stream_key(unit, key)
            self._note(unit, who, "stream_key.revoke", key)

        await self._database.run(work, who.scope)

    async def open_keys(self) -> tuple[OpenStreamKey, ...]:
        """Return the keys that the engine should know now, with their secrets."""
        return await self._database.run(self._open, PLATFORM, read=True)

    def _open(self, unit: Unit) -> tuple[OpenStreamKey, ...]:
        rows = store.lasting_stream_keys(unit, self._clock.utc_us())
        return tuple(
            OpenStreamKey(
                id=row.key.id,
                secret=self._vault.open(row.secret, _where(row.key.id)).decode(),
                scope=row.key.scope,
                audio=row.key.audio,
                playback=row.key.playback,
                publish=row.key.publish,
                expires_us=row.key.expires_us,
            )
            for row in rows
            if self._still_allowed(unit, row.key)
        )

    def _still_allowed(self, unit: Unit, key: StreamKey) -> bool:
        """Tell whether a key's place is still there and its owner still may do this there."""
        scope = Scope.parse(key.scope)
        try:
            groups = self._places.groups_of(unit, scope)
            for city in {key.home, scope.city} - {PLATFORM_HOME}:
                self._places.check_active(unit, city)
            if key.user is None:
                return True
            owner = present_principal(unit, key.user)
        except (NotFoundError, ForbiddenError, UnauthenticatedError):
            return False
        functions = functions_of(audio=key.audio, playback=key.playback, publish=key.publish)
        return owner.holds(Held(functions, scope), groups)

    def _note(self, unit: Unit, who: Principal, action: str, key: StreamKey) -> None:
        thing = f"stream_key:{key.id}"
        self._trace.line(unit, who, action, thing, key.home, scope=key.scope, publish=key.publish)
        self._trace.stream_key_changed(unit, key.home, key.id)


def functions_of(*, audio: bool, playback: bool, publish: bool) -> frozenset[Function]:
    """Return what one must hold to have such a stream key.

    Whoever publishes decides what a camera shows, as who changes its address does.
    """
    if publish:
        return frozenset({Function.CAMERA_MANAGE})
    wanted = {Function.AUDIO_LISTEN: audio, Function.PLAYBACK_VIEW: playback}
    return frozenset({Function.LIVE_VIEW, *(one for one, is_wanted in wanted.items() if is_wanted)})


def _where(key_id: str) -> tuple[str, ...]:
    return ("stream_keys", "secret", key_id)
