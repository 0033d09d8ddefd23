"""Recordings that moved to a real S3 store: played, taken away and proved like any other."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from managed import LIVE_LIMIT_S, Api, token
from played import SECOND_US, load, recorded
from product import Farm, Product, running, wait_for
from stores import BUCKET, SECRET, Store, store

# The keeper looks each minute.
MOVED_LIMIT_S = 100.0
EXPORTED_LIMIT_S = 30.0
# The first look at a store that is back comes within five seconds.
BACK_LIMIT_S = 30.0


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with one empty bucket."""
    with store(tmp_path_factory.mktemp("store")) as made:
        yield made


def settings(data: Path, bucket: Store) -> None:
    """Write where recordings move to, as soon as their hour is sealed."""
    access, secret = bucket.keys()
    data.mkdir(parents=True, exist_ok=True)
    (data / "vms.toml").write_text(
        f'[[recording.s3]]\nname = "archive"\nendpoint = "{bucket.endpoint}"\n'
        f'bucket = "{BUCKET}"\nprefix = "town"\naccess_key_file = "{access}"\n'
        f'secret_key_file = "{secret}"\n\n'
        '[[recording.tiers]]\nafter_hours = 0\nvolume = "archive"\n',
        encoding="utf-8",
    )


def archive(api: Api) -> dict[str, object]:
    """Return what is told of the bucket."""
    status, told = api.ask("GET", "recording/volumes")
    assert status == 200, told
    return next(dict(one) for one in told["items"] if one["name"] == "archive")


def is_state(api: Api, state: str, word: str = "") -> bool:
    told = archive(api)
    return told["state"] == state and word in str(told["reason"] or "")


def videos(bucket: Store) -> list[str]:
    return [name for name in bucket.objects() if name.endswith(".mp4")]


def playback(product: Product, api: Api, begins: int) -> tuple[int, bytes]:
    """Play the group at an instant; return status and body."""
    wanted = {"from_us": begins, "to_us": begins + 600 * SECOND_US}
    status, address = api.ask("POST", "cameras/gate/playback/address", wanted)
    assert status == 200, address
    answer = load(product, f"{address['path']}/{begins}.m4s", address["address"])
    return answer[0], answer[2]


def use(product: Product, api: Api, begins: int, ends: int) -> None:
    """Play, look at, export and verify what was recorded then."""
    status, body = playback(product, api, begins)
    assert (status, body[4:8]) == (200, b"moof"), body[:200]
    at = begins + SECOND_US
    status, headers, picture = load(
        product, f"/api/v1/cameras/gate/picture?at_us={at}&width=160", api.key
    )
    assert (status, picture[:2]) == (200, b"\xff\xd8"), picture[:200]
    assert begins <= int(headers["Vms-At"]) <= at

    draft = {"parts": [{"camera": "gate", "from_us": begins, "to_us": ends}], "why": "a test"}
    status, export = api.ask("POST", "exports", draft)
    assert status in {201, 202}, export

    def ended() -> str | None:
        _, told = api.ask("GET", f"exports/{export['id']}")
        return str(told["state"]) if told["state"] in {"completed", "error"} else None

    assert wait_for(ended, EXPORTED_LIMIT_S) == "completed", api.ask(
        "GET", f"exports/{export['id']}"
    )

    status, report = api.ask("POST", "evidence/verify/gate", {"from_us": begins, "to_us": ends})
    assert status == 200, report
    assert report["intact"], report
    assert report["fragments"] > 0


@pytest.mark.timeout(400)
def test_recordings_move_to_s3_and_nobody_who_plays_them_knows(
    cameras: Farm, bucket: Store, tmp_path: Path
) -> None:
    data, logs = tmp_path / "data", [tmp_path / f"log{run}" for run in range(3)]
    settings(data, bucket)
    flags = ["up", "--camera", cameras.camera("gate", 1)]
    with running(flags, data, logs[0]) as product:
        api = Api(product, token(data))
        wait_for(lambda: api.streams().get("gate/main") == "live", LIVE_LIMIT_S)
        span = recorded(api, "gate", 5)
        begins, ends = span["from_us"], span["from_us"] + 4 * SECOND_US
        wait_for(lambda: is_state(api, "ok"), BACK_LIMIT_S)
        assert archive(api)["path"] == f"s3://{BUCKET}/town"
        assert archive(api)["free"] is None

    near = list((data / "recordings" / "cameras" / "gate").rglob("video_*.mp4"))
    assert len(near) == 1
    moved = f"town/cameras/gate/{near[0].parent.name}/{near[0].name}"

    # A restart ends a part and seals it: it goes.
    with running(flags, data, logs[1]) as product:
        api = Api(product, api.key)
        wait_for(lambda: not near[0].exists(), MOVED_LIMIT_S, every_s=0.5)
        assert moved in videos(bucket)
        beside = moved.replace("video_", "index_").replace(".mp4", ".vms-idx")
        assert beside in bucket.objects()
        assert not [name for name in bucket.objects() if "ledger" in name]
        use(product, api, begins, ends)

    # Without the store a start records, knows what is away, and removes nothing.
    bucket.stop()
    with running(flags, data, logs[2]) as product:
        api = Api(product, api.key)
        wait_for(lambda: is_state(api, "failed", "S3"), BACK_LIMIT_S)
        status, body = playback(product, api, begins)
        assert (status, b"volume_failed" in body) == (503, True), body
        now_us = time.time_ns() // 1000
        wait_for(lambda: playback(product, api, now_us)[0] == 200, LIVE_LIMIT_S)

        bucket.keys(secret="another")
        bucket.start()
        wait_for(lambda: is_state(api, "failed", "secret key is wrong"), BACK_LIMIT_S)
        bucket.keys(secret=SECRET)
        wait_for(lambda: is_state(api, "ok"), BACK_LIMIT_S)
        use(product, api, begins, ends)
        assert not [log for log in logs if SECRET in log.read_text(encoding="utf-8")]

        # What the rules take goes there too, and is proved.
        status, found = api.ask("GET", "cameras/gate/recording")
        assert status == 200
        found["rule"]["keep"] |= {"max_bytes": 1}
        status, told = api.ask("PUT", "cameras/gate/recording", found["rule"], found["version"])
        assert status == 200, told
        wait_for(lambda: moved not in bucket.objects(), MOVED_LIMIT_S, every_s=0.5)
        status, report = api.ask("POST", "evidence/verify/gate", {"from_us": begins, "to_us": ends})
        # It would not be where anything was missing that no record explains.
        assert (status, report["intact"]) == (200, True), report
