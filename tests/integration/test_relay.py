"""Three products in a chain, A to B to C: who is called when, and which times arrive."""

import contextlib
import hashlib
import itertools
import json
import ssl
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from machines import Machines
from product import Farm, Product, running, wait_for
from stamps import Frame, Reader, reading
from vms.trust import IdentityFile, NodeRole

LINGER_S = 1.0
LIMIT_S = 15.0
STREAM = "gate/main"
REFUSED = "certificate_refused"


def rtsp_of(product: Product) -> str:
    return str(product.run["addresses"]["rtsp"]).removeprefix("rtsp://")


def node(product: Product) -> str:
    """Return the address of a product's stream, as another node calls it."""
    pem = (product.data / "tls" / "certificate.pem").read_text(encoding="ascii")
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    return f"node://{rtsp_of(product)}/gate?tls=sha256:{pin}"


@dataclass
class Chain:
    """Products of which each calls the one before; the first calls a camera."""

    a: Product
    b: Product
    c: Product

    def stream(self, product: Product) -> dict[str, Any]:
        return product.streams().get(STREAM, {})

    def readers(self) -> list[int]:
        return [self.stream(one).get("readers", -1) for one in (self.a, self.b, self.c)]

    def states(self) -> list[str]:
        return [self.stream(one).get("state", "") for one in (self.a, self.b, self.c)]


@pytest.fixture(scope="module")
def chain(cameras: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Run all three on loopback, each with a certificate of its own."""
    folder = tmp_path_factory.mktemp("relay")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        patch.setenv("VMS_TLS__MODE", "on")
        patch.setenv("VMS_SOURCE__LINGER_MS", str(int(LINGER_S * 1000)))

        def product(name: str, camera: str) -> Product:
            place = folder / name
            place.mkdir()
            flags = ["up", "--open", "--camera", camera]
            return stack.enter_context(running(flags, place / "data", place / "log"))

        a = product("a", cameras.camera("gate", 1))
        a.wait_live(STREAM)
        b = product("b", f"gate={node(a)}")
        yield Chain(a, b, product("c", f"gate={node(b)}"))


def idle(chain: Chain) -> bool:
    return chain.states() == ["live", "idle", "idle"] and chain.readers() == [0, 0, 0]


def test_a_chain_is_opened_once_for_all_viewers_and_left_after_the_last(chain: Chain) -> None:
    wait_for(lambda: idle(chain), LIMIT_S)
    assert chain.stream(chain.c)["reason"]["code"] == "no_viewer"
    with contextlib.ExitStack() as stack:
        viewers = [stack.enter_context(reading(rtsp_of(chain.c), "gate")) for _ in range(5)]
        for viewer in viewers:
            assert len(list(itertools.islice(viewer.frames(), 10))) == 10
        wait_for(lambda: chain.readers() == [1, 1, 5], LIMIT_S)
        assert chain.states() == ["live", "live", "live"]
        for viewer in viewers[1:]:
            viewer.close()
        wait_for(lambda: chain.readers() == [1, 1, 1], LIMIT_S)
        assert chain.states() == ["live", "live", "live"]
    wait_for(lambda: idle(chain), LIMIT_S)


def frames_up_to(reader: Reader, last: Future[list[Frame]]) -> list[Frame]:
    """Return all up to the last one of another reader, who may read on meanwhile."""
    seen = []
    for frame in reader.frames():
        seen.append(frame)
        if last.done() and frame.utc_us >= last.result()[-1].utc_us:
            break
    return seen


def test_times_arrive_as_they_were_told_and_their_bound_grows(chain: Chain) -> None:
    with (
        reading(rtsp_of(chain.c), "gate") as at_c,
        reading(rtsp_of(chain.b), "gate") as at_b,
        reading(rtsp_of(chain.a), "gate") as at_a,
        ThreadPoolExecutor() as pool,
    ):
        # A is asked last and so begins last: what it tells is a part of what C tells.
        a = pool.submit(lambda: list(itertools.islice(at_a.frames(), 75)))
        b, c = (pool.submit(frames_up_to, reader, a) for reader in (at_b, at_c))
        seen = {"a": a.result(), "b": b.result(), "c": c.result()}
    for name, frames in seen.items():
        numbers = [frame.number for frame in frames]
        assert numbers == list(range(numbers[0], numbers[0] + len(frames))), f"missing at {name}"
        assert len({frame.epoch for frame in frames}) == 1
    times = [{frame.utc_us: frame for frame in seen[name]} for name in ("a", "b", "c")]
    common = set(times[0]) & set(times[1]) & set(times[2])
    assert len(common) >= 25, [len(one) for one in times]
    for utc_us in common:
        told = [one[utc_us].error_us for one in times]
        known = [bound for bound in told if bound is not None]
        # Where A's clock is not synchronised, nobody after it knows better.
        assert len(known) in {0, 3}, told
        assert known == sorted(set(known)), f"each hop adds to the bound: {told}"


def test_a_stream_comes_from_the_machine_that_is_named_of_this_installation_alone(
    cameras: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMS_TLS__MODE", "on")
    ours, theirs = Machines(), Machines()

    def product(stack: contextlib.ExitStack, name: str, *more: str) -> Product:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        flags = ["up", "--open", *more]
        return stack.enter_context(running(flags, folder / "data", folder / "log"))

    def called(name: str, **asked: str) -> dict[str, tuple[str, str]]:
        """Return state and reason of each stream that a machine asks for."""
        wishes = [{"id": key, "url": url, "on_demand": False} for key, url in asked.items()]
        monkeypatch.setenv("VMS_CAMERAS", json.dumps(wishes))
        with contextlib.ExitStack() as own:
            one = product(own, name)

            def states() -> dict[str, tuple[str, str]] | None:
                streams = {key: one.streams().get(f"{key}/main", {}) for key in asked}
                said = {
                    key: (found.get("state", ""), (found.get("reason") or {}).get("code", ""))
                    for key, found in streams.items()
                }
                done = all(state == "live" or why == REFUSED for state, why in said.values())
                return said if done else None

            found: dict[str, tuple[str, str]] = wait_for(states, LIMIT_S)
            return found

    for name, machines in (("media-2", ours), ("media-3", ours), ("stranger", theirs)):
        IdentityFile(tmp_path / name / "data").save(machines.make(name, NodeRole.MEDIA))
    live, refused = ("live", ""), ("backing_off", REFUSED)
    with contextlib.ExitStack() as stack:
        a = product(stack, "media-2", "--camera", cameras.camera("gate", 1))
        a.wait_live(STREAM)
        pinned = node(a)
        address = pinned.partition("?")[0]
        named = f"{address}?tls=node:media-2"
        # Who asks by no name sees the certificate that it saw before.
        asked = {"named": named, "pinned": pinned, "plain": address}
        asked["other"] = f"{address}?tls=node:media-3"
        assert called("media-3", **asked) == {
            "named": live, "pinned": live, "plain": refused, "other": refused,
        }  # fmt: skip
        assert called("stranger", named=named) == {"named": refused}
        assert called("alone", named=named, pinned=pinned) == {"named": refused, "pinned": live}
