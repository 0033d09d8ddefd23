"""Metrics in the text format of Prometheus."""

import pytest

from vms.common import ManualClock
from vms.telemetry import ProcessMetrics, Registry


def test_a_page_is_the_text_format() -> None:
    registry = Registry()
    requests = registry.counter("vms_requests_total", "Requests.")
    requests.inc(method="GET", route='a"b\\c\n')
    requests.inc(2, method="GET", route='a"b\\c\n')
    registry.gauge("vms_open", "Open.", lambda: 1.0)
    seconds = registry.histogram("vms_seconds", "Seconds.")
    for value in (0.001, 0.02, 99.0):
        seconds.observe(value, route="r")
    page = registry.render().splitlines()
    assert page[:3] == [
        "# HELP vms_requests_total Requests.",
        "# TYPE vms_requests_total counter",
        'vms_requests_total{method="GET",route="a\\"b\\\\c\\n"} 3',
    ]
    assert "# TYPE vms_open gauge" in page
    assert "vms_open 1" in page
    assert 'vms_seconds_bucket{route="r",le="0.001"} 1' in page
    assert 'vms_seconds_bucket{route="r",le="0.025"} 2' in page
    assert 'vms_seconds_bucket{route="r",le="+Inf"} 3' in page
    assert 'vms_seconds_count{route="r"} 3' in page


def test_a_name_is_given_once() -> None:
    registry = Registry()
    registry.counter("vms_x", "X.")
    with pytest.raises(ValueError, match="vms_x"):
        registry.counter("vms_x", "X.")


def test_the_process_tells_cpu_and_memory_under_the_names_of_the_specification() -> None:
    registry, clock = Registry(), ManualClock()
    ProcessMetrics(registry, clock)
    clock.advance(1.0)
    values = dict(
        line.split() for line in registry.render().splitlines() if not line.startswith("#")
    )
    assert float(values["vms_memory_usage"]) > 1_000_000
    assert float(values["vms_cpu_usage"]) >= 0.0
    assert float(values["process_cpu_seconds_total"]) > 0.0
    assert registry.render() != ""
