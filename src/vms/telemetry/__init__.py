"""Logs and metrics of every process; secrets never leave through either."""

from vms.telemetry.logs import LogFormat, LogLevel, configure_logging, get_logger
from vms.telemetry.metrics import (
    CONTENT_TYPE,
    Counter,
    Gauge,
    Histogram,
    ProcessMetrics,
    Registry,
)
from vms.telemetry.redaction import MASK, redact, redact_text

__all__ = [
    "CONTENT_TYPE",
    "MASK",
    "Counter",
    "Gauge",
    "Histogram",
    "LogFormat",
    "LogLevel",
    "ProcessMetrics",
    "Registry",
    "configure_logging",
    "get_logger",
    "redact",
    "redact_text",
]
