"""Logs: one chain for all, JSON or lines, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from vms.telemetry import LogFormat, configure_logging, get_logger


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_process_and_fields() -> None:
    out = io.StringIO()
    configure_logging("media", stream=out)
    get_logger("vms.engine").info("stream_state", camera="gate", drops=3)
    (line,) = lines(out)
    assert line.pop("time").endswith("Z")
    assert line == {
        "message": "stream_state",
        "level": "info",
        "logger": "vms.engine",
        "process": "media",
        "camera": "gate",
        "drops": 3,
    }


def test_lines_of_libraries_go_through_the_same_chain() -> None:
    out = io.StringIO()
    configure_logging("api", stream=out)
    logging.getLogger("library").info("started with %s", "rtsp://u:hunter2@c/")
    (line,) = lines(out)
    assert line["message"] == "started with rtsp://u:***@c/"
    assert line["process"] == "api"


def test_a_terminal_gets_lines_for_people() -> None:
    out = Terminal()
    configure_logging("media", stream=out)
    get_logger("x").warning("camera_lost", camera="gate")
    assert "camera_lost" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_what_is_under_the_level_is_not_written() -> None:
    out = io.StringIO()
    configure_logging("api", level="warning", stream=out)
    get_logger("x").info("quiet")
    logging.getLogger("y").info("quiet")
    assert out.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "human"])
def test_no_secret_leaves_by_field_message_or_traceback(log_format: LogFormat) -> None:
    out = io.StringIO()
    configure_logging("api", log_format=log_format, stream=out)
    log = get_logger("x")
    log.error("failed for rtsp://u:hunter2@c/", password="hunter2", url="rtsp://u:hunter2@c/")
    try:
        raise ValueError("cannot open rtsp://u:hunter2@c/")
    except ValueError:
        log.exception("failed", nested={"token": "hunter2", "urls": ["rtsp://u:hunter2@c/"]})
        logging.getLogger("library").exception("password=hunter2")
    assert out.getvalue().count("Traceback") >= 2
    assert "hunter2" not in out.getvalue()
