"""Faults of simulated cameras that run: told, put on and taken back by RTSP."""

import socket
from urllib.parse import urlsplit

from vms.common import ForbiddenError, InvalidError, NotFoundError, UnavailableError

# What the simulator understands, for people; it has the last word itself.
FAULTS = (
    "stall",
    "drop:PERCENT",
    "reorder:PERCENT",
    "delay:MS",
    "close:SECONDS",
    "wrong_password",
    "lying_marker",
    "no_parameter_sets",
    "no_parameter_sets:at_all",
    "sets_only_in_sdp",
    "bad_sdp:FORM",
    "bad_answer:FORM",
    "bad_payload:FORM",
    "bad_talk:FORM",
    "clock_jump:SECONDS",
    "audio_only",
    "not_rtsp",
    "big_packets",
    "endless_frame",
    "foreign_packets",
    "none",
)
ANSWER_LIMIT_S = 5.0
RTSP_PORT = 554


def parse_fault(text: str) -> tuple[int, str]:
    """Read ``N=FAULT`` into a camera's number and its fault."""
    number, _, fault = text.partition("=")
    if not (number.isdecimal() and fault):
        raise InvalidError(
            f"--fault {text}: write N=FAULT", code="fault_invalid", values={"value": text}
        )
    return int(number), fault


def set_fault(url: str, fault: str) -> None:
    """Put a fault on the cameras that ``url`` names, or take it back with ``none``."""
    _ask("SET_PARAMETER", url, f"fault: {fault}", fault)


def fault_of(url: str) -> dict[str, str]:
    """Return what is set: ``fault``, or each stream's where they differ."""
    lines = _ask("GET_PARAMETER", url, "fault").splitlines()
    if not lines:
        raise _silent(url)
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _ask(method: str, url: str, body: str, fault: str = "") -> str:
    """Send one request; returns the body of its answer."""
    parts = urlsplit(url)
    if parts.scheme != "rtsp" or not parts.hostname or not (body.isascii() and body.isprintable()):
        raise InvalidError(
            f"{url} {fault}: give an address such as rtsp://127.0.0.1:8654/cam1",
            code="fault_request",
            values={"url": url},
        )
    request = (
        f"{method} rtsp://{parts.netloc.rpartition('@')[2]}{parts.path or '/'} RTSP/1.0\r\n"
        f"CSeq: 1\r\nContent-Type: text/parameters\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    try:
        status, answer = _exchange((parts.hostname, parts.port or RTSP_PORT), request.encode())
    except (OSError, ValueError) as error:
        raise _silent(url) from error
    match status:
        case 200:
            return answer
        case 403:
            raise ForbiddenError(
                f"{url} takes commands from its own machine only",
                code="simulator_elsewhere",
                values={"url": url},
            )
        case 404:
            raise NotFoundError(
                f"{url}: no such camera", code="simulated_camera_unknown", values={"url": url}
            )
        case 451:
            allowed = ", ".join(FAULTS)
            raise InvalidError(
                f"{fault}: no such fault; there are: {allowed}",
                code="fault_unknown",
                values={"value": fault, "allowed": allowed},
            )
        case _:
            raise _silent(url)


def _exchange(address: tuple[str, int], request: bytes) -> tuple[int, str]:
    """Return status and body; raises ``ValueError`` where that is not RTSP."""
    with (
        socket.create_connection(address, timeout=ANSWER_LIMIT_S) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(request)
        protocol, _, rest = answer.readline().partition(b" ")
        if protocol != b"RTSP/1.0":
            raise ValueError(protocol)
        length = 0
        while line := answer.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return int(rest[:3]), answer.read(length).decode()


def _silent(url: str) -> UnavailableError:
    return UnavailableError(
        f"no simulated camera answers at {url}", code="simulator_silent", values={"url": url}
    )
