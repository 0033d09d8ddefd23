"""The media process's face, over a real socket, with an engine in memory."""

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from doubles import ADDRESSES, FakeEngine, desired, event, wish
from vms.common import ConflictError, NotFoundError, StreamName, UnavailableError
from vms.engine import (
    EngineClient,
    Event,
    Journal,
    Keep,
    MediaService,
    RecordMode,
    Revocation,
    SnapshotStore,
    StreamRecord,
    Thin,
    ThinTo,
    recording,
    serve,
)

STATE = desired(wish("gate"), wish("yard"), generation=3)


@dataclass
class Media:
    engine: FakeEngine
    service: MediaService
    client: EngineClient
    socket: Path


@contextlib.asynccontextmanager
async def media(folder: Path, engine: FakeEngine | None = None) -> AsyncIterator[Media]:
    engine = engine or FakeEngine()
    service = MediaService(engine, SnapshotStore(folder / "media"), Journal("one"))
    await service.start()
    following = asyncio.create_task(service.record_events())
    socket = folder / "media.sock"
    server = await serve(service, socket)
    try:
        async with EngineClient(socket) as client:
            yield Media(engine, service, client, socket)
    finally:
        following.cancel()
        await server.stop(0)


async def test_only_its_owner_may_open_the_socket(tmp_path: Path) -> None:
    async with media(tmp_path) as it:
        assert stat.S_IMODE(it.socket.stat().st_mode) == 0o600


async def test_streams_are_cut_by_viewer_session_or_camera(tmp_path: Path) -> None:
    async with media(tmp_path) as it:
        assert await it.client.revoke(Revocation(viewer="ana")) == 1
        assert await it.client.revoke(Revocation(session="s1", camera="gate")) == 2
    assert it.engine.revoked == [Revocation(viewer="ana"), Revocation(session="s1", camera="gate")]


async def test_what_is_applied_runs_and_is_described(tmp_path: Path) -> None:
    async with media(tmp_path) as it:
        before = await it.client.describe()
        assert (before.generation, before.digest, before.epoch) == (0, "", "one")
        assert before.addresses == ADDRESSES
        applied = await it.client.apply(STATE)
        assert applied.started == ("gate", "yard")
        after = await it.client.describe()
        assert (after.generation, after.digest) == (3, STATE.digest())
        assert [s.camera for s in await it.client.streams()] == ["gate", "yard"]
        assert await it.client.metrics() == "vms_camera_fps 25\n"


async def test_what_ran_comes_back_before_anybody_asks(tmp_path: Path) -> None:
    async with media(tmp_path) as it:
        await it.client.apply(STATE)
    async with media(tmp_path) as it:
        assert it.engine.applied == [STATE]
        assert (await it.client.describe()).digest == STATE.digest()


async def test_a_broken_snapshot_does_not_keep_the_process_down(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "snapshot.bin").write_bytes(b"nonsense")
    async with media(tmp_path) as it:
        assert it.engine.applied == []
        await it.client.apply(STATE)
    async with media(tmp_path) as it:
        assert it.engine.applied == [STATE]


async def test_a_snapshot_that_cannot_be_written_does_not_keep_cameras_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SnapshotStore, "save", full)
    async with media(tmp_path) as it:
        assert (await it.client.apply(STATE)).generation == 3
        assert it.engine.applied == [STATE]


async def test_an_error_of_the_engine_arrives_as_it_was(tmp_path: Path) -> None:
    error = ConflictError("generation 1 is older than 3", code="stale", values={"generation": 3})
    async with media(tmp_path, FakeEngine(apply_error=error)) as it:
        with pytest.raises(ConflictError, match="older than 3") as caught:
            await it.client.apply(STATE)
        assert (caught.value.code, caught.value.values) == ("stale", {"generation": 3})
        assert not (tmp_path / "media" / "snapshot.bin").exists()


async def test_events_arrive_from_the_cursor_on(tmp_path: Path) -> None:
    async with media(tmp_path) as it:
        it.engine.waiting.put_nowait((event(0), event(1)))
        batches = it.client.events("one", 1)
        batch = await anext(batches)
        assert ([e.cursor for e in batch.events], batch.reset) == ([1], False)
        it.engine.waiting.put_nowait((event(2),))
        assert [e.cursor for e in (await anext(batches)).events] == [2]
        assert (await it.client.describe()).cursor == 3
        await batches.aclose()  # type: ignore[attr-defined]


async def test_a_media_process_that_is_away_is_unavailable_and_found_again(tmp_path: Path) -> None:
    async with EngineClient(tmp_path / "media.sock") as client:
        with pytest.raises(UnavailableError, match="does not answer"):
            await client.describe()
        async with media(tmp_path):
            async with asyncio.timeout(5):
                while True:
                    with contextlib.suppress(UnavailableError):
                        assert (await client.describe()).epoch == "one"
                        break


async def test_a_bug_is_our_own_fault_and_says_nothing_more(tmp_path: Path) -> None:
    class Broken(FakeEngine):
        async def metrics(self) -> str:
            raise RuntimeError("rtsp://u:secret@h/")

    async with media(tmp_path, Broken()) as it:
        with pytest.raises(Exception, match="Metrics failed; the log says why") as caught:
            await it.client.metrics()
        assert "secret" not in str(caught.value)


async def test_what_is_recorded_and_kept_crosses_whole(tmp_path: Path) -> None:
    ladder = (Thin(7, ThinTo.EVENTS), Thin(15, ThinTo.KEYS))
    record = {
        StreamName.MAIN: StreamRecord(
            RecordMode.EVENT, audio=False, pre_s=3, post_s=30, by_hand=True
        )
    }
    wished = msgspec.structs.replace(wish("gate"), record=record, keep=Keep(2, 30, 1 << 40, ladder))
    async with media(tmp_path) as it:
        await it.client.apply(desired(wished))
        assert it.engine.applied[-1].cameras == (wished,)


async def test_a_call_about_recordings_comes_back_typed_or_as_the_engines_refusal(
    tmp_path: Path,
) -> None:
    async with media(tmp_path) as it:
        answer, data = await it.client.recording(recording.KEYS, recording.KeyRequest())
        assert answer == recording.EvidenceKeys()
        assert data == b"{}"
        with pytest.raises(NotFoundError) as refused:
            await it.client.recording(recording.HOLDS, recording.CameraRequest("gate"))
        assert refused.value.code == "no_recording"


async def test_events_of_recordings_cross_with_their_values(tmp_path: Path) -> None:
    told = (
        Event(0, 1, "gap", "gate", StreamName.SUB, None, values={"from_us": 5, "code": "no_video"}),
        Event(1, 2, "volume", "", None, None, values={"volume": "disk1", "state": "full"}),
    )
    async with media(tmp_path) as it:
        it.service.journal.extend(told)
        batches = it.client.events("one", 0)
        assert (await anext(batches)).events == told
        await batches.aclose()  # type: ignore[attr-defined]
