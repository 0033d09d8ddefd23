"""Lines are found by actor, object, action, period and city, page by page."""

from typing import Any

import pytest

from audits import MANAGER, ROOT, Audit
from vms.audit import PLATFORM_CHAIN, Search
from vms.common import InvalidError, NotFoundError, Page


@pytest.fixture
async def filled(audit: Audit) -> Audit:
    """Lines of two cities and of the platform."""
    await audit.write(3, "sp")
    await audit.write(1, "sp", actor="user:bruno", action="camera.delete", outcome="denied")
    await audit.write(2, "rio", actor="api_key:k1", action="clip.view", object="clip:p1")
    await audit.write(1, None, actor="user:root", action="city.create", object="city:rio")
    return audit


async def found(audit: Audit, **asked: Any) -> list[tuple[str, str, str, str]]:  # noqa: ANN401
    page = await audit.trail.search(ROOT, Search(**asked))
    return [
        (one.line.city, one.line.actor, one.line.action, one.line.object)
        for one in page.items
        if one.line.action != "audit.search"
    ]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 7),
        ({"city": "sp"}, 4),
        ({"city": "rio"}, 2),
        ({"city": PLATFORM_CHAIN}, 1),
        ({"city": "nowhere"}, 0),
        ({"actor": "user:ana"}, 3),
        ({"actor": "user:*"}, 5),
        ({"actor": "user:an"}, 0),
        ({"object": "camera:c1"}, 1),
        ({"object": "camera:*"}, 4),
        ({"action": "camera.delete"}, 1),
        ({"action": "camera.*"}, 4),
        ({"action": "camera_*"}, 0),
        ({"city": "sp", "actor": "user:bruno", "action": "camera.*"}, 1),
        ({"city": "rio", "actor": "user:bruno"}, 0),
    ],
)
async def test_lines_are_found_by_what_is_asked(
    filled: Audit, asked: dict[str, str], count: int
) -> None:
    assert len(await found(filled, **asked)) == count


async def test_a_period_begins_at_its_first_moment_and_ends_before_its_last(audit: Audit) -> None:
    times = []
    for _ in range(3):
        await audit.write(1)
        times.append(audit.clock.utc_us())
    assert len(await found(audit, from_us=times[1])) == 2
    assert len(await found(audit, to_us=times[1])) == 1
    assert len(await found(audit, from_us=times[1], to_us=times[2])) == 1


async def test_pages_hold_every_line_once_the_newest_first(audit: Audit) -> None:
    await audit.write(7)
    seen: list[str] = []
    page = Page(limit=3)
    while True:
        part = await audit.trail.search(ROOT, Search(city="sp", action="camera.*"), page)
        assert len(part.items) <= 3
        seen += [one.line.object for one in part.items]
        # Lines that come meanwhile do not move the pages.
        await audit.write(1, object="camera:late")
        if part.next is None:
            break
        page = Page(limit=3, after=part.next)
    assert seen == [f"camera:c{number}" for number in range(6, -1, -1)]


async def test_lines_show_before_and_after_they_are_sealed(audit: Audit) -> None:
    await audit.sealed(1)
    await audit.write(1)
    page = await audit.trail.search(ROOT, Search(city="sp", action="camera.*"))
    assert [one.line.number for one in page.items] == [None, 1]


@pytest.mark.parametrize("after", ["", "x", "1", "1.", "1.A", "9" * 30 + ".a", "1.a\n"])
async def test_a_place_that_is_none_is_refused(audit: Audit, after: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await audit.trail.search(ROOT, Search(), Page(after=after))
    assert caught.value.code == "cursor_invalid"


async def test_a_city_finds_its_own_lines_and_knows_of_no_other_city(filled: Audit) -> None:
    for asked in (Search(), Search(city="sp")):
        page = await filled.trail.search(MANAGER, asked)
        assert {one.line.city for one in page.items} == {"sp"}
    assert (await filled.trail.search(MANAGER, Search(object="clip:p1"))).items == ()
    for other in ("rio", PLATFORM_CHAIN, "*"):
        with pytest.raises(NotFoundError) as caught:
            await filled.trail.search(MANAGER, Search(city=other))
        assert caught.value.code == "city_unknown"


async def test_to_look_is_a_line(filled: Audit) -> None:
    await filled.trail.search(MANAGER, Search(actor="user:bruno", from_us=5))
    filled.clock.advance(1)
    await filled.trail.search(ROOT, Search(), Page(limit=1))
    filled.clock.advance(1)
    page = await filled.trail.search(ROOT, Search(action="audit.search"), Page(limit=5))
    looked = [(f.line.city, f.line.actor, f.line.address, f.line.details) for f in page.items]
    assert looked == [
        (PLATFORM_CHAIN, "user:root", None, '{"action":"audit.search"}'),
        (PLATFORM_CHAIN, "user:root", None, "{}"),
        ("sp", "user:ana", "192.0.2.7", '{"actor":"user:bruno","from_us":5}'),
    ]
