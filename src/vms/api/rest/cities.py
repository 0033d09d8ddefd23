"""``/api/v1/cities`` and ``/api/v1/plans``: tenants, their limits, their sites and groups."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import Meta

from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller
from vms.api.inputs import IfMatch, ListQuery, body, path_name, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import PartText, id_in_path
from vms.api.state import State
from vms.cities import (
    CITY_PATTERN,
    CameraGroup,
    CameraGroupDraft,
    City,
    CityDraft,
    CityState,
    Plan,
    PlanDraft,
    Quota,
    QuotaUse,
    Site,
    SiteDraft,
)

cities = Operations("/api/v1/cities", tag="cities")
plans = Operations("/api/v1/plans", tag="cities")

Slug = Annotated[
    str, Meta(pattern=f"^{CITY_PATTERN}$", description="Chosen once, never another's.")
]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
Limit = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Cnpj = Annotated[str, Meta(max_length=20, description="With or without its dots.")]
Zone = Annotated[str, Meta(max_length=60, description="Such as America/Sao_Paulo.")]
Language = Annotated[str, Meta(max_length=2, description="en, es or pt.")]
PlanText = Annotated[str, Meta(max_length=50, description="The id of a plan.")]
Overrides = Annotated[
    dict[Quota, Limit | None],
    Meta(max_length=len(Quota), description="Its own limits before its plan's; null: unlimited."),
]
Limits = Annotated[
    dict[Quota, Limit], Meta(max_length=len(Quota), description="What is absent is unlimited.")
]


class CityBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one may say about a city."""

    name: Name
    plan: PlanText
    cnpj: Cnpj | None = None
    time_zone: Zone = "UTC"
    language: Language = "en"
    overrides: Overrides = msgspec.field(default_factory=dict)

    def draft(self) -> CityDraft:
        """Return it as the service takes it."""
        return CityDraft(
            name=self.name,
            plan=self.plan,
            cnpj=self.cnpj,
            time_zone=self.time_zone,
            language=self.language,
            overrides=self.overrides,
        )


