"""Signs addresses for those who may watch, and tells the engine who may open what."""

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from vms.admin import CallerKind, Function, Principal, Scope, ScopeKind, user_name
from vms.audit import AuditEntry, record
from vms.cameras import CameraPlace, place_seen
from vms.common import CameraId, Clock, InvalidError, StreamRef
from vms.database import PLATFORM, Database, Unit
from vms.engine import AccessRules, StreamKeyRule, StreamLimits
from vms.streaming.keyring import AddressKeys
from vms.streaming.model import LIFETIME_S, NONCE_BYTES, AddressKind, Claims, View
from vms.streaming.openings import Opening, opened_by, played_by, put, session_of
from vms.streaming.ports import CameraPlaces, PlayerKey, PlayerKeys, StreamQuotas
from vms.streaming.relays import IceServer, Relays

SECOND_US = 1_000_000
# More than a wall of the largest screen shows.
MOST_AT_ONCE = 128
# Characters of a name that are told.
MOST_NAME = 80


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """An address and until when it opens its stream."""

    stream: StreamRef
    address: str
    expires_us: int


class StreamAddresses:
    """Signs addresses."""

    def __init__(
        self,
        database: Database,
        keys: AddressKeys,
        places: CameraPlaces,
        clock: Clock,
        relays: Relays | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._places = places
        self._clock = clock
        self._relays = relays or Relays()

    def ice_servers(self, who: Principal) -> tuple[IceServer, ...]:
        """Return what a browser asks for a way to us, for somebody who was given an address."""
        return self._relays.of(viewer_of(who), self._clock)

    async def sign(
        self,
        who: Principal,
        streams: Sequence[StreamRef],
        kind: AddressKind,
        *,
        renew: bool = False,
    ) -> tuple[SignedAddress, ...]:
        """Return an address for each live stream; all or none.

        Each opening is a line of the audit; ``renew`` goes on with what was opened.
        """
        if kind is AddressKind.PLAYBACK:
            raise InvalidError(
                "recorded video is opened by /cameras/CAMERA/playback/address",
                code="address_kind",
                values={"kind": kind.value},
            )
        if kind is AddressKind.TALK:
            raise InvalidError(
                "one talks by /cameras/CAMERA/talk/address",
                code="address_kind",
                values={"kind": kind.value},
            )
        if renew:
            # Going on writes nothing, so it need not wait for those who write.
            going_on = await self._database.run(
                lambda unit: self._renewed(unit, who, streams, kind), who.scope, read=True
            )
            if going_on is not None:
                return going_on
        return await self._database.run(
            lambda unit: self._opened(unit, who, streams, kind), who.scope
        )

    async def sign_playback(
        self, who: Principal, stream: StreamRef, from_us: int, to_us: int, *, renew: bool = False
    ) -> SignedAddress:
        """Return an address that plays what was recorded of a stream in a time.

        Each opening is a line of the audit: a view of recorded video. ``renew`` goes on
        with what was opened; another time is opened anew.
        """
        if from_us >= to_us:
            raise InvalidError("from_us must be before to_us", code="period_invalid")
        time = (from_us, to_us)
        if renew:
            going_on = await self._database.run(
                lambda unit: self._played_on(unit, who, stream, time), who.scope, read=True
            )
            if going_on is not None:
                return going_on
        return await self._database.run(
            lambda unit: self._played(unit, who, stream, time), who.scope
        )

    async def sign_talk(self, who: Principal, camera: CameraId) -> SignedAddress:
        """Return an address by which one talks to a camera, once. Each is a line of the audit."""
        return await self._database.run(lambda unit: self._talk(unit, who, camera), who.scope)

    def _talk(self, unit: Unit, who: Principal, camera: CameraId) -> SignedAddress:
        place = place_seen(who, camera, self._places.place(unit, camera), Function.AUDIO_TALK)
        now_us = self._clock.utc_us()
        expires_s = now_us // SECOND_US + LIFETIME_S
        stream = StreamRef(camera)
        claims = _claims(who, stream, place, AddressKind.TALK, expires_s)
        # Only to those of his own city is he known by name.
        name = user_name(unit, who.user) if who.user and who.home == place.city else ""
        claims = msgspec.structs.replace(
            claims, audio=0, called=name[:MOST_NAME] or msgspec.UNSET, actor=who.actor
        )
        signed = self._keys.signer(unit).sign(claims)
        opening = _opening(who, place, claims, now_us, talks=True)
        self._note(unit, who, "talk.open", [(opening, {})])
        return SignedAddress(stream, signed, expires_s * SECOND_US)

    def _played_on(
        self, unit: Unit, who: Principal, stream: StreamRef, time: tuple[int, int]
    ) -> SignedAddress | None:
        """Return an address, or nothing where it would open something new."""
        before = played_by(unit, session_of(who), stream.camera)
        if before is None or time[0] < before[0] or time[1] > before[1]:
            return None
        return self._sign_playback(unit, who, stream, time)[0]

    def _played(
        self, unit: Unit, who: Principal, stream: StreamRef, time: tuple[int, int]
    ) -> SignedAddress:
        signed, opening = self._sign_playback(unit, who, stream, time)
        details = {"stream": stream.stream.value, "from_us": time[0], "to_us": time[1]}
        self._note(unit, who, "playback.open", [(opening, details)])
        return signed

    def _sign_playback(
        self, unit: Unit, who: Principal, stream: StreamRef, time: tuple[int, int]
    ) -> tuple[SignedAddress, Opening]:
        place = place_seen(
            who, stream.camera, self._places.place(unit, stream.camera), Function.PLAYBACK_VIEW
        )
        now_us = self._clock.utc_us()
        expires_s = now_us // SECOND_US + LIFETIME_S
        claims = _claims(who, stream, place, AddressKind.PLAYBACK, expires_s, time)
        signed = self._keys.signer(unit).sign(claims)
        opening = _opening(who, place, claims, now_us, played=time)
        return SignedAddress(stream, signed, expires_s * SECOND_US), opening

    def _renewed(
        self, unit: Unit, who: Principal, streams: Sequence[StreamRef], kind: AddressKind
    ) -> tuple[SignedAddress, ...] | None:
        """Return addresses, or nothing where one of them would open something new."""
        opened = opened_by(unit, session_of(who))
        if not opened.keys() >= {one.camera for one in streams}:
            return None
        signed, openings = self._sign(unit, who, streams, kind)
        louder = any(one.audio > opened[one.camera] for one in openings)
        return None if louder else signed

    def _opened(
        self, unit: Unit, who: Principal, streams: Sequence[StreamRef], kind: AddressKind
    ) -> tuple[SignedAddress, ...]:
        signed, openings = self._sign(unit, who, streams, kind)
        details = ({"stream": one.stream.value, "kind": kind.value} for one in streams)
        self._note(unit, who, "stream.open", list(zip(openings, details, strict=True)))
        return signed

    def _sign(
        self, unit: Unit, who: Principal, streams: Sequence[StreamRef], kind: AddressKind
    ) -> tuple[tuple[SignedAddress, ...], list[Opening]]:
        now_us = self._clock.utc_us()
        signer = self._keys.signer(unit)
        expires_s = now_us // SECOND_US + LIFETIME_S
        signed, openings = [], []
        for stream in streams:
            place = place_seen(
                who, stream.camera, self._places.place(unit, stream.camera), Function.LIVE_VIEW
            )
            claims = _claims(who, stream, place, kind, expires_s)
            signed.append(SignedAddress(stream, signer.sign(claims), expires_s * SECOND_US))
            openings.append(_opening(who, place, claims, now_us))
        return tuple(signed), openings

    def _note(
        self,
        unit: Unit,
        who: Principal,
        action: str,
        opened: Sequence[tuple[Opening, Mapping[str, str | int]]],
    ) -> None:
        """Write what is opened into the audit, and keep it for when a right is withdrawn."""
        for opening, details in opened:
            entry = AuditEntry(
                actor=who.actor,
                action=action,
                object=f"camera:{opening.camera}",
                city=opening.city,
                address=who.address,
                details=details,
            )
            record(unit, entry, self._clock)
        # Nothing is ever withdrawn from the product itself.
        if who.kind is not CallerKind.SYSTEM:
            put(unit, [opening for opening, _ in opened])


def _claims(
    who: Principal,
    stream: StreamRef,
    place: CameraPlace,
    kind: AddressKind,
    expires_s: int,
    time: tuple[int, int] = (0, 0),
) -> Claims:
    nonce = base64.urlsafe_b64encode(secrets.token_bytes(NONCE_BYTES)).rstrip(b"=").decode()
    return Claims(
        camera=stream.camera,
        stream=stream.stream,
        city=place.city,
        kind=kind,
        # The masked view is the default everywhere; who may lift masks comes later.
        view=View.MASKED,
        audio=int(place.allows(who, Function.AUDIO_LISTEN)),
        viewer=viewer_of(who),
        session=session_of(who),
        node="",
        expires_s=expires_s,
        from_us=time[0],
        until_us=time[1],
        nonce=nonce,
        most=0,
    )


def _opening(
    who: Principal,
    place: CameraPlace,
    claims: Claims,
    now_us: int,
    played: tuple[int, int] | None = None,
    *,
    talks: bool = False,
) -> Opening:
    return Opening(
        city=place.city,
        session=claims.session,
        camera=place.camera,
        kind=who.kind,
        caller=who.id,
        home=who.home,
        audio=bool(claims.audio),
        opened_us=now_us,
        live=played is None and not talks,
        played=played,
        talks=talks,
    )


def viewer_of(who: Principal) -> str:
    """Return the viewer that limits and revocations count: the person, else the key itself."""
    return who.user or who.id


class EngineAccess:
    """Puts together what the engine must know to let viewers in."""

    def __init__(
        self,
        database: Database,
        keys: AddressKeys,
        places: CameraPlaces,
        players: PlayerKeys,
        quotas: StreamQuotas,
        limits: StreamLimits,
    ) -> None:
        self._database = database
        self._keys = keys
        self._places = places
        self._players = players
        self._quotas = quotas
        self._limits = limits

    async def rules(self) -> AccessRules:
        """Return the rules of this moment."""
        players = await self._players.open_keys()
        return await self._database.run(
            lambda unit: self._rules(unit, players), PLATFORM, read=True
        )

    def _rules(self, unit: Unit, players: Collection[PlayerKey]) -> AccessRules:
        return AccessRules(
            keys=self._keys.verify_keys(unit),
            stream_keys=tuple(self._rule(unit, key) for key in players),
            playback_keys=tuple(key.id for key in players if key.playback),
            limits=self._limits,
            city_limits=dict(self._quotas.concurrent_streams(unit)),
        )

    def _rule(self, unit: Unit, key: PlayerKey) -> StreamKeyRule:
        scope: Scope = key.scope
        named = scope.kind in {ScopeKind.GROUP, ScopeKind.CAMERA}
        return StreamKeyRule(
            id=key.id,
            secret=key.secret,
            city=scope.city or None,
            cameras=self._places.cameras_in(unit, scope) if named else None,
            expires_s=key.expires_us // SECOND_US,
            audio=key.audio,
            publish=key.publish,
        )
