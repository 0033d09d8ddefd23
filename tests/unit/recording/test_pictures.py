"""Pictures of recorded video: who may see them, what is kept, what the audit says."""

import asyncio
from dataclasses import dataclass, field

import pytest

from recorder import BEGIN_US
from vms.admin import Function
from vms.common import ForbiddenError, NotFoundError, StreamName
from vms.engine import recording as calls
from vms.recording import PictureFormat, Pictures
from vms.transcode import Picture, Sprite, Still

from .conftest import Studio, manager, watcher

HOUR_US = 3_600_000_000


@dataclass
class Darkroom:
    """Workers that make the same picture of everything."""

    jobs: list[Picture | Sprite] = field(default_factory=list)
    closed: bool = False

    async def run(self, job: Picture | Sprite) -> Still:
        """Remember the job."""
        self.jobs.append(job)
        return Still(640, 360, b"picture")

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def pictures(studio: Studio, darkroom: Darkroom) -> Pictures:
    """Return the service over the studio's recorder."""
    studio.recorder.pictures = {
        ("gate", BEGIN_US): (calls.Picture(BEGIN_US - 400_000, "h264", 1280, 720), b"key frame")
    }
    return Pictures(studio.database, studio.recorder, darkroom, studio.clock)


async def test_a_picture_is_decoded_once_and_kept(studio: Studio) -> None:
    darkroom = Darkroom()
    service = pictures(studio, darkroom)
    found = [
        await service.at(manager(), "gate", StreamName.MAIN, BEGIN_US, width=640) for _ in range(3)
    ]
    assert found[0].at_us == BEGIN_US - 400_000
    assert (found[0].width, found[0].data, found[2]) == (640, b"picture", found[0])
    assert darkroom.jobs == [Picture("h264", b"key frame", 640, "jpeg")]
    await service.at(
        manager(), "gate", StreamName.MAIN, BEGIN_US, picture_format=PictureFormat.WEBP
    )
    assert len(darkroom.jobs) == 2
    await service.close()
    assert darkroom.closed


async def test_two_who_ask_for_the_same_at_once_fill_its_place_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Darkroom):
        """Works on two jobs at a time."""

        both = asyncio.Barrier(2)

        async def run(self, job: Picture | Sprite) -> Still:
            await self.both.wait()
            return await super().run(job)

    darkroom = Slow()
    service = pictures(studio, darkroom)
    # Two pictures of seven bytes.
    monkeypatch.setattr("vms.recording.pictures.MOST_CACHED_BYTES", 14)

    async def see(width: int) -> None:
        await service.at(manager(), "gate", StreamName.MAIN, BEGIN_US, width=width)

    async with asyncio.timeout(60):
        await asyncio.gather(see(320), see(320))
        await asyncio.gather(see(640), see(640))
        assert len(darkroom.jobs) == 4
        await asyncio.gather(see(320), see(640))
    assert len(darkroom.jobs) == 4


async def test_what_comes_after_the_instant_is_asked_for_again(studio: Studio) -> None:
    darkroom = Darkroom()
    service = pictures(studio, darkroom)
    late = calls.Picture(BEGIN_US + 1, "h264", 1280, 720)
    studio.recorder.pictures["gate", BEGIN_US] = (late, b"later")
    for _ in range(2):
        await service.at(manager(), "gate", StreamName.MAIN, BEGIN_US)
    assert len(darkroom.jobs) == 2


async def test_each_hour_that_is_looked_at_is_one_line(studio: Studio) -> None:
    service = pictures(studio, Darkroom())
    studio.recorder.pictures["gate", BEGIN_US + HOUR_US] = (
        calls.Picture(BEGIN_US + HOUR_US, "h264", 1280, 720),
        b"key frame",
    )
    for at_us in (BEGIN_US, BEGIN_US, BEGIN_US + HOUR_US):
        await service.at(manager(), "gate", StreamName.MAIN, at_us)
    looks = [line for line in studio.lines() if line[1] == "playback.picture"]
    assert looks == [("user:ana", "playback.picture", "camera:gate")] * 2


@pytest.mark.parametrize("camera", ["pier", "nobody"])
async def test_pictures_of_others_do_not_exist(studio: Studio, camera: str) -> None:
    darkroom = Darkroom()
    with pytest.raises(NotFoundError) as caught:
        await pictures(studio, darkroom).at(manager(), camera, StreamName.MAIN, BEGIN_US)
    assert caught.value.code == "camera_unknown"
    assert darkroom.jobs == []


async def test_who_may_only_watch_live_sees_no_pictures(studio: Studio) -> None:
    darkroom = Darkroom()
    service = pictures(studio, darkroom)
    await service.at(manager(), "gate", StreamName.MAIN, BEGIN_US)
    with pytest.raises(ForbiddenError):
        await service.at(watcher("city:sp", Function.LIVE_VIEW), "gate", StreamName.MAIN, BEGIN_US)
    assert len(darkroom.jobs) == 1
