"""What a relay between nodes adds to a frame's way: A calls a camera, B calls A, C calls B.

The same frame is known at each node by the time that A gave it, which travels with it. Its first
packet is read at all three by one process, so that one clock measures; what is told is how much
later than at A it is read at B, and than at B at C.

    benchmarks/relay.py [SECONDS]     default 20
"""

import contextlib
import hashlib
import ssl
import sys
import threading
import time

from product import ROOT, Product, Usage, product, simulator
from run import Busy, commit, machine

sys.path.append(str(ROOT / "tests"))

from stamps import Reader, reading

TARGET_MS = 20.0
# The first frames come as a group; they are not measured.
JOIN_S = 3.0


def rtsp_of(made: Product) -> str:
    """Where players call it."""
    return made.addresses["rtsp"].removeprefix("rtsp://")


def node(made: Product) -> str:
    """The address of its stream, as the next node calls it."""
    pem = (made.data / "tls" / "certificate.pem").read_text(encoding="ascii")
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    return f"node://{rtsp_of(made)}/cam1?tls=sha256:{pin}"


def settings(address: str) -> str:
    """What one node is told."""
    return f'[tls]\nmode = "on"\n[[cameras]]\nid = "cam1"\nurl = "{address}"\n'


def read(reader: Reader, until: float, into: dict[int, int]) -> None:
    """Note when each frame was read, by its time."""
    for frame in reader.frames():
        into[frame.utc_us] = frame.read_us
        if time.monotonic() > until:
            return


def hop(first: dict[int, int], second: dict[int, int], from_us: int) -> list[float]:
    """How much later each frame was read, milliseconds."""
    common = [utc_us for utc_us in first.keys() & second.keys() if first[utc_us] >= from_us]
    return sorted((second[utc_us] - first[utc_us]) / 1000 for utc_us in common)


def tell(name: str, late: list[float]) -> None:
    """One line of the table."""
    if not late:
        raise RuntimeError(f"{name}: no frame was read at both")
    p50, p95 = late[len(late) // 2], late[min(int(len(late) * 0.95), len(late) - 1)]
    print(f"| {name} | {p50:.2f} | {p95:.2f} | {late[-1]:.2f} | {TARGET_MS:.0f} | {len(late)} |")


def main() -> None:
    """Run the chain and measure it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    print(f"Machine: {machine()}\nCommit: {commit()}\nMeasured for {seconds:.0f} s\n")
    with contextlib.ExitStack() as stack:
        farm, _ = stack.enter_context(simulator(1))

        def made(address: str) -> Product:
            return stack.enter_context(product("", 0, extra=settings(address)))

        a = made(f"rtsp://{farm}/cam1")
        b = made(node(a))
        c = made(node(b))
        nodes = (a, b, c)
        readers = [stack.enter_context(reading(rtsp_of(one), "cam1")) for one in reversed(nodes)]
        seen: list[dict[int, int]] = [{}, {}, {}]
        until = time.monotonic() + JOIN_S + seconds
        threads = [
            threading.Thread(target=read, args=(reader, until, into))
            for reader, into in zip(reversed(readers), seen, strict=True)
        ]
        for thread in threads:
            thread.start()
        time.sleep(JOIN_S)
        from_us, busy = time.time_ns() // 1000, Busy.now()
        before = [Usage.of(one.media_pid) for one in nodes]
        for thread in threads:
            thread.join()
        cores = [
            Usage.of(one.media_pid).cores_since(was) for one, was in zip(nodes, before, strict=True)
        ]
        print(
            "| hop | P50 ms | P95 ms | most ms | target P95 | frames |\n|---|---|---|---|---|---|"
        )
        tell("A to B", hop(seen[0], seen[1], from_us))
        tell("B to C", hop(seen[1], seen[2], from_us))
        print(f"\nCores of A, B and C: {', '.join(f'{one:.3f}' for one in cores)}")
        print(f"Full: {Busy.now().limit_since(busy)}")


if __name__ == "__main__":
    main()
