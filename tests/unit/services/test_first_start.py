"""What is there before the processes of an installation start, and who is kept out."""

from pathlib import Path

import msgspec
import pytest

from vms.admin import AcceptDraft, SignInDraft, Ticket, Tokens, Visit
from vms.admin.setup import FILE_NAME
from vms.common import LOCAL_CITY, ConflictError, InvalidError, SystemClock
from vms.engine import StreamLimits
from vms.proto import ApiSettings, CameraEntry, Launch, StreamSettings
from vms.services import first_start
from vms.services.demo import invite_everybody, viewer_link
from vms.services.house import SYSTEM, House

CLOCK = SystemClock()
PASSWORD = "seven green bicycles"
GATE = CameraEntry(id="gate", name="Gate", url="rtsp://u:p@10.0.0.9/main")


def launch(data: Path, **more: object) -> Launch:
    return Launch(data=str(data), cameras=(GATE,), **more)  # type: ignore[arg-type]


async def make_admin(launch: Launch) -> None:
    """Make an admin with a second factor, as the command line does."""
    house = House.open(launch, CLOCK)
    try:
        await house.people.console.create_admin(SYSTEM, "root", "Root", PASSWORD, None)
    finally:
        house.close()


async def test_a_first_start_makes_city_cameras_and_keys_and_a_second_keeps_them(
    tmp_path: Path,
) -> None:
    assert await first_start.prepare(launch(tmp_path), CLOCK) is False
    more = launch(tmp_path, streams=StreamSettings(most=7, most_of_a_viewer=3))
    changed = msgspec.structs.replace(more, cameras=(msgspec.structs.replace(GATE, name="New"),))
    assert await first_start.prepare(changed, CLOCK) is False
    house = House.open(changed, CLOCK)
    try:
        desired = await house.desired(lambda _until: None)
    finally:
        house.close()
    (camera,) = desired.cameras
    assert (camera.id, camera.city, camera.name) == ("gate", LOCAL_CITY, "Gate")
    assert camera.streams["main"].url == GATE.url  # type: ignore[index]
    assert len(desired.access.keys) == 1
    assert desired.access.limits == StreamLimits(viewer=3, machine=7)


async def test_the_first_admin_is_made_by_a_link_that_is_then_gone(tmp_path: Path) -> None:
    here = launch(tmp_path)
    await first_start.prepare(here, CLOCK)
    link = await first_start.setup_link(here, CLOCK, "http://127.0.0.1:8000")
    assert link is not None
    kept = tmp_path / FILE_NAME
    assert kept.read_text().strip() == link
    assert kept.stat().st_mode & 0o777 == 0o600
    page, _hash, token = link.partition("#")
    assert page == "http://127.0.0.1:8000/setup"
    house = House.open(here, CLOCK)
    try:
        draft = AcceptDraft(token=token, login="root", name="Root", password=PASSWORD)
        await house.people.setup.accept(draft, Visit(address="127.0.0.1", agent="test"), tmp_path)
    finally:
        house.close()
    assert not kept.exists()


async def test_before_there_is_an_admin_only_this_machine_may_come(tmp_path: Path) -> None:
    far = launch(tmp_path, api=ApiSettings(host="0.0.0.0"))
    with pytest.raises(InvalidError) as caught:
        await first_start.prepare(far, CLOCK)
    assert (caught.value.code, caught.value.values["key"]) == ("admin_needed", "api.host")
    await make_admin(far)
    assert await first_start.prepare(far, CLOCK) is True


async def test_an_open_server_takes_no_folder_that_has_an_admin(tmp_path: Path) -> None:
    here = launch(tmp_path)
    await first_start.refuse_open_over_admin(here, CLOCK)
    assert not (tmp_path / "vms.db").exists(), "looking makes no database"
    await first_start.prepare(here, CLOCK)
    await first_start.refuse_open_over_admin(here, CLOCK)
    await make_admin(here)
    with pytest.raises(ConflictError) as caught:
        await first_start.refuse_open_over_admin(here, CLOCK)
    assert caught.value.code == "open_over_admin"


async def test_a_demonstration_has_one_person_a_role_who_can_sign_in(tmp_path: Path) -> None:
    here = launch(tmp_path)
    await first_start.prepare(here, CLOCK)
    people = await invite_everybody(here, CLOCK)
    assert [one.role for one in people] == ["admin", "gestor", "operador", "visualizador"]
    assert len({one.password for one in people}) == 4
    link = await viewer_link(here, CLOCK, people, "http://127.0.0.1:8000")
    assert link is not None
    house = House.open(here, CLOCK)
    try:
        await house.people.start()
        sign_in, visit = house.people.sign_in, Visit(address="127.0.0.1", agent="test")
        for one in people:
            found = await sign_in.sign_in(
                SignInDraft(login=one.login, password=one.password), visit
            )
            assert isinstance(found, Ticket if one.secret else Tokens), one.role
        opened = await sign_in.refresh(link.partition("#")[2], visit)
        assert opened.user.login == "visualizador"
    finally:
        house.close()
    assert await invite_everybody(here, CLOCK) == (), "people are made once"
