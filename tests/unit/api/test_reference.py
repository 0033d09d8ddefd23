"""The examples of docs/reference/api.md, as a reader would run them."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from installation import API, installation
from people import PASSWORD
from vms.api import openapi, rest

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What each block says, in parts: enough to see that it did what the text promises.
SAID = [
    ['"open":false', '"openapi":"3.1.0"'],
    ['"kind":"api_key"'],
    ['"current":true', '"state":"signed_in"'],
    ['"next":"', '"name":"Camera 2"'],
    ["HTTP/1.1 201", "idempotency-replayed: true"],
    ['"name":"Gate 7, north"', "412"],
    ['"code":"camera_unknown"'],
    ["event: camera.created", "event: camera.updated"],
]


async def test_the_examples_do_what_the_page_says(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "vms.db")
    script = "\n".join(
        f"echo; echo '=== {number}'\n{block}"
        for number, block in enumerate(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    )
    async with installation(tmp_path, f"sqlite:///{tmp_path / 'vms.db'}") as place:
        ana = await place.enter("ana", "gestor", "city:local")
        await place.hall.user("bruno", "operador", "city:local")
        async with place.client as client:
            for number in (1, 2, 3):
                body = {"name": f"Camera {number}", "maker": "axis", "host": f"192.0.2.{number}"}
                assert (await client.post(f"{API}/cameras", json=body, headers=ana)).is_success
            body = {"name": "docs", "role": "gestor", "scope": "city:local"}
            key = (await client.post(f"{API}/api-keys", json=body, headers=ana)).json()["token"]
        async with place.serving() as address:
            environment = {**os.environ, "VMS": address, "KEY": key}
            said = await run(script, {**environment, "LOGIN": "bruno", "PASSWORD": PASSWORD})
    parts = re.split(r"^=== \d+$", said, flags=re.MULTILINE)[1:]
    assert len(parts) == len(SAID)
    for part, expected in zip(parts, SAID, strict=True):
        for text in expected:
            assert text in part, part


async def run(script: str, environment: dict[str, str]) -> str:
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0, (out.decode(), error.decode())
    return out.decode()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`(?:[A-Z]+ )?(/(?:api/v1|auth)[^`?]*)`", PAGE.read_text())))
)
def test_every_address_of_the_page_is_there(path: str) -> None:
    known = openapi.document((one for ops in rest.EVERY for one in ops.declared), "0")["paths"]
    assert (path if path.startswith(API) else API + path) in known
