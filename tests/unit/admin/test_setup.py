"""The first start: a link that makes the first admin, once."""

import asyncio
import stat
from pathlib import Path

import pytest

from people import HERE, SYSTEM, TownHall, accept, token_in
from vms.admin import User, setup
from vms.common import ConflictError, InvalidError, NotFoundError


def address(token: str) -> str:
    return f"http://127.0.0.1:8000/setup#{token}"


async def link_of(town: TownHall, data: Path) -> str:
    link = await town.people.setup.renew_link(data, address)
    assert link is not None
    return link


async def test_the_link_makes_an_admin_who_must_enrol(town: TownHall, tmp_path: Path) -> None:
    assert await town.people.setup.is_needed()
    link = await link_of(town, tmp_path)
    file = tmp_path / setup.FILE_NAME
    assert file.read_text() == link + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = token_in(link)
    assert len(token) >= 43
    assert token.encode() not in town.raw("SELECT hash FROM setup_link")
    user = await town.people.setup.accept(accept(token, "root"), HERE, tmp_path)
    assert (user.home, user.login) == ("", "root")
    assert not file.exists()
    assert not await town.people.setup.is_needed()
    tokens = await town.sign_in("root")
    assert tokens.must_enrol
    who = await town.who("root")
    assert all(who.may(function) for function in town.functions)


async def test_the_link_is_used_once(town: TownHall, tmp_path: Path) -> None:
    token = token_in(await link_of(town, tmp_path))
    drafts = (accept(token, login) for login in ("root", "other", "third"))
    answers = await asyncio.gather(
        *(town.people.setup.accept(draft, HERE, tmp_path) for draft in drafts),
        return_exceptions=True,
    )
    assert len([one for one in answers if isinstance(one, User)]) == 1
    assert len([one for one in answers if isinstance(one, NotFoundError)]) == 2


async def test_the_link_runs_out_and_a_new_one_replaces_it(town: TownHall, tmp_path: Path) -> None:
    first = token_in(await link_of(town, tmp_path))
    second = token_in(await link_of(town, tmp_path))
    with pytest.raises(NotFoundError):
        await town.people.setup.accept(accept(first, "root"), HERE, tmp_path)
    town.clock.advance(setup.LASTS_US / 1_000_000)
    for token in (second, "", "made up"):
        with pytest.raises(NotFoundError) as error:
            await town.people.setup.accept(accept(token, "root"), HERE, tmp_path)
        assert error.value.code == "invitation_unknown"
    assert await town.people.setup.is_needed()


async def test_a_bad_password_leaves_the_link_open(town: TownHall, tmp_path: Path) -> None:
    token = token_in(await link_of(town, tmp_path))
    with pytest.raises(InvalidError):
        await town.people.setup.accept(accept(token, "root", "password1234"), HERE, tmp_path)
    await town.people.setup.accept(accept(token, "root"), HERE, tmp_path)


async def test_once_there_is_an_admin_there_is_no_link(town: TownHall, tmp_path: Path) -> None:
    token = token_in(await link_of(town, tmp_path))
    await town.user("root", "admin", "platform")
    with pytest.raises(ConflictError) as error:
        await town.people.setup.accept(accept(token, "other"), HERE, tmp_path)
    assert error.value.code == "setup_done"
    assert await town.people.setup.renew_link(tmp_path, address) is None
    assert not (tmp_path / setup.FILE_NAME).exists()
    with pytest.raises(NotFoundError):
        await town.people.setup.accept(accept(token, "other"), HERE, tmp_path)


async def test_a_file_that_was_put_in_the_way_is_replaced(town: TownHall, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / setup.FILE_NAME).symlink_to(elsewhere)
    await link_of(town, tmp_path)
    assert elsewhere.read_text() == "kept"
    assert not (tmp_path / setup.FILE_NAME).is_symlink()


async def test_a_manager_is_no_admin(town: TownHall) -> None:
    await town.user("bruno", "gestor", "city:sp")
    disabled = await town.user("root", "operador", "city:sp", home="")
    assert await town.people.setup.is_needed()
    await town.give(SYSTEM, disabled, "admin", "platform")
    assert not await town.people.setup.is_needed()
