"""Rules of recording, policies of keeping, timelines, and addresses that play what was recorded."""

from typing import Annotated

import msgspec
from fastapi import Response
from msgspec import Meta

from vms.api.answers import answer
from vms.api.caller import Caller
from vms.api.inputs import IfMatch, body, path_name, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest import examples_recording as shown
from vms.api.rest.common import CameraName, id_in_path
from vms.api.state import State
from vms.cities import CITY_PATTERN
from vms.common import CAMERA_ID_PATTERN, StreamName, stream_ref
from vms.recording import (
    DAY_US,
    AtUs,
    Keeping,
    ManualAction,
    ManualOrder,
    PolicyView,
    Rule,
    RuleView,
    Timeline,
)

of_camera = Operations("/api/v1/cameras", tag="recording")
lines = Operations("/api/v1/timelines", tag="recording")
policies = Operations("/api/v1/recording/policies", tag="recording")

CityName = Annotated[str, path_name("city", CITY_PATTERN, "sp", "The city's id.")]
PlanName = Annotated[str, path_name("plan", CITY_PATTERN, "basic", "The plan's id.")]
GroupName = Annotated[str, id_in_path("group", "The camera group's id.")]

ZoomUs = Annotated[
    int,
    Meta(
        ge=0,
        le=DAY_US,
        description="Microseconds that one pixel shows: spans closer than that are one.",
    ),
]


class TimeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which time, of which stream: at most 367 days."""

    from_us: Annotated[AtUs, Meta(description="Absent: a day before its end.")] | None = None
    to_us: Annotated[AtUs, Meta(description="Absent: now.")] | None = None
    stream: Annotated[StreamName, Meta(description="Of which stream.")] = StreamName.MAIN
    zoom_us: ZoomUs = 0

    def time(self, now_us: int) -> tuple[int, int]:
        """Return it with what is absent filled in."""
        to_us = now_us if self.to_us is None else self.to_us
        return max(0, to_us - DAY_US) if self.from_us is None else self.from_us, to_us


class LinesQuery(TimeQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, of several cameras."""

    cameras: Annotated[
        str,
        Meta(
            pattern=rf"^{CAMERA_ID_PATTERN}(,{CAMERA_ID_PATTERN})*$",
            max_length=8000,
            description="Ids of cameras, separated by commas.",
        ),
    ]


class TimelineList(msgspec.Struct, frozen=True):
    """One for each camera that was asked for, in that order."""

    items: list[Timeline]


class PolicyList(msgspec.Struct, frozen=True):
    """What a city's plan, the city itself and its groups keep."""

    items: list[PolicyView]


class PolicyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose policies."""

    city: (
        Annotated[
            str, Meta(pattern=f"^{CITY_PATTERN}$", description="A city's id; absent: one's own.")
        ]
        | None
    ) = None


class PlaybackBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be played; ``renew`` goes on with what is open already."""

    from_us: AtUs
    to_us: AtUs
    stream: StreamName = StreamName.MAIN
    renew: bool = False


class PlaybackAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The Bearer (or `?token=`) that opens recorded video of a time until it runs out."""

    camera: str
    stream: StreamName
    # Of the front: `PATH/init.mp4?at=`, `PATH/UTC_US.m4s`, `PATH/index.m3u8`.
    path: str
    address: str
    from_us: int
    to_us: int
    expires_us: int


_PLAYBACK = PlaybackAddress(
    camera=examples.ID,
    stream=StreamName.MAIN,
    path=f"/playback/{examples.ID}",
    address="v1.01jd.eyJjIjoiZ2F0ZSJ9.c2ln",
    from_us=examples.US,
    to_us=examples.US + 3_600_000_000,
    expires_us=examples.US + 300_000_000,
)


@of_camera.get(
    "/{camera}/timeline",
    summary="Timeline of a camera",
    answer=Timeline,
    example=shown.TIMELINE,
)
async def get_timeline(
    who: Caller, camera: CameraName, asked: Annotated[TimeQuery, query(TimeQuery)], state: State
) -> Response:
    """Return what there is of a stream in a time: spans, gaps with reasons, marks, and the days of
    the city's own calendar that have video.
    """
    time = asked.time(state.clock.utc_us())
    lines = state.recordings.timelines
    return answer(await lines.one(who, camera, asked.stream, *time, asked.zoom_us))


@lines.get(
    "",
    summary="Timelines of several cameras",
    answer=TimelineList,
    example=TimelineList([shown.TIMELINE]),
    refusals=frozenset({404}),
)
async def get_timelines(
    who: Caller, asked: Annotated[LinesQuery, query(LinesQuery)], state: State
) -> Response:
    """Return the timelines of at most 200 cameras over one time; all or none."""
    time = asked.time(state.clock.utc_us())
    names = asked.cameras.split(",")
    found = await state.recordings.timelines.many(who, names, asked.stream, *time, asked.zoom_us)
    return answer(TimelineList(found))


@of_camera.post(
    "/{camera}/playback/address",
    summary="The signed address of recorded video",
    answer=PlaybackAddress,
    example=_PLAYBACK,
    sent=PlaybackBody(from_us=examples.US, to_us=examples.US + 3_600_000_000),
)
async def sign_playback(
    who: Caller,
    camera: CameraName,
    wanted: Annotated[PlaybackBody, body(PlaybackBody)],
    state: State,
) -> Response:
    """Return the address that plays one stream of a time, in any order, for five minutes.

    Looking at recorded video is a line of the audit; `renew` goes on without another one.
    """
    ref = stream_ref(f"{camera}/{wanted.stream}")
    signed = await state.addresses.sign_playback(
        who, ref, wanted.from_us, wanted.to_us, renew=wanted.renew
    )
    sub = "" if wanted.stream is StreamName.MAIN else f"/{wanted.stream}"
    return answer(
        PlaybackAddress(
            camera=camera,
            stream=wanted.stream,
            path=f"/playback/{camera}{sub}",
            address=signed.address,
            from_us=wanted.from_us,
            to_us=wanted.to_us,
            expires_us=signed.expires_us,
        )
    )


@of_camera.get(
    "/{camera}/recording",
    summary="Recording rules of a camera",
    answer=RuleView,
    example=shown.RULE,
    versioned=True,
)
async def get_recording_rule(who: Caller, camera: CameraName, state: State) -> Response:
    """Return when a camera is recorded and for how long it is kept, and what runs now.

    A camera whose rules were never changed records both streams all the time.
    """
    found = await state.recordings.rules.get(who, camera)
    return answer(found, version=found.version)


@of_camera.put(
    "/{camera}/recording",
    summary="Change the recording rules of a camera",
    answer=RuleView,
    example=shown.RULE,
    sent=shown.RULE.rule,
    refusals=frozenset({429}),
    versioned=True,
)
async def put_recording_rule(
    who: Caller,
    camera: CameraName,
    wanted: Annotated[Rule, body(Rule)],
    version: IfMatch,
    state: State,
) -> Response:
    """Say when a camera is recorded and for how long it is kept; it runs so within a second.

    Times of a schedule are those of the city's own clock.
    """
    found = await state.recordings.rules.put(who, camera, version, wanted)
    return answer(found, version=found.version)


@of_camera.post(
    "/{camera}/recording/manual",
    summary="Start or stop recording by hand",
    answer=RuleView,
    example=shown.RULE,
    sent=ManualOrder(ManualAction.START, examples.US + 3_600_000_000),
    versioned=True,
)
async def order_recording(
    who: Caller,
    camera: CameraName,
    wanted: Annotated[ManualOrder, body(ManualOrder)],
    state: State,
) -> Response:
    """Record a camera whatever its rules say, or not, until a time or until it is released."""
    found = await state.recordings.rules.order(who, camera, wanted)
    return answer(found, version=found.version)


@policies.get(
    "",
    summary="What a city keeps",
    answer=PolicyList,
    example=PolicyList([shown.POLICY]),
    refusals=frozenset({404}),
)
async def list_recording_policies(
    who: Caller, asked: Annotated[PolicyQuery, query(PolicyQuery)], state: State
) -> Response:
    """Return what is kept by a city's plan, by the city itself and by its camera groups.

    For one camera the largest `min_days` wins; of `max_days` the smallest that is not under it.
    """
    return answer(PolicyList(await state.recordings.rules.policies(who, asked.city)))


@policies.get(
    "/plans/{plan}",
    summary="What a plan keeps",
    answer=PolicyView,
    example=shown.PLAN_POLICY,
    versioned=True,
)
async def get_plan_policy(who: Caller, plan: PlanName, state: State) -> Response:
    """Return what the cities of a plan keep."""
    found = await state.recordings.rules.of_plan(who, plan)
    return answer(found, version=found.version)


@policies.put(
    "/plans/{plan}",
    summary="Say what a plan keeps",
    answer=PolicyView,
    example=shown.PLAN_POLICY,
    sent=shown.PLAN_POLICY.keep,
    versioned=True,
)
async def put_plan_policy(
    who: Caller,
    plan: PlanName,
    wanted: Annotated[Keeping, body(Keeping)],
    version: IfMatch,
    state: State,
) -> Response:
    """Say what the cities of a plan keep."""
    found = await state.recordings.rules.put_plan(who, plan, version, wanted)
    return answer(found, version=found.version)


@policies.get(
    "/cities/{city}",
    summary="What a city itself keeps",
    answer=PolicyView,
    example=shown.POLICY,
    versioned=True,
)
async def get_city_policy(who: Caller, city: CityName, state: State) -> Response:
    """Return what is said of all cameras of a city."""
    found = await state.recordings.rules.of_city(who, city)
    return answer(found, version=found.version)


@policies.put(
    "/cities/{city}",
    summary="Say what a city keeps",
    answer=PolicyView,
    example=shown.POLICY,
    sent=shown.POLICY.keep,
    refusals=frozenset({429}),
    versioned=True,
)
async def put_city_policy(
    who: Caller,
    city: CityName,
    wanted: Annotated[Keeping, body(Keeping)],
    version: IfMatch,
    state: State,
) -> Response:
    """Say for how long all cameras of a city are kept."""
    found = await state.recordings.rules.put_city(who, city, None, version, wanted)
    return answer(found, version=found.version)


@policies.get(
    "/cities/{city}/groups/{group}",
    summary="What a camera group keeps",
    answer=PolicyView,
    example=shown.GROUP_POLICY,
    versioned=True,
)
async def get_group_policy(who: Caller, city: CityName, group: GroupName, state: State) -> Response:
    """Return what is said of the cameras of a group."""
    found = await state.recordings.rules.of_city(who, city, group)
    return answer(found, version=found.version)


@policies.put(
    "/cities/{city}/groups/{group}",
    summary="Say what a camera group keeps",
    answer=PolicyView,
    example=shown.GROUP_POLICY,
    sent=shown.GROUP_POLICY.keep,
    refusals=frozenset({429}),
    versioned=True,
)
async def put_group_policy(
    who: Caller,
    city: CityName,
    group: GroupName,
    wanted: Annotated[Keeping, body(Keeping)],
    version: IfMatch,
    state: State,
) -> Response:
    """Say for how long the cameras of a group are kept."""
    found = await state.recordings.rules.put_city(who, city, group, version, wanted)
    return answer(found, version=found.version)
