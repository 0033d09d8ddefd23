"""Structured logs: JSON for machines, readable lines on a terminal.

Every line, ours or a library's, goes through one chain that ends in
redaction. ``configure_logging`` is called once by each process.
"""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from vms.telemetry.redaction import redact, redact_text

LogFormat = Literal["auto", "human", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

# Libraries whose "info" tells an operator nothing.
_QUIET = {"asyncio": "WARNING", "uvicorn": "WARNING", "websockets": "WARNING"}


def _redact_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Redact every field; runs after exceptions have become text."""
    return {key: redact(value, key) for key, value in event.items()}


def _one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Let no text of others begin a line or steer a terminal; a traceback is set in."""
    for key, value in event.items():
        if not isinstance(value, str):
            event[key] = value if isinstance(value, bool | int | float) else _shown(repr(value))
        elif key == "exception":
            event[key] = "\n".join(f"    {_shown(line)}" for line in value.splitlines())
        else:
            event[key] = _shown(value)
    return event


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Redact the finished line too: whatever is in it, it leaves clean."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


def _shared_processors(process: str) -> list[Processor]:
    def name_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_process,
    ]


def _renderers(*, human: bool, colors: bool) -> list[Processor]:
    if human:
        return [
            structlog.processors.format_exc_info,
            _redact_fields,
            _one_line,
            structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="time"),
        ]
    return [
        structlog.processors.format_exc_info,
        _redact_fields,
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(),
    ]


def configure_logging(
    process: str,
    *,
    level: LogLevel = "info",
    log_format: LogFormat = "auto",
    stream: TextIO | None = None,
) -> None:
    """Send all logs of this process to ``stream`` (standard error)."""
    out = stream if stream is not None else sys.stderr
    tty = out.isatty()
    human = log_format == "human" or (log_format == "auto" and tty)
    shared = _shared_processors(process)
    formatter = _RedactingFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(human=human, colors=tty),
        ],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Not cached: a logger made before configuration must follow it.
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; fields go in as keywords."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
