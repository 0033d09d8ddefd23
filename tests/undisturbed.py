"""Tests of the running product are judged on a machine that runs.

A host that stops a virtual processor for a second makes pictures late, sessions end and gaps in
recordings: what a test then sees says nothing of the product. Such a test, and no other, is played
again, and the summary names it.
"""

import os
import threading
import time
from typing import Any, Self

import pytest
from _pytest.runner import runtestprotocol

PULSE_S = 0.02
STANDS_STILL_S = 0.25
TRIES = 3
PLAYED_AGAIN = "played_again"


class Watch:
    """How long a processor did not run us, at most, while the block runs."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._look, args=(processor,), daemon=True)
            for processor in os.sched_getaffinity(0)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _look(self, processor: int) -> None:
        os.sched_setaffinity(0, {processor})
        last = time.monotonic()
        while not self._over.wait(PULSE_S):
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - last - PULSE_S)
            last = now


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Play a test of the running product again where it failed and the machine stood still."""
    if item.get_closest_marker("engine") is None:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in reversed(range(TRIES)):
        with Watch() as watch:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        failed = any(report.failed for report in reports)
        if not (failed and left and watch.longest_s > STANDS_STILL_S):
            break
        item.user_properties.append((PLAYED_AGAIN, f"{watch.longest_s:.2f}"))
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: Any) -> None:  # noqa: ANN401 - pytest's own
    """Name what was played again."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") != "teardown":
                continue
            for name, seconds in report.user_properties:
                if name == PLAYED_AGAIN:
                    terminalreporter.line(
                        f"played again: {report.nodeid}: the machine stood still for {seconds} s"
                    )
