"""Every operation against made-up requests: no failure of ours, no breach of the document.

`API_FUZZ_EXAMPLES` says how many requests an operation gets (default 4), half of
them as the document allows and half as it forbids.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode, checks

from doubles import FakeMedia
from installation import GenerousGate, Installation, furnish, installation
from vms.admin import Principal
from vms.api import caller, create_app, openapi, rest
from vms.bus import MemoryBus
from vms.engine import DesiredState
from vms.ingest import Bystander, IngestWatch
from vms.services.api import Server, listen
from vms.services.worker import wiring_of

EXAMPLES = int(os.environ.get("API_FUZZ_EXAMPLES", "4"))
# It never ends.
ENDLESS = "/api/v1/events/stream"
CHECKS = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)

DOCUMENT = openapi.document(
    (one for ops in rest.EVERY for one in ops.declared if one.path != ENDLESS), "0"
)


def schema_of(*modes: GenerationMode) -> schemathesis.BaseSchema:
    made = schemathesis.openapi.from_dict(msgspec.json.decode(msgspec.json.encode(DOCUMENT)))
    made.config.phases.coverage.enabled = False
    made.config.generation.update(modes=list(modes))
    return made


SCHEMA = schema_of(GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ALLOWED = schema_of(GenerationMode.POSITIVE)


class Admin(GenerousGate):
    """Everybody is the one admin, whatever became of his session."""

    def __init__(self, people: Any, admin: Principal) -> None:  # noqa: ANN401 - as its base
        super().__init__(people)
        self._admin = admin

    async def principal(self, token: str) -> Principal:
        return dataclasses.replace(self._admin, session=self._admin.session if token else None)


class Serving:
    """A server in a thread of its own, on a free port of this machine."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._ready = threading.Event()
        self._stop: Any = None
        self.address = ""
        self.failed: BaseException | None = None
        # Ids of things that are there, by their name in a path.
        self.ids: dict[str, list[str]] = {}
        self.session = requests.Session()
        self.turn = itertools.count().__next__
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        if self.failed is not None:
            raise self.failed
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self._stop()
        self._thread.join(30)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to who waits
            self.failed = error
            self._ready.set()

    async def _serve(self) -> None:
        async with installation(self._data, f"sqlite:///{self._data / 'vms.db'}") as place:
            admin = await self._admin(place)
            async with place.client as client:
                self.ids = (await furnish(place, client, "sp", "ours")).ids
            watch = IngestWatch(FakeMedia(), DesiredState(0, ()), place.clock, steering=Bystander())
            wiring = wiring_of(place.house, MemoryBus(), watch, b"k" * 32)
            gate = Admin(place.house.people, admin)
            app = create_app(dataclasses.replace(wiring, gate=gate, events=None))
            listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            server = Server(listen(app), on_ready=self._ready.set)
            loop = asyncio.get_running_loop()
            self._stop = lambda: loop.call_soon_threadsafe(setattr, server, "should_exit", True)
            await server.serve(sockets=[listener])

    async def _admin(self, place: Installation) -> Principal:
        await place.hall.user("root", "admin", "platform")
        return await place.hall.who("root")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copyfile(sqlite_template, folder / "vms.db")
    limit = caller.ANONYMOUS_PER_MINUTE
    caller.ANONYMOUS_PER_MINUTE = 1_000_000
    with contextlib.ExitStack() as stack:
        stack.callback(setattr, caller, "ANONYMOUS_PER_MINUTE", limit)
        yield stack.enter_context(Serving(folder))


LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def call(server: Serving, case: schemathesis.Case) -> schemathesis.Response:
    # Else nearly every POST would repeat the key of another one.
    case.headers.pop("Idempotency-Key", None)
    return case.call(
        base_url=server.address,
        headers={"Authorization": "Bearer root"},
        session=server.session,
        timeout=30,
    )


@SCHEMA.parametrize()
@LIMITS
def test_an_operation_keeps_its_word(server: Serving, case: schemathesis.Case) -> None:
    case.validate_response(call(server, case), checks=(*CHECKS, checks.negative_data_rejection))


@ALLOWED.parametrize()
@LIMITS
def test_an_operation_keeps_its_word_about_things_that_are_there(
    server: Serving, case: schemathesis.Case
) -> None:
    for name in case.path_parameters:
        found = server.ids.get(name, [name])
        case.path_parameters[name] = found[server.turn() % len(found)]
    if "If-Match" in case.headers:
        case.headers["If-Match"] = f'"{1 + server.turn() % 3}"'
    case.validate_response(call(server, case), checks=CHECKS)