class NewCityBody(CityBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new city."""

    id: Slug


class PlanBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one may say about a plan."""

    name: Name
    limits: Limits = msgspec.field(default_factory=dict)

    def draft(self) -> PlanDraft:
        """Return it as the service takes it."""
        return PlanDraft(self.name, self.limits)


class NewPlanBody(PlanBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new plan."""

    id: Slug


class SiteBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one may say about a site."""

    name: Name
    address: Annotated[str, Meta(max_length=200)] = ""
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None

    def draft(self) -> SiteDraft:
        """Return it as the service takes it."""
        return SiteDraft(self.name, self.address, self.latitude, self.longitude)


class GroupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one may say about a group of cameras."""

    name: Name


class CityPage(msgspec.Struct, frozen=True):
    """A page of cities."""

    items: list[City]
    next: str | None = None


class PlanPage(msgspec.Struct, frozen=True):
    """All plans that one sees; they fit on one page."""

    items: list[Plan]
    next: str | None = None


class SitePage(msgspec.Struct, frozen=True):
    """A page of sites."""

    items: list[Site]
    next: str | None = None


class CameraGroupPage(msgspec.Struct, frozen=True):
    """A page of groups of cameras."""

    items: list[CameraGroup]
    next: str | None = None


class Usage(msgspec.Struct, frozen=True):
    """Every quota of a city; no limit is null, and so is what is not counted."""

    items: tuple[QuotaUse, ...]


class CityQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which cities."""

    text: PartText | None = None
    state: Annotated[CityState, Meta(description="Active or suspended.")] | None = None


class PartQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which sites, or groups of cameras."""

    text: PartText | None = None


CityName = Annotated[str, path_name("city", CITY_PATTERN, "sp", "The city's id.")]
PlanName = Annotated[str, path_name("plan", CITY_PATTERN, "small", "The plan's id.")]
SiteName = Annotated[str, id_in_path("site", "The site's id.")]
GroupName = Annotated[str, id_in_path("group", "The id of the group of cameras.")]

_CITY = City(
    id="sp",
    name="Small Place",
    plan="small",
    cnpj="11222333000181",
    time_zone="America/Sao_Paulo",
    language="pt",
    overrides={Quota.CAMERAS: 80},
    state=CityState.ACTIVE,
    created_us=examples.US,
    updated_us=examples.US,
    version=2,
)
_CITY_BODY = CityBody(
    name="Small Place",
    plan="small",
    cnpj="11.222.333/0001-81",
    time_zone="America/Sao_Paulo",
    language="pt",
    overrides={Quota.CAMERAS: 80},
)
_PLAN = Plan(id="small", name="Small", limits={Quota.CAMERAS: 50, Quota.USERS: 20}, version=1)
_SITE = Site(
    city="sp",
    id=examples.ID,
    name="Town hall",
    address="Main Square 1",
    latitude=-23.55,
    longitude=-46.63,
    version=1,
)
_GROUP = CameraGroup(city="sp", id=examples.ID, name="Entrances", version=1)


@cities.get("", summary="Cities", answer=CityPage, example=CityPage([_CITY]))
async def list_cities(
    who: Caller, asked: Annotated[CityQuery, query(CityQuery)], state: State
) -> Response:
    """Return the cities that one may see, in the order of their ids."""
    found = await state.own.cities.list(
        who, state.cursors.page(asked), text=asked.text, state=asked.state
    )
    return answer_page(found, asked, state.cursors, City)


@cities.post(
    "",
    summary="New city",
    status=201,
    answer=City,
    example=_CITY,
    sent=NewCityBody(id="sp", name="Small Place", plan="small"),
    refusals=frozenset({404}),
    versioned=True,
)
async def create_city(
    who: Caller, draft: Annotated[NewCityBody, body(NewCityBody)], state: State
) -> Response:
    """Make a city under an id that never was another's."""
    city = await state.own.cities.create(who, draft.id, draft.draft())
    where = f"/api/v1/cities/{city.id}"
    return answer(city, status=201, version=city.version, location=where)


@cities.get("/{city}", summary="City", answer=City, example=_CITY, versioned=True)
async def get_city(who: Caller, city: CityName, state: State) -> Response:
    """Return a city."""
    found = await state.own.cities.get(who, city)
    return answer(found, version=found.version)


@cities.put(
    "/{city}",
    summary="Change a city",
    answer=City,
    example=_CITY,
    sent=_CITY_BODY,
    refusals=frozenset({409}),
    versioned=True,
)
async def change_city(
    who: Caller,
    city: CityName,
    draft: Annotated[CityBody, body(CityBody)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change name, CNPJ, plan, time zone, language or own limits; never the id."""
    found = await state.own.cities.change(who, city, version, draft.draft())
    return answer(found, version=found.version)


@cities.delete("/{city}", summary="Delete a city", status=204, refusals=frozenset({409}))
async def delete_city(who: Caller, city: CityName, version: IfMatch, state: State) -> Response:
    """Delete a city that has neither cameras nor people any more. Its id stays taken."""
    await state.own.cities.delete(who, city, version)
    return no_content()


@cities.post(
    "/{city}/suspend", summary="Suspend a city", answer=City, example=_CITY, versioned=True
)
async def suspend_city(who: Caller, city: CityName, version: IfMatch, state: State) -> Response:
    """Stop a city: its people cannot sign in and it can add nothing. Its data stays."""
    found = await state.own.cities.suspend(who, city, version)
    return answer(found, version=found.version)


@cities.post("/{city}/resume", summary="Resume a city", answer=City, example=_CITY, versioned=True)
async def resume_city(who: Caller, city: CityName, version: IfMatch, state: State) -> Response:
    """Let a suspended city work again."""
    found = await state.own.cities.resume(who, city, version)
    return answer(found, version=found.version)


@cities.get(
    "/{city}/usage",
    summary="Quotas of a city",
    answer=Usage,
    example=Usage((QuotaUse(Quota.CAMERAS, 80, 41),)),
)
async def get_usage(who: Caller, city: CityName, state: State) -> Response:
    """Return a city's limits, and how much of each is used."""
    return answer(Usage(await state.own.cities.usage(who, city)))


@cities.get("/{city}/sites", summary="Sites", answer=SitePage, example=SitePage([_SITE]))
async def list_sites(
    who: Caller, city: CityName, asked: Annotated[PartQuery, query(PartQuery)], state: State
) -> Response:
    """Return the sites of a city, by name."""
    page = state.cursors.page(asked)
    found = await state.own.sites.list(who, city, page, text=asked.text)
    return answer_page(found, asked, state.cursors, Site)


@cities.post(
    "/{city}/sites",
    summary="New site",
    status=201,
    answer=Site,
    example=_SITE,
    sent=SiteBody(name="Town hall", address="Main Square 1", latitude=-23.55, longitude=-46.63),
    versioned=True,
)
async def create_site(
    who: Caller, city: CityName, draft: Annotated[SiteBody, body(SiteBody)], state: State
) -> Response:
    """Make a site: a place of the city where cameras are."""
    site = await state.own.sites.create(who, city, draft.draft())
    where = f"/api/v1/cities/{city}/sites/{site.id}"
    return answer(site, status=201, version=site.version, location=where)


@cities.get("/{city}/sites/{site}", summary="Site", answer=Site, example=_SITE, versioned=True)
async def get_site(who: Caller, city: CityName, site: SiteName, state: State) -> Response:
    """Return a site."""
    found = await state.own.sites.get(who, city, site)
    return answer(found, version=found.version)


@cities.put(
    "/{city}/sites/{site}",
    summary="Change a site",
    answer=Site,
    example=_SITE,
    sent=SiteBody(name="Town hall"),
    refusals=frozenset({409}),
    versioned=True,
)
async def change_site(
    who: Caller,
    city: CityName,
    site: SiteName,
    draft: Annotated[SiteBody, body(SiteBody)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change what one may say about a site."""
    found = await state.own.sites.change(who, city, site, version, draft.draft())
    return answer(found, version=found.version)


@cities.delete(
    "/{city}/sites/{site}", summary="Delete a site", status=204, refusals=frozenset({409})
)
async def delete_site(
    who: Caller, city: CityName, site: SiteName, version: IfMatch, state: State
) -> Response:
    """Delete a site where no camera is."""
    await state.own.sites.delete(who, city, site, version)
    return no_content()


@cities.get(
    "/{city}/groups",
    summary="Groups of cameras",
    answer=CameraGroupPage,
    example=CameraGroupPage([_GROUP]),
)
async def list_groups(
    who: Caller, city: CityName, asked: Annotated[PartQuery, query(PartQuery)], state: State
) -> Response:
    """Return the groups of cameras that one sees, by name."""
    page = state.cursors.page(asked)
    found = await state.own.groups.list(who, city, page, text=asked.text)
    return answer_page(found, asked, state.cursors, CameraGroup)


@cities.post(
    "/{city}/groups",
    summary="New group of cameras",
    status=201,
    answer=CameraGroup,
    example=_GROUP,
    sent=GroupBody(name="Entrances"),
    versioned=True,
)
async def create_group(
    who: Caller, city: CityName, draft: Annotated[GroupBody, body(GroupBody)], state: State
) -> Response:
    """Make a group of cameras: a scope that may be granted."""
    group = await state.own.groups.create(who, city, CameraGroupDraft(draft.name))
    where = f"/api/v1/cities/{city}/groups/{group.id}"
    return answer(group, status=201, version=group.version, location=where)


@cities.get(
    "/{city}/groups/{group}",
    summary="Group of cameras",
    answer=CameraGroup,
    example=_GROUP,
    versioned=True,
)
async def get_group(who: Caller, city: CityName, group: GroupName, state: State) -> Response:
    """Return a group of cameras."""
    found = await state.own.groups.get(who, city, group)
    return answer(found, version=found.version)


@cities.put(
    "/{city}/groups/{group}",
    summary="Change a group of cameras",
    answer=CameraGroup,
    example=_GROUP,
    sent=GroupBody(name="Entrances"),
    refusals=frozenset({409}),
    versioned=True,
)
async def change_group(
    who: Caller,
    city: CityName,
    group: GroupName,
    draft: Annotated[GroupBody, body(GroupBody)],
    version: IfMatch,
    state: State,
) -> Response:
    """Give a group of cameras another name; which cameras are in it, they say themselves."""
    wanted = CameraGroupDraft(draft.name)
    found = await state.own.groups.change(who, city, group, version, wanted)
    return answer(found, version=found.version)


@cities.delete(
    "/{city}/groups/{group}",
    summary="Delete a group of cameras",
    status=204,
    refusals=frozenset({409}),
)
async def delete_group(
    who: Caller, city: CityName, group: GroupName, version: IfMatch, state: State
) -> Response:
    """Delete a group of cameras that nothing names any more."""
    await state.own.groups.delete(who, city, group, version)
    return no_content()


@plans.get("", summary="Plans", answer=PlanPage, example=PlanPage([_PLAN]))
async def list_plans(who: Caller, state: State) -> Response:
    """Return all plans; a city's people see theirs."""
    return answer(PlanPage(await state.own.plans.list(who)))


@plans.post(
    "",
    summary="New plan",
    status=201,
    answer=Plan,
    example=_PLAN,
    sent=NewPlanBody(id="small", name="Small", limits={Quota.CAMERAS: 50, Quota.USERS: 20}),
    versioned=True,
)
async def create_plan(
    who: Caller, draft: Annotated[NewPlanBody, body(NewPlanBody)], state: State
) -> Response:
    """Make a plan: limits under a name, for any number of cities."""
    plan = await state.own.plans.create(who, draft.id, draft.draft())
    where = f"/api/v1/plans/{plan.id}"
    return answer(plan, status=201, version=plan.version, location=where)


@plans.get("/{plan}", summary="Plan", answer=Plan, example=_PLAN, versioned=True)
async def get_plan(who: Caller, plan: PlanName, state: State) -> Response:
    """Return a plan."""
    found = await state.own.plans.get(who, plan)
    return answer(found, version=found.version)


@plans.put(
    "/{plan}",
    summary="Change a plan",
    answer=Plan,
    example=_PLAN,
    sent=PlanBody(name="Small", limits={Quota.CAMERAS: 60}),
    refusals=frozenset({409}),
    versioned=True,
)
async def change_plan(
    who: Caller,
    plan: PlanName,
    draft: Annotated[PlanBody, body(PlanBody)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change name and limits. What a city has already stays; only more is refused."""
    found = await state.own.plans.change(who, plan, version, draft.draft())
    return answer(found, version=found.version)


@plans.delete("/{plan}", summary="Delete a plan", status=204, refusals=frozenset({409}))
async def delete_plan(who: Caller, plan: PlanName, version: IfMatch, state: State) -> Response:
    """Delete a plan that no city has."""
    await state.own.plans.delete(who, plan, version)
    return no_content()
