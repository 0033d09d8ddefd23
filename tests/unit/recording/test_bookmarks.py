"""Bookmarks: found by camera and text, by those who may play that camera."""

import pytest

from recorder import BEGIN_US
from vms.admin import Function
from vms.common import ConflictError, ForbiddenError, InvalidError, NotFoundError, Page
from vms.recording import BookmarkChange, BookmarkDraft

from .conftest import Studio, manager, watcher

FIRST = Page(50)


def draft(camera: str, text: str = "Ação na praça", at_us: int = BEGIN_US) -> BookmarkDraft:
    return BookmarkDraft(camera=camera, at_us=at_us, text=text)


async def marked(studio: Studio) -> None:
    for who, camera in ((manager(), "gate"), (manager(), "yard"), (manager("rj"), "pier")):
        await studio.recordings.bookmarks.create(who, draft(camera, f"{camera}: 100%_ação"))


async def test_all_that_one_may_play_are_listed_and_nothing_else(studio: Studio) -> None:
    await marked(studio)
    bookmarks = studio.recordings.bookmarks
    view = Function.PLAYBACK_VIEW
    for who, seen in (
        (manager(), ["yard", "gate"]),
        (manager("rj"), ["pier"]),
        (watcher("city:sp", view), ["yard", "gate"]),
        (watcher(f"group:sp/{studio.group}", view), ["gate"]),
        (watcher("camera:sp/yard", view), ["yard"]),
    ):
        found = await bookmarks.list(who, FIRST)
        assert [one.camera for one in found.items] == seen, who.actor
    with pytest.raises(ForbiddenError):
        await bookmarks.list(watcher("city:sp", Function.LIVE_VIEW), FIRST)


async def test_one_camera_and_a_part_of_the_text_whatever_its_accents(studio: Studio) -> None:
    await marked(studio)
    bookmarks = studio.recordings.bookmarks
    assert len((await bookmarks.list(manager(), FIRST, camera="gate")).items) == 1
    assert len((await bookmarks.list(manager(), FIRST, text="ACAO")).items) == 2
    assert len((await bookmarks.list(manager(), FIRST, text="%_a")).items) == 2
    assert (await bookmarks.list(manager(), FIRST, text="_%")).items == ()
    with pytest.raises(NotFoundError):
        await bookmarks.list(manager(), FIRST, camera="pier")


async def test_pages_follow_each_other(studio: Studio) -> None:
    await marked(studio)
    bookmarks = studio.recordings.bookmarks
    first = await bookmarks.list(manager(), Page(1))
    assert first.next is not None
    second = await bookmarks.list(manager(), Page(1, first.next))
    assert [one.camera for one in (*first.items, *second.items)] == ["yard", "gate"]
    assert second.next is None


async def test_a_bookmark_changes_once_for_each_version_and_goes(studio: Studio) -> None:
    bookmarks = studio.recordings.bookmarks
    made = await bookmarks.create(manager(), draft("gate"))
    assert (made.city, made.by) == ("sp", "user:ana")
    later = await bookmarks.change(manager(), made.id, made.version, BookmarkChange(text="Two"))
    assert (later.text, later.at_us, later.version) == ("Two", made.at_us, made.version + 1)
    with pytest.raises(ConflictError):
        await bookmarks.change(manager(), made.id, made.version, BookmarkChange(text="Three"))
    end = BookmarkChange(to_us=BEGIN_US)
    with pytest.raises(InvalidError) as backwards:
        await bookmarks.change(manager(), made.id, later.version, end)
    assert backwards.value.code == "period_invalid"
    with pytest.raises(NotFoundError):
        await bookmarks.delete(manager("rj"), made.id, later.version)
    await bookmarks.delete(manager(), made.id, later.version)
    with pytest.raises(NotFoundError):
        await bookmarks.get(manager(), made.id)
    actions = [action for _, action, _ in studio.lines()]
    assert actions == ["bookmark.create", "bookmark.update", "bookmark.delete"]
