"""Asks an API by HTTP/1.1 and tells how long answers took.

    api_load.py HOST PORT RATE SECONDS < PATHS-AND-TOKENS

Standard input is JSON: ``{"paths": [...], "tokens": [...]}``; requests take the
paths in turn. RATE requests are due each second, whatever the answers do: time is
counted from when a request was due, so that waiting for a free connection counts too.
With RATE 0 each connection asks again as soon as it was answered.
"""

import asyncio
import itertools
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

CONNECTIONS = 32
# Answers of the first moments are those of cold caches and connections.
WARM_S = 1.0
OK = 200


@dataclass
class Report:
    """What came of it."""

    begin: float
    end: float
    took_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def note(self, status: int, due: float) -> None:
        """Count an answer, unless it belongs to the warming up."""
        if due < self.begin + WARM_S:
            return
        self.statuses[status] += 1
        self.took_ms.append((time.monotonic() - due) * 1000)


async def connection(
    place: tuple[str, int], requests: Iterator[bytes], due: Iterator[float], report: Report
) -> None:
    """Ask by one connection until the time is over."""
    reader, writer = await asyncio.open_connection(*place)
    for at in due:
        if at >= report.end:
            break
        if (early := at - time.monotonic()) > 0:
            await asyncio.sleep(early)
        writer.write(next(requests))
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        report.note(int(head.split(b" ", 2)[1]), at)
    writer.close()


def request(host: str, path: str, token: str) -> bytes:
    """Return a request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}", "", ""]
    return "\r\n".join(lines).encode()


def dues(rate: float, begin: float) -> Iterator[float]:
    """Yield when requests are due."""
    if rate:
        yield from (begin + number / rate for number in itertools.count())
    while True:
        yield time.monotonic()


async def run(host: str, port: int, rate: float, seconds: float) -> None:
    """Ask, then print the report."""
    told = json.load(sys.stdin)
    requests = itertools.cycle(
        request(f"{host}:{port}", path, token) for token in told["tokens"] for path in told["paths"]
    )
    begin = time.monotonic()
    report = Report(begin, begin + WARM_S + seconds)
    due = dues(rate, begin)
    await asyncio.gather(
        *(connection((host, port), requests, due, report) for _ in range(CONNECTIONS))
    )
    took = sorted(report.took_ms)
    used = resource.getrusage(resource.RUSAGE_SELF)
    said = {
        "rate": len(took) / (time.monotonic() - begin - WARM_S),
        "p50_ms": took[len(took) // 2],
        "p95_ms": took[len(took) * 95 // 100],
        "failed": sum(count for status, count in report.statuses.items() if status != OK),
        "own_cores": (used.ru_utime + used.ru_stime) / (time.monotonic() - begin),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
