"""Tests of the running product are judged on a machine that runs.

A host that stops a virtual processor for a second makes pictures late, sessions end and gaps in
recordings: what a test then sees says nothing of the product. Such a test, and no other, is played
again, and the summary names it.
"""

import functools
import os
import threading
import time
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

PULSE_S = 0.02
STANDS_STILL_S = 0.25
# Who was cut off shortly before a test, such as a viewer that it shares, may notice within it.
LEAD_S = 5.0
TRIES = 3
PLAYED_AGAIN = "played_again"


class Watch:
    """When a processor did not run us, from now until the process ends."""

    def __init__(self) -> None:
        # When each pause ended, on the monotonic clock, and how long it was.
        self.pauses: list[tuple[float, float]] = []
        for processor in os.sched_getaffinity(0):
            threading.Thread(
                target=self._look, args=(processor,), name="undisturbed", daemon=True
            ).start()

    def longest_s(self, since: float) -> float:
        """Return the longest pause that ended after an instant."""
        return max((paused for ended, paused in self.pauses if ended > since), default=0.0)

    def _look(self, processor: int) -> None:
        os.sched_setaffinity(0, {processor})
        last = time.monotonic()
        while True:
            time.sleep(PULSE_S)
            now = time.monotonic()
            if now - last - PULSE_S > STANDS_STILL_S:
                self.pauses.append((now, now - last))
            last = now


watching = functools.cache(Watch)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Play a test of the running product again where it failed and the machine stood still."""
    if item.get_closest_marker("engine") is None:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in reversed(range(TRIES)):
        watch, begun = watching(), time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        stood_s = watch.longest_s(begun - LEAD_S)
        if not (left and stood_s and any(report.failed for report in reports)):
            break
        item.user_properties.append((PLAYED_AGAIN, f"{stood_s:.2f}"))
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
