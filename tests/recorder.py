"""A small world of recordings in memory, that answers the engine's calls about it.

It stands in where a test is about the rules, the catalogue or the queue around the
engine; that the real one answers so is tested where the engine is built.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vms.common import ConflictError, NotFoundError, StreamName, UnavailableError, VmsError
from vms.engine import recording as calls
from vms.engine.recording import Answer, Call, Request

HOUR_US = 3_600_000_000
# An hour of UTC.
BEGIN_US = 1_699_999_200_000_000


# Keys that sign, the newer one last.
EVIDENCE = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2)]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def part(
    camera: str = "gate",
    hour: int = 0,
    *,
    city: str = "sp",
    stream: StreamName = StreamName.MAIN,
    open_: bool = False,
    rebuilt: bool = False,
    events: tuple[calls.Span, ...] = (),
) -> calls.Part:
    """Return a whole hour of a camera."""
    begin = BEGIN_US + hour * HOUR_US
    return calls.Part(
        camera=camera,
        city=city,
        stream=stream,
        part=f"d{hour // 24:03}/{hour % 24:02}" + ("" if stream is StreamName.MAIN else ".sub"),
        volume="disk1",
        from_us=begin,
        to_us=begin + HOUR_US,
        bytes=1000,
        fragments=7200,
        keys=1800,
        open=open_,
        error_us=500,
        camera_offset_ms=3,
        rebuilt=rebuilt,
        events=events,
    )


def gap(
    camera: str = "gate", hour: int = 0, reason: str = "camera_off", *, open_: bool = False
) -> calls.Gap:
    """Return an hour without recording."""
    begin = BEGIN_US + hour * HOUR_US
    return calls.Gap(
        camera=camera,
        stream=StreamName.MAIN,
        from_us=begin,
        to_us=begin + HOUR_US,
        reason=reason,
        values={"host": "192.0.2.1"},
        open=open_,
    )


@dataclass
class FakeRecorder:
    """Parts, gaps, holds and exports."""

    parts: list[calls.Part] = field(default_factory=list)
    gaps: list[calls.Gap] = field(default_factory=list)
    holds: dict[str, calls.HoldRequest] = field(default_factory=dict)
    volumes: list[calls.Volume] = field(default_factory=list)
    exports: dict[str, calls.ExportRequest] = field(default_factory=dict)
    status: dict[str, calls.ExportStatus] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    inventories: list[calls.InventoryRequest] = field(default_factory=list)
    # Raised by every call, or by the one of a name.
    away: bool = False
    refuse: dict[str, VmsError] = field(default_factory=dict)
    # Whether exports are done as soon as they are started.
    quick: bool = True
    cameras_a_page: int = 1000
    # A step of the clock that nobody confirmed.
    clock: calls.ClockStep | None = None
    # How often a check says that it still runs.
    checking: int = 0
    # Cameras of which parts lie where nobody can read them.
    unread: tuple[str, ...] = ()
    triggers: list[calls.TriggerRequest] = field(default_factory=list)
    # By camera and instant: what is answered, and its data.
    pictures: dict[tuple[str, int], tuple[calls.Picture, bytes]] = field(default_factory=dict)
    _data: bytes = b""

    async def recording(
        self, call: Call[Request, Answer], request: Request
    ) -> tuple[Answer, bytes]:
        """See ``RecordingControl``."""
        if self.away:
            raise UnavailableError("away", code="media_down")
        if call.name in self.refuse:
            raise self.refuse[call.name]
        self.asked.append(call.name)
        answer: Callable[[Request], msgspec.Struct] = getattr(self, f"_{call.name}")
        # As over the wire: through JSON and back.
        self._data = b""
        told = msgspec.json.encode(answer(request))
        return cast("Answer", msgspec.json.decode(told, type=call.answer)), self._data

    def _trigger(self, asked: calls.TriggerRequest) -> calls.Triggered:
        self.triggers.append(asked)
        return calls.Triggered(asked.until_us)

    def _picture(self, asked: calls.PictureRequest) -> calls.Picture:
        found = self.pictures.get((asked.camera, asked.at_us))
        if found is None:
            raise NotFoundError("nothing was recorded then", code="no_recording")
        told, self._data = found
        return told

    def _inventory(self, asked: calls.InventoryRequest) -> calls.Inventory:
        self.inventories.append(asked)

        def wanted(one: calls.Part | calls.Gap) -> bool:
            known = not asked.cameras or one.camera in asked.cameras
            return known and one.from_us < asked.to_us and one.to_us > asked.from_us

        names = sorted({one.camera for one in (*self.parts, *self.gaps) if wanted(one)})
        names = [name for name in names if asked.after is None or name > asked.after]
        shown = names[: self.cameras_a_page]
        return calls.Inventory(
            tuple(one for one in self.parts if wanted(one) and one.camera in shown),
            tuple(one for one in self.gaps if wanted(one) and one.camera in shown),
            shown[-1] if len(names) > len(shown) else None,
            self.unread,
        )

    def _volumes(self, _asked: calls.VolumeRequest) -> calls.Volumes:
        return calls.Volumes(tuple(self.volumes))

    def _hold(self, asked: calls.HoldRequest) -> calls.HoldRecord:
        if asked.on:
            self.holds[asked.hold] = asked
        else:
            self.holds.pop(asked.hold, None)
        return calls.HoldRecord(len(self.asked))

    def _holds(self, asked: calls.CameraRequest) -> calls.Holds:
        return calls.Holds(
            tuple(
                calls.HoldOnDisk(one.camera, one.hold, one.from_us, one.to_us, one.by, one.why)
                for one in self.holds.values()
                if asked.camera in {"", one.camera}
            )
        )

    def _export_start(self, asked: calls.ExportRequest) -> calls.ExportId:
        if not any(
            one.camera == wanted.camera and one.from_us < wanted.to_us
            for wanted in asked.parts
            for one in self.parts
        ):
            raise NotFoundError("nothing at that time", code="no_recording")
        if asked.id in self.status:
            raise ConflictError("it runs already", code="export_running")
        self.exports[asked.id] = asked
        self.status[asked.id] = calls.ExportStatus(calls.ExportState.RUNNING, 10, 100)
        if self.quick:
            self.finish(asked.id)
        return calls.ExportId(asked.id)

    def finish(self, name: str) -> None:
        """Let an export be done, with a file for each part."""
        asked = self.exports[name]
        files = []
        for number, one in enumerate(asked.parts):
            file = f"{one.camera}-{number}.{asked.container}"
            Path(asked.folder, file).write_bytes(f"video of {one.camera}".encode())
            files.append(
                calls.ExportFile(file, 14, "0" * 64, one.from_us, one.to_us, tuple(self.gaps))
            )
        Path(asked.folder, "manifest.json").write_text("{}")
        self.status[name] = calls.ExportStatus(calls.ExportState.DONE, 100, 100, tuple(files))

    def _export_status(self, asked: calls.ExportId) -> calls.ExportStatus:
        if asked.id not in self.status:
            raise NotFoundError("there is no such export", code="export_unknown")
        return self.status[asked.id]

    def _export_cancel(self, asked: calls.ExportId) -> calls.ExportStatus:
        if asked.id not in self.status:
            raise NotFoundError("there is no such export", code="export_unknown")
        self.status[asked.id] = calls.ExportStatus(calls.ExportState.CANCELLED)
        return self.status[asked.id]

    def _verify(self, asked: calls.VerifyRequest) -> calls.VerifyReport:
        return calls.VerifyReport(intact=True, signer_known=asked.pin is not None, fragments=7200)

    def _forecast(self, asked: calls.ForecastRequest) -> calls.Forecast:
        removed = (calls.Removal(2, 2000, "max_days"),) if asked.dry_run else ()
        names = sorted({one.camera for one in self.parts} | set(asked.keeps))
        return calls.Forecast(
            (calls.VolumeForecast("disk1", 10_000, 90_000, 0.1, 23.4),),
            tuple(calls.CameraForecast(name, 1000, BEGIN_US, 0.1, 23.4, removed) for name in names),
            self.clock,
        )

    def _confirm_clock(self, _asked: calls.ClockRequest) -> calls.ClockConfirmed:
        doubted, self.clock = self.clock, None
        return calls.ClockConfirmed(doubted is not None)

    def _keys(self, _asked: calls.KeyRequest) -> calls.EvidenceKeys:
        return calls.EvidenceKeys((calls.EvidenceKey("k1", "A" * 43, BEGIN_US),))

    def _rotate_key(self, _asked: calls.KeyRequest) -> calls.EvidenceKeys:
        first = calls.EvidenceKey("k1", "A" * 43, BEGIN_US)
        return calls.EvidenceKeys((first, calls.EvidenceKey("k2", "B" * 43, BEGIN_US, "k1")))

    def _sign(self, asked: calls.SignRequest) -> calls.Signed:
        """Sign by the newer of two keys, as after a change of keys."""
        public = [key.public_key().public_bytes_raw() for key in EVIDENCE]
        words = {calls.Signable.CASE: b"vms-enterprise case archive 1\0"}[asked.kind]
        vouched = EVIDENCE[0].sign(b"vms-enterprise key 1\0" + public[1])
        return calls.Signed(
            hashlib.sha256(public[1]).hexdigest(),
            _base64(EVIDENCE[1].sign(words + bytes.fromhex(asked.sha256))),
            (
                calls.VouchedKey(_base64(public[0])),
                calls.VouchedKey(_base64(public[1]), _base64(vouched)),
            ),
        )

    def _rebuild(self, _asked: calls.CameraRequest) -> calls.Worked:
        return calls.Worked({"parts": len(self.parts)})

    def _check(self, _asked: calls.CameraRequest) -> calls.Worked:
        self.checking -= 1
        return calls.Worked({"parts": len(self.parts), "running": int(self.checking >= 0)})
