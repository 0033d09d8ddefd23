"""The child's side of being started: its orders, its parent, its report.

Orders come as JSON on standard input. With ``--ready-fd N`` a report goes to
that pipe; without it a person started the process and reads the terminal.
"""

import argparse
import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import msgspec

from vms.common import InvalidError, VmsError
from vms.proto import Announcement, Failed, LogSettings, Ready, Report
from vms.telemetry import configure_logging, get_logger

log = get_logger(__name__)

Orders = TypeVar("Orders", bound=msgspec.Struct)

PR_SET_PDEATHSIG = 1
# Cameras, viewers and files of recordings take a handle each; shells and service managers begin
# with 1024, which one caller's silent connections would use up.
HANDLES = 65_536


class Post:
    """Where a process says that it is ready, or why it cannot be."""

    def __init__(self, handle: int | None, socket: int | None = None) -> None:
        self._handle = handle
        self.socket = socket

    @property
    def has_parent(self) -> bool:
        """Whether a supervisor listens."""
        return self._handle is not None

    def ready(self, addresses: dict[str, str]) -> None:
        """Say that every listener is bound."""
        self._send(Ready(addresses))

    def failed(self, error: VmsError) -> None:
        """Say why this process cannot run."""
        self._send(Failed(error.kind.value, error.code, error.message, error.values))

    def _send(self, report: Report) -> None:
        if self._handle is not None:
            # A parent that is gone needs no report; its end ends this process too.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._handle, msgspec.json.encode(report) + b"\n")


def announce(
    announcement: Announcement,
    addresses: dict[str, str],
    whole: object,
    people: Iterable[dict[str, str]] = (),
) -> None:
    """Tell a person, or a program, that all is ready."""
    people = list(people)
    if announcement.json:
        told = msgspec.to_builtins(whole)
        text = msgspec.json.encode({**told, "people": people} if people else told).decode()
    else:
        words = [announcement.text]
        words += [announcement.certificate] if addresses.get("fingerprint") else []
        words += [announcement.setup] if addresses.get("setup") else []
        lines = ["\n".join(words).format_map(addresses)]
        lines += [announcement.person.format_map(person) for person in people]
        text = "\n".join(lines)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def follow_parent() -> None:
    """Ask the kernel to end this process when its parent dies, however it dies."""
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the supervisor stops us
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


def take_handles() -> int:
    """Let this process open as many files as it may, up to what it can need; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = HANDLES if hard == unlimited else min(hard, HANDLES)
    if soft == unlimited or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def until(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Return when ``stop`` is set; a task that ends before ends the process with its error."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        await task


def main(
    process: str,
    orders_type: type[Orders],
    log_of: Callable[[Orders], LogSettings],
    serve: Callable[[Orders, Post], Awaitable[None]],
) -> int:
    """Run one process; returns its exit code."""
    post = _arguments()
    os.umask(0o077)
    take_handles()
    # In processes that this one starts gRPC would write a line past our log for each stranger
    # whose handshake fails; it reads this when it is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        orders = _read_orders(orders_type)
        settings = log_of(orders)
        configure_logging(process, level=settings.level, log_format=settings.format)
        if post.has_parent:
            follow_parent()
        asyncio.run(_serve(serve, orders, post))
    except VmsError as error:
        post.failed(error)
        if not post.has_parent:
            sys.stderr.write(f"{error.message}\n")
        return error.outcome.exit_code
    return 0


async def _serve(
    serve: Callable[[Orders, Post], Awaitable[None]], orders: Orders, post: Post
) -> None:
    try:
        await serve(orders, post)
    except VmsError as error:
        if post.has_parent:
            log.error("process_failed", code=error.code, detail=error.message)  # noqa: TRY400
        raise


def _arguments() -> Post:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-fd", type=int, help="pipe for the report")
    parser.add_argument("--socket-fd", type=int, help="listening socket to serve on")
    given = parser.parse_args()
    return Post(given.ready_fd, given.socket_fd)


def _read_orders(orders_type: type[Orders]) -> Orders:
    raw = sys.stdin.buffer.read()
    try:
        return msgspec.json.decode(raw, type=orders_type)
    except msgspec.MsgspecError as error:
        raise InvalidError(
            f"the orders on standard input are refused: {error}; start roles with vms run ROLE",
            code="orders_invalid",
        ) from None
