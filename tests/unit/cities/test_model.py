"""What a city, a plan, a site may be."""

import math
import zoneinfo

import pytest

from vms.admin import CITY_PATTERN as PEOPLES_PATTERN
from vms.cities import CITY_PATTERN, CityDraft, PlanDraft, Quota, SiteDraft
from vms.cities.model import (
    _time_zones,
    checked_city,
    checked_name,
    checked_plan,
    checked_site,
    checked_slug,
    checked_time_zone,
    name_key,
)
from vms.common import InvalidError

CNPJ = "12ABC34501DE35"


def test_people_and_cities_mean_the_same_by_a_citys_id() -> None:
    assert CITY_PATTERN == PEOPLES_PATTERN


@pytest.mark.parametrize("slug", ["sp", "a", "0", "sao-paulo_1", "x" * 50])
def test_slugs(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "SP", "são", "a b", "a/b", "@platform", "*", "x" * 51, "sp\n", "platform", "all"]
)
def test_what_is_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(InvalidError) as caught:
        checked_slug(slug)
    assert caught.value.code in {"slug_invalid", "slug_reserved"}


def test_a_draft_is_stored_tidy() -> None:
    draft = CityDraft(
        name="  Sa\u0303o Paulo ",
        plan="pro",
        cnpj="12.abc.345/01de-35",
        time_zone="America/Sao_Paulo",
        language="pt",
        overrides={Quota.CAMERAS: 70, Quota.CLIPS: None},
    )
    tidy = checked_city(draft)
    assert (tidy.name, tidy.cnpj) == ("S\u00e3o Paulo", CNPJ)
    assert tidy.overrides == {Quota.CAMERAS: 70, Quota.CLIPS: None}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "name_invalid"),
        ({"name": "x" * 121}, "name_invalid"),
        ({"name": "a\nb"}, "name_invalid"),
        ({"name": "a\u202eb"}, "name_invalid"),
        ({"cnpj": "12345678000100"}, "cnpj_invalid"),
        ({"time_zone": "Brasil"}, "time_zone_unknown"),
        ({"time_zone": "../etc/passwd"}, "time_zone_unknown"),
        ({"time_zone": ""}, "time_zone_unknown"),
        ({"language": "de"}, "language_unknown"),
        ({"overrides": {Quota.CAMERAS: -1}}, "limit_invalid"),
        ({"overrides": {Quota.CAMERAS: 10**12}}, "limit_invalid"),
    ],
)
def test_what_is_wrong_with_a_city_is_said(change: dict[str, object], code: str) -> None:
    draft = CityDraft(**{"name": "SP", "plan": "pro", **change})  # type: ignore[arg-type]
    with pytest.raises(InvalidError) as caught:
        checked_city(draft)
    assert caught.value.code == code


def test_time_zones_are_known_where_the_system_has_none() -> None:
    zoneinfo.reset_tzpath(to=())
    _time_zones.cache_clear()
    try:
        assert checked_time_zone("America/Sao_Paulo") == "America/Sao_Paulo"
        assert zoneinfo.ZoneInfo.no_cache("America/Sao_Paulo").key == "America/Sao_Paulo"
    finally:
        zoneinfo.reset_tzpath()
        _time_zones.cache_clear()


def test_a_plan_of_zero_allows_nothing_and_is_a_plan() -> None:
    assert checked_plan(PlanDraft("None", {Quota.CAMERAS: 0})).limits == {Quota.CAMERAS: 0}
    with pytest.raises(InvalidError):
        checked_plan(PlanDraft("Bad", {Quota.CAMERAS: -1}))


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(91, 0), (-91, 0), (0, 181), (0, -181), (math.nan, 0), (0, math.inf), (1, None), (None, 1)],
)
def test_places_are_on_the_earth(latitude: float | None, longitude: float | None) -> None:
    with pytest.raises(InvalidError):
        checked_site(SiteDraft("gate", latitude=latitude, longitude=longitude))


def test_a_site_may_be_anywhere_or_nowhere() -> None:
    assert checked_site(SiteDraft("gate", latitude=-90, longitude=180)).latitude == -90
    assert checked_site(SiteDraft("gate", " Rua 1 ")).address == "Rua 1"


@pytest.mark.parametrize(("one", "other"), [("Gate", "gate"), ("São", "Sa\u0303o"), ("ﬁ", "fi")])
def test_names_that_look_the_same_are_the_same(one: str, other: str) -> None:
    assert name_key(checked_name(one)) == name_key(checked_name(other))
