"""Functions, scopes and rights: what is held, and what is refused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.admin import (
    EVERY_FUNCTION,
    GUARDED_FUNCTIONS,
    SHIPPED_ROLES,
    WHOLE_PLATFORM,
    CallerKind,
    Function,
    Held,
    Part,
    Principal,
    Rights,
    Scope,
    ScopeKind,
    system_principal,
)
from vms.common import ForbiddenError, InvalidError, NotFoundError

CITIES = ("sp", "rj")
OBJECTS = ("one", "two")
SCOPES = [
    WHOLE_PLATFORM,
    *(Scope.of_city(city) for city in CITIES),
    *(
        Scope(kind, city, name)
        for kind, city, name in itertools.product(
            (ScopeKind.GROUP, ScopeKind.CAMERA), CITIES, OBJECTS
        )
    ),
]
HELD = st.builds(
    Held, st.frozensets(st.sampled_from(list(Function)), max_size=3), st.sampled_from(SCOPES)
)


def who(*held: Held, owner: tuple[Held, ...] | None = None) -> Principal:
    rights = (Rights(held),) if owner is None else (Rights(held), Rights(owner))
    return Principal(kind=CallerKind.USER, id="ana", rights=rights, home="sp", user="ana")


def view(scope: str) -> Held:
    return Held(frozenset({Function.LIVE_VIEW}), Scope.parse(scope))


@pytest.mark.parametrize("text", ["platform", "city:sp", "group:sp/g1", "camera:sp/gate"])
def test_a_scope_is_written_as_it_is_read(text: str) -> None:
    assert str(Scope.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "platform:", "city", "city:", "city:sp/g", "city:SP", "group:sp", "camera:sp/", "all:sp"],
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        Scope.parse(text)
    assert refused.value.code == "scope_invalid"


def test_by_default_nothing_is_allowed() -> None:
    nobody = Principal(kind=CallerKind.USER, id="ana", rights=())
    for someone in (nobody, who()):
        assert not any(someone.may(function) for function in Function)
        assert not any(someone.may(function, city="sp", camera="one") for function in Function)
        assert someone.cities(Function.CAMERA_READ) == frozenset()
        assert someone.parts(Function.CAMERA_READ, "sp") == (Part(),)


@pytest.mark.parametrize(
    ("scope", "yes"),
    [
        ("platform", {"platform", "sp", "sp one", "sp two", "rj", "rj one", "rj two"}),
        ("city:sp", {"sp", "sp one", "sp two"}),
        ("group:sp/g1", {"sp one"}),
        ("camera:sp/two", {"sp two"}),
    ],
)
def test_a_wider_scope_holds_the_narrower(scope: str, yes: set[str]) -> None:
    someone = who(view(scope))
    ask = {
        "platform": someone.may(Function.LIVE_VIEW),
        "sp": someone.may(Function.LIVE_VIEW, city="sp"),
        # Camera `one` of either city is in its city's group g1.
        "sp one": someone.may(Function.LIVE_VIEW, city="sp", camera="one", groups=("g1",)),
        "sp two": someone.may(Function.LIVE_VIEW, city="sp", camera="two"),
        "rj": someone.may(Function.LIVE_VIEW, city="rj"),
        "rj one": someone.may(Function.LIVE_VIEW, city="rj", camera="one", groups=("g1",)),
        "rj two": someone.may(Function.LIVE_VIEW, city="rj", camera="two"),
    }
    assert {place for place, allowed in ask.items() if allowed} == yes
    assert not someone.may(Function.AUDIO_LISTEN, city="sp", camera="one", groups=("g1",))


def test_a_city_one_holds_nothing_in_does_not_exist() -> None:
    someone = who(view("camera:sp/one"))
    with pytest.raises(NotFoundError) as unknown:
        someone.require(Function.LIVE_VIEW, city="rj", camera="one")
    assert unknown.value.code == "city_unknown"
    with pytest.raises(ForbiddenError) as missing:
        someone.require(Function.LIVE_VIEW, city="sp", camera="two")
    assert missing.value.code == "permission_missing"


def test_who_must_enrol_is_told_so_and_may_nothing() -> None:
    someone = Principal(kind=CallerKind.USER, id="ana", rights=(), must_enrol=True)
    with pytest.raises(ForbiddenError) as refused:
        someone.require(Function.LIVE_VIEW, city="sp")
    assert refused.value.code == "second_factor_required"


@given(st.lists(HELD, max_size=4), st.lists(HELD, max_size=4))
def test_a_key_may_what_both_it_and_its_owner_may(key: list[Held], owner: list[Held]) -> None:
    both = who(*key, owner=tuple(owner))
    for function, city, camera, groups in itertools.product(
        (Function.LIVE_VIEW, Function.CAMERA_READ), CITIES, (None, *OBJECTS), ((), ("one",))
    ):
        expected = all(
            who(*held).may(function, city=city, camera=camera, groups=groups)
            for held in (key, owner)
        )
        assert both.may(function, city=city, camera=camera, groups=groups) == expected
        if camera is not None:
            parts = both.parts(function, city)
            assert all(part.has(camera, groups) for part in parts) == expected
            if expected:
                cities = both.cities(function)
                assert cities is None or city in cities
                assert both.knows(city)


@given(st.lists(HELD, max_size=4), HELD)
def test_what_is_covered_allows_nothing_that_is_not_held(mine: list[Held], theirs: Held) -> None:
    granter, other = who(*mine), who(theirs)
    covered = granter.covers([theirs])
    asked = itertools.product(theirs.functions, (None, *CITIES), (None, *OBJECTS), ((), ("one",)))
    for function, city, camera, groups in asked:
        allowed = other.may(function, city=city, camera=camera, groups=groups)
        if covered and allowed:
            assert granter.may(function, city=city, camera=camera, groups=groups)


def test_rights_tell_what_they_hold() -> None:
    held = {view("platform"), view("city:sp"), view("group:sp/g1"), view("camera:sp/one")}
    assert set(Rights(held).held()) == held


@pytest.mark.parametrize(
    ("role", "guarded"),
    [("admin", True), ("gestor", True), ("operador", False), ("visualizador", False)],
)
def test_shipped_roles(role: str, guarded: bool) -> None:  # noqa: FBT001 - a table's column
    shipped = SHIPPED_ROLES[role]
    assert Rights([Held(shipped.functions, Scope.of_city("sp"))]).guarded is guarded
    assert shipped.functions.isdisjoint(GUARDED_FUNCTIONS) is not guarded


def test_a_manager_has_everything_but_the_platform() -> None:
    assert SHIPPED_ROLES["gestor"].functions == EVERY_FUNCTION - {
        Function.CITY_MANAGE,
        Function.PLAN_MANAGE,
        Function.SYSTEM_READ,
        Function.SYSTEM_MANAGE,
    }
    assert SHIPPED_ROLES["admin"].platform_only
    assert not SHIPPED_ROLES["gestor"].platform_only


def test_the_product_itself_may_everything() -> None:
    product = system_principal("cli")
    assert all(product.may(function) for function in Function)
    assert product.covers([Held(EVERY_FUNCTION, WHOLE_PLATFORM)])


def test_the_address_does_not_make_another_principal() -> None:
    someone = who(view("city:sp"))
    moved = someone.seen_from("192.0.2.7")
    assert moved == someone
    assert moved.address == "192.0.2.7"
