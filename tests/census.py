"""What the processes of a product hold: memory, threads, handles, ports."""

import re
from dataclasses import dataclass
from pathlib import Path

from product import Product

MEBI = 1 << 20
# What a process that leaks nothing may hold more than a while before: an allocator's spare pages,
# a thread of a pool, handles of a file that is just being written.
MEMORY = 16 * MEBI
THREADS = 4
HANDLES = 8
# /proc/net: sockets that take connections, and UDP sockets without a peer.
LISTENS, UNCONNECTED = "0A", "07"


@dataclass(frozen=True)
class Held:
    """What one process holds; memory that is its own, in bytes."""

    memory: int
    threads: int
    handles: int

    @staticmethod
    def by(pid: int) -> "Held":
        """Read what a process holds."""
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        found = dict(re.findall(r"^(RssAnon|Threads):\s+(\d+)", status, re.MULTILINE))
        handles = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Held(int(found["RssAnon"]) * 1024, int(found["Threads"]), handles)

    def __str__(self) -> str:
        """Tell it for a person."""
        return f"{self.memory / MEBI:.1f} MiB, {self.threads} threads, {self.handles} handles"


Census = dict[str, Held]


def census(product: Product) -> Census:
    """Return what each process of a product holds now."""
    run = product.run["pids"]
    pids = {"supervisor": product.process.pid, "media": run["media"]}
    pids |= {f"api {number}": pid for number, pid in enumerate(run["api"], 1)}
    return {name: Held.by(pid) for name, pid in pids.items()}


def grown(before: Census, after: Census, memory: int = MEMORY) -> list[str]:
    """Return the processes that hold more than a while before, and what."""
    return [
        f"{name}: {before[name]} -> {now}"
        for name, now in after.items()
        if now.memory > before[name].memory + memory
        or now.threads > before[name].threads + THREADS
        or now.handles > before[name].handles + HANDLES
    ]


def told(counted: Census) -> str:
    """Tell it in a line."""
    return "; ".join(f"{name} {held}" for name, held in counted.items())


def listening(pid: int) -> set[tuple[str, int]]:
    """Return each port that a process listens at, as ``("tcp", 8554)``."""
    own = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            own.add(str(handle.readlink()))
        except FileNotFoundError:
            continue  # It was closed meanwhile.
    found = set()
    for table, state in (
        *(("tcp", LISTENS), ("tcp6", LISTENS)),
        *(("udp", UNCONNECTED), ("udp6", UNCONNECTED)),
    ):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            _, local, _, is_in, *_, inode = line.split()[:10]
            if is_in == state and f"socket:[{inode}]" in own:
                found.add((table[:3], int(local.rpartition(":")[2], 16)))
    return found
