"""What the engine says of disks, keys and proof, for those who may ask."""

from collections.abc import Mapping, Sequence

import msgspec

from vms.admin import Function, Principal
from vms.common import Clock, InternalError, NotFoundError, StreamName
from vms.database import Database, Unit
from vms.engine import Keep, RecordingControl
from vms.engine.recording import (
    CONFIRM_CLOCK,
    FORECAST,
    KEYS,
    ROTATE_KEY,
    VERIFY,
    VOLUMES,
    CameraForecast,
    ClockConfirmed,
    ClockRequest,
    ClockStep,
    EvidenceKeys,
    ForecastRequest,
    KeyRequest,
    VerifyReport,
    VerifyRequest,
    Volume,
    VolumeForecast,
    VolumeRequest,
)
from vms.recording.access import Trace, check_time, find
from vms.recording.keeping import checked
from vms.recording.model import Keeping, wish_of_keep
from vms.recording.sealing import fingerprint, pem_of

MOST_DAYS = 31
MOST_CAMERAS = 200


class KeyView(msgspec.Struct, frozen=True):
    """A public key that seals recordings, and what people compare it by."""

    key: str
    # Ed25519 in base 64.
    public: str
    # SHA-256 of the public key, in hexadecimal.
    fingerprint: str
    # The same key as SubjectPublicKeyInfo, which openssl reads.
    pem: str
    since_us: int
    signed_by: str


class ForecastView(msgspec.Struct, frozen=True):
    """At this rate: for how many days each camera's recordings last."""

    cameras: tuple[CameraForecast, ...]
    # Of the platform's people alone.
    volumes: tuple[VolumeForecast, ...] = ()
    clock: ClockStep | None = None


class Evidence:
    """Volumes, keys, proof and forecasts: asked of the engine, nothing is kept here."""

    def __init__(self, database: Database, engine: RecordingControl, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._trace = Trace(clock)

    async def volumes(self, who: Principal) -> tuple[Volume, ...]:
        """Return the disks, as they are now."""
        who.require(Function.SYSTEM_READ)
        answer, _data = await self._engine.recording(VOLUMES, VolumeRequest())
        return answer.volumes

    async def keys(self, who: Principal) -> list[KeyView]:
        """Return every public key, the newest last: whoever takes video away checks by them."""
        if who.cities(Function.CLIP_EXPORT) == frozenset():
            who.require(Function.CLIP_EXPORT)
        answer, _data = await self._engine.recording(KEYS, KeyRequest())
        return _views(answer)

    async def key(self, who: Principal, fingerprint: str) -> KeyView:
        """Return the public key of a fingerprint."""
        for one in await self.keys(who):
            if one.fingerprint == fingerprint:
                return one
        raise NotFoundError(
            f"no key of fingerprint {fingerprint} seals here",
            code="key_unknown",
            values={"fingerprint": fingerprint},
        )

    async def rotate(self, who: Principal) -> list[KeyView]:
        """Let a new key seal from now on; the one before vouches for it."""
        who.require(Function.SYSTEM_MANAGE)
        answer, _data = await self._engine.recording(ROTATE_KEY, KeyRequest())
        if not answer.keys:
            raise InternalError("the engine made no key")
        newest = answer.keys[-1].key
        await self._database.run(
            lambda unit: self._trace.line(
                unit, who, "evidence_key.rotate", f"evidence_key:{newest}", None
            ),
            who.scope,
        )
        return _views(answer)

    async def verify(
        self,
        who: Principal,
        camera: str,
        stream: StreamName,
        from_us: int,
        to_us: int,
        pin: str | None = None,
    ) -> VerifyReport:
        """Prove what was recorded of a camera in a time; ``pin`` is a key's fingerprint."""
        check_time(from_us, to_us, MOST_DAYS)

        def work(unit: Unit) -> None:
            place = find(unit, who, camera, Function.PLAYBACK_VIEW)
            self._trace.line(
                unit,
                who,
                "recording.verify",
                f"camera:{camera}",
                place.city,
                from_us=from_us,
                to_us=to_us,
            )

        await self._database.run(work, who.scope)
        request = VerifyRequest(camera, stream, from_us, to_us, pin)
        answer, _data = await self._engine.recording(VERIFY, request)
        return answer

    async def forecast(
        self, who: Principal, cameras: Sequence[str], keeps: Mapping[str, Keeping]
    ) -> ForecastView:
        """Return for how long cameras last by their rules, or by others (``keeps``): then what
        these would remove at once is told too, and nothing is removed.
        """
        names = tuple(dict.fromkeys((*cameras, *keeps)))[:MOST_CAMERAS]

        def work(unit: Unit) -> None:
            for name in names:
                find(unit, who, name, Function.CAMERA_READ)

        await self._database.run(work, who.scope, read=True)
        wished: dict[str, Keep] = {
            name: wish_of_keep(checked(keep)) for name, keep in keeps.items()
        }
        answer, _data = await self._engine.recording(
            FORECAST, ForecastRequest(wished, dry_run=bool(keeps))
        )
        shown = tuple(one for one in answer.cameras if one.camera in names)
        whole = who.may(Function.SYSTEM_READ)
        return ForecastView(shown, answer.volumes if whole else (), answer.clock)

    async def confirm_clock(self, who: Principal) -> ClockConfirmed:
        """Say that the clock is right: what is old goes again."""
        who.require(Function.SYSTEM_MANAGE)
        answer, _data = await self._engine.recording(CONFIRM_CLOCK, ClockRequest())
        await self._database.run(
            lambda unit: self._trace.line(unit, who, "recording.clock", "clock", None), who.scope
        )
        return answer


def _views(told: EvidenceKeys) -> list[KeyView]:
    return [
        KeyView(
            one.key,
            one.public,
            fingerprint(one.public),
            pem_of(one.public),
            one.since_us,
            one.signed_by,
        )
        for one in told.keys
    ]
