"""Cities, plans, quotas, sites and camera groups: what they are and what they may hold."""

import functools
import math
import re
import unicodedata
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vms.cities.cnpj import parse_cnpj
from vms.common import InvalidError

CITY_PATTERN = r"[a-z0-9_-]{1,50}"
# They mean something else wherever a city may be named.
RESERVED_SLUGS = frozenset({"all", "none", "platform"})
LANGUAGES = ("en", "es", "pt")
DEFAULT_LANGUAGE = "en"
UTC_ZONE = "UTC"

MOST_NAME = 120
MOST_ADDRESS = 200
# Beyond any number that a plan could mean.
MOST_LIMIT = 1_000_000_000

_CITY = re.compile(CITY_PATTERN)


class Quota(StrEnum):
    """What a plan can limit."""

    CAMERAS = "cameras"
    USERS = "users"
    CLIPS = "clips"
    # Watched at the same time.
    STREAMS = "streams"
    # How long recorded video may be kept.
    RETENTION_DAYS = "retention_days"
    LPR_CAMERAS = "lpr_cameras"


# What is absent is unlimited.
Limits = Mapping[Quota, int]
# A city's own numbers: they go before its plan's; none is unlimited.
Overrides = Mapping[Quota, int | None]


class CityState(StrEnum):
    """Whether a city's people may use the product."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class CityDraft:
    """What one may say about a city."""

    name: str
    plan: str
    cnpj: str | None = None
    time_zone: str = UTC_ZONE
    language: str = DEFAULT_LANGUAGE
    overrides: Overrides = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class City:
    """A tenant. Its id is its slug, chosen when it is made and never used again."""

    id: str
    name: str
    plan: str
    # Bare: 14 characters.
    cnpj: str | None
    time_zone: str
    language: str
    overrides: Overrides
    state: CityState
    created_us: int
    updated_us: int
    version: int


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """What one may say about a plan."""

    name: str
    limits: Limits = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Limits under a name, for any number of cities."""

    id: str
    name: str
    limits: Limits
    version: int


@dataclass(frozen=True, slots=True)
class SiteDraft:
    """What one may say about a site."""

    name: str
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place of a city where cameras are."""

    city: str
    id: str
    name: str
    address: str
    latitude: float | None
    longitude: float | None
    version: int


@dataclass(frozen=True, slots=True)
class CameraGroupDraft:
    """What one may say about a group of cameras."""

    name: str


@dataclass(frozen=True, slots=True)
class CameraGroup:
    """Cameras of a city under a name: a scope that may be granted."""

    city: str
    id: str
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """One limit of a city and how much of it is used; none: unlimited, or not counted."""

    quota: Quota
    limit: int | None
    used: int | None


def checked_city(draft: CityDraft) -> CityDraft:
    """Return a draft as it is stored, or say what is wrong with it."""
    return CityDraft(
        name=checked_name(draft.name),
        plan=draft.plan,
        cnpj=None if draft.cnpj is None else parse_cnpj(draft.cnpj),
        time_zone=checked_time_zone(draft.time_zone),
        language=checked_language(draft.language),
        overrides=_checked_overrides(draft.overrides),
    )


def checked_plan(draft: PlanDraft) -> PlanDraft:
    """Return a draft as it is stored, or say what is wrong with it."""
    limits = {quota: _checked_limit(quota, limit) for quota, limit in draft.limits.items()}
    return PlanDraft(checked_name(draft.name), limits)


def checked_site(draft: SiteDraft) -> SiteDraft:
    """Return a draft as it is stored, or say what is wrong with it."""
    address = _checked_text("address", draft.address, MOST_ADDRESS)
    if (draft.latitude is None) != (draft.longitude is None):
        raise _wrong("place", "latitude and longitude go together")
    _check_degrees("latitude", draft.latitude, 90)
    _check_degrees("longitude", draft.longitude, 180)
    return SiteDraft(checked_name(draft.name), address, draft.latitude, draft.longitude)


def checked_slug(text: str) -> str:
    """Return the id that a new city or plan is to have, or say what is allowed."""
    if not _CITY.fullmatch(text):
        raise InvalidError(
            f"{text!r} cannot be an id: allowed are 1 to 50 of a-z, 0-9, _ and -",
            code="slug_invalid",
            values={"id": text},
        )
    if text in RESERVED_SLUGS:
        raise InvalidError(
            f"{text!r} is reserved (reserved: {', '.join(sorted(RESERVED_SLUGS))})",
            code="slug_reserved",
            values={"id": text},
        )
    return text


def checked_name(text: str) -> str:
    """Return a name trimmed and in one form of Unicode."""
    name = _checked_text("name", text, MOST_NAME)
    if not name:
        raise _wrong("name", "it is empty")
    return name


def name_key(name: str) -> str:
    """Return what makes two names the same: neither case nor the form of accents counts."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def checked_time_zone(text: str) -> str:
    """Return the name of a time zone that this machine knows."""
    if text not in _time_zones():
        raise InvalidError(
            f"{text!r} is not a time zone: write one such as America/Sao_Paulo or UTC",
            code="time_zone_unknown",
            values={"time_zone": text},
        )
    return text


def checked_language(text: str) -> str:
    """Return a language that the screens have."""
    if text not in LANGUAGES:
        raise InvalidError(
            f"{text!r} is not a language of the screens: {', '.join(LANGUAGES)}",
            code="language_unknown",
            values={"language": text, "languages": ", ".join(LANGUAGES)},
        )
    return text


def limits_of(city: City, plan: Plan) -> dict[Quota, int]:
    """Return the limits that hold for a city: its own numbers before its plan's."""
    merged: dict[Quota, int | None] = {**plan.limits, **city.overrides}
    return {quota: limit for quota, limit in merged.items() if limit is not None}


@functools.cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _checked_overrides(overrides: Overrides) -> dict[Quota, int | None]:
    return {
        quota: None if limit is None else _checked_limit(quota, limit)
        for quota, limit in overrides.items()
    }


def _checked_limit(quota: Quota, limit: int) -> int:
    if not 0 <= limit <= MOST_LIMIT:
        raise InvalidError(
            f"{quota} = {limit}: a limit is 0 to {MOST_LIMIT}; leave it out for none",
            code="limit_invalid",
            values={"quota": quota.value, "limit": limit},
        )
    return limit


def _checked_text(name: str, text: str, most: int) -> str:
    tidy = unicodedata.normalize("NFC", text).strip()
    if len(tidy) > most:
        raise _wrong(name, f"it has {len(tidy)} characters; at most {most}")
    if not tidy.isprintable():
        raise _wrong(name, "it has characters that cannot be shown")
    return tidy


def _check_degrees(name: str, value: float | None, most: int) -> None:
    if value is not None and not (math.isfinite(value) and -most <= value <= most):
        raise _wrong(name, f"{value} is not between -{most} and {most} degrees")


def _wrong(name: str, why: str) -> InvalidError:
    return InvalidError(f"{name}: {why}", code=f"{name}_invalid", values={"field": name})
