"""Metrics in the text format of Prometheus, and those of the process itself.

Small on purpose: a counter, a gauge, a histogram and a registry that prints
them. Values live in plain numbers; the event loop's thread is the only writer.
"""

import bisect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from vms.common import Clock

Labels = tuple[tuple[str, str], ...]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def _labels(values: Mapping[str, str]) -> Labels:
    return tuple(sorted(values.items()))


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _sample(name: str, labels: Labels, value: float) -> str:
    inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels)
    return f"{name}{{{inner}}} {value:.10g}" if inner else f"{name} {value:.10g}"


@dataclass(slots=True)
class Counter:
    """A number that only grows, per set of labels."""

    name: str
    help: str
    kind: str = "counter"
    values: dict[Labels, float] = field(default_factory=dict)

    def inc(self, amount: float = 1.0, /, **labels: str) -> None:
        """Add ``amount``."""
        key = _labels(labels)
        self.values[key] = self.values.get(key, 0.0) + amount

    def lines(self) -> Iterable[str]:
        """Yield the samples."""
        return (_sample(self.name, labels, value) for labels, value in self.values.items())


@dataclass(slots=True)
class Gauge:
    """A number that is read when it is asked for."""

    name: str
    help: str
    read: Callable[[], float]
    kind: str = "gauge"

    def lines(self) -> Iterable[str]:
        """Yield the one sample."""
        yield _sample(self.name, (), self.read())


@dataclass(slots=True)
class Histogram:
    """How often a value fell under each bound, per set of labels."""

    name: str
    help: str
    bounds: tuple[float, ...] = LATENCY_BUCKETS_S
    kind: str = "histogram"
    counts: dict[Labels, list[int]] = field(default_factory=dict)
    sums: dict[Labels, float] = field(default_factory=dict)

    def observe(self, value: float, /, **labels: str) -> None:
        """Count one value."""
        key = _labels(labels)
        counts = self.counts.setdefault(key, [0] * (len(self.bounds) + 1))
        counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sums[key] = self.sums.get(key, 0.0) + value

    def lines(self) -> Iterable[str]:
        """Yield buckets, sum and count."""
        for labels, counts in self.counts.items():
            total = 0
            for bound, count in zip((*self.bounds, float("inf")), counts, strict=True):
                total += count
                edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                yield _sample(f"{self.name}_bucket", (*labels, ("le", edge)), total)
            yield _sample(f"{self.name}_sum", labels, self.sums[labels])
            yield _sample(f"{self.name}_count", labels, total)


Metric = Counter | Gauge | Histogram
M = TypeVar("M", Counter, Gauge, Histogram)


class Registry:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def counter(self, name: str, help_text: str) -> Counter:
        """Make and keep a counter."""
        return self._keep(Counter(name, help_text))

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> Gauge:
        """Make and keep a gauge that calls ``read`` when scraped."""
        return self._keep(Gauge(name, help_text, read))

    def histogram(self, name: str, help_text: str) -> Histogram:
        """Make and keep a histogram of seconds."""
        return self._keep(Histogram(name, help_text))

    def _keep(self, metric: M) -> M:
        if metric.name in self._metrics:
            raise ValueError(f"metric {metric.name} exists already")
        self._metrics[metric.name] = metric
        return metric

    def render(self) -> str:
        """Return every metric in the text format of Prometheus."""
        lines: list[str] = []
        for metric in self._metrics.values():
            lines.append(f"# HELP {metric.name} {metric.help}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines.extend(metric.lines())
        return "\n".join(lines) + "\n"


class ProcessMetrics:
    """CPU and memory of this process, under the specification's names."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._clock = clock
        self._last = (clock.monotonic(), self._cpu_seconds())
        self._usage = 0.0
        registry.gauge(
            "vms_cpu_usage",
            "CPU of this process since the last scrape, percent of one core.",
            self._cpu_usage,
        )
        registry.gauge(
            "vms_memory_usage", "Resident memory of this process, bytes.", _resident_bytes
        )
        registry.gauge(
            "process_cpu_seconds_total", "CPU seconds this process has used.", self._cpu_seconds
        )

    @staticmethod
    def _cpu_seconds() -> float:
        times = os.times()
        return times.user + times.system

    def _cpu_usage(self) -> float:
        now, used = self._clock.monotonic(), self._cpu_seconds()
        then, before = self._last
        # Two scrapers in the same instant share one reading.
        if now - then >= 0.5:
            self._usage = 100.0 * (used - before) / (now - then)
            self._last = (now, used)
        return self._usage


def _resident_bytes() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return _peak_resident_bytes()
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _peak_resident_bytes() -> float:
    """Stand in where there is no /proc: the highest mark rather than nothing."""
    import resource  # noqa: PLC0415 - not on every system

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
