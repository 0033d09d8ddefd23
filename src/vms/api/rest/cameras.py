"""``/api/v1/cameras``: cameras, their files, state, history and uptime; ``/api/v1/makers``."""

from typing import Annotated

import msgspec
from fastapi import Depends, Response
from msgspec import Meta

from vms.admin import Principal
from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller
from vms.api.inputs import JSON_MEDIA, IfMatch, ListQuery, RawBody, body, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest.common import CameraName, PartText
from vms.api.state import ApiState, State
from vms.cameras import (
    MAKERS,
    Camera,
    CameraFile,
    CameraItem,
    CameraState,
    Change,
    Filter,
    Format,
    ImportReport,
    Maker,
    NewCamera,
    Transition,
    Uptime,
    Why,
    city_of,
)
from vms.common import StreamName
from vms.ingest import StreamView

# Before the others: "export.csv" is no camera's id.
files = Operations("/api/v1/cameras", tag="cameras")
ops = Operations("/api/v1/cameras", tag="cameras")
makers = Operations("/api/v1/makers", tag="cameras")

CSV = "text/csv"
DAY_US = 86_400_000_000
# The year 2100: no recording is younger.
LATEST_US = 4_102_444_800_000_000

CityText = Annotated[
    str, Meta(pattern="^[a-z0-9_-]{1,50}$", description="A city's id; absent: one's own.")
]
IdText = Annotated[str, Meta(min_length=1, max_length=63)]
AtUs = Annotated[int, Meta(ge=0, le=LATEST_US, description="Microseconds of UTC.")]


class CameraView(Camera, frozen=True, kw_only=True):
    """A camera with the addresses of its streams, which hold no credentials."""

    streams: dict[StreamName, str]


class CameraPage(msgspec.Struct, frozen=True):
    """A page of cameras."""

    items: list[CameraItem]
    next: str | None = None


class CameraQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which cameras."""

    city: Annotated[CityText, Meta(description="Of this city; absent: all one may see.")] | None = (
        None
    )
    group: Annotated[IdText, Meta(description="In this group.")] | None = None
    site: Annotated[IdText, Meta(description="At this site.")] | None = None
    name: PartText | None = None
    enabled: Annotated[bool, Meta(description="Whether they are called.")] | None = None
    state: Annotated[CameraState, Meta(description="How they are doing.")] | None = None


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a file goes."""

    city: CityText | None = None
    dry_run: Annotated[bool, Meta(description="Tell what would become of it; do nothing.")] = False


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whose cameras, and how much of them."""

    city: CityText | None = None
    passwords: Annotated[
        bool, Meta(description="With passwords: of cameras that one may change; it is audited.")
    ] = False


class SheetQuery(ExportQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same, for spreadsheets."""

    semicolon: Annotated[
        bool, Meta(description="Separate cells by ; as many spreadsheets expect.")
    ] = False


class StatusView(msgspec.Struct, frozen=True):
    """How a camera is doing: what is known of it, and its streams as they are now."""

    camera: str
    state: CameraState
    reason: Why | None
    since_us: int | None
    streams: list[StreamView]


class HistoryQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which changes."""

    stream: Annotated[StreamName, Meta(description="Of which stream.")] = StreamName.MAIN


class HistoryPage(msgspec.Struct, frozen=True):
    """A page of changes of state, the newest first."""

    items: list[Transition]
    next: str | None = None


class UptimeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which period: at most 366 days."""

    from_us: Annotated[AtUs, Meta(description="Absent: a day before its end.")] | None = None
    to_us: Annotated[AtUs, Meta(description="Absent: now.")] | None = None


class MakerView(msgspec.Struct, frozen=True):
    """A maker, with the addresses of its first channel on a device at 192.0.2.10."""

    id: str
    title: str
    default_port: int
    channels: int
    notes: str
    # Absent where addresses are given in full.
    main: str | None = None
    sub: str | None = None


class MakerList(msgspec.Struct, frozen=True):
    """Every maker."""

    items: list[MakerView]


def _view(camera: Camera) -> CameraView:
    fields = {name: getattr(camera, name) for name in Camera.__struct_fields__}
    return CameraView(**fields, streams=camera.addresses())


def _maker(maker: Maker) -> MakerView:
    main = sub = None
    if maker.path is not None:
        main, sub = (maker.address("192.0.2.10", None, 1, stream) for stream in StreamName)
    return MakerView(
        maker.id, maker.title, maker.default_port, maker.channels, maker.notes, main, sub
    )


_CAMERA = _view(examples.CAMERA)
_STATUS = StatusView(
    examples.ID, CameraState.OFFLINE, examples.NO_VIDEO, examples.US, [examples.STREAM]
)
_MAKERS = [_maker(maker) for maker in MAKERS.values()]


@ops.get("", summary="Cameras", answer=CameraPage, example=CameraPage([examples.CAMERA_ITEM]))
async def list_cameras(
    who: Caller, asked: Annotated[CameraQuery, query(CameraQuery)], state: State
) -> Response:
    """Return the cameras one may see, in the order of their names.

    `name` finds a part of it, whatever its case and accents.
    """
    wanted = Filter(
        city=asked.city,
        group=asked.group,
        site=asked.site,
        name=asked.name,
        enabled=asked.enabled,
        state=asked.state,
    )
    found = await state.cameras.cameras.list(who, wanted, state.cursors.page(asked))
    return answer_page(found, asked, state.cursors, CameraItem)


@ops.post(
    "",
    summary="New camera",
    status=201,
    answer=CameraView,
    example=_CAMERA,
    sent=examples.NEW_CAMERA,
    refusals=frozenset({404, 429}),
    versioned=True,
)
async def create_camera(
    who: Caller, new: Annotated[NewCamera, body(NewCamera)], state: State
) -> Response:
    """Make a camera; it is called within a second.

    The server makes its id; the platform may choose one. People of a city need not name it.
    """
    made = await state.cameras.cameras.create(who, new)
    path = f"/api/v1/cameras/{made.id}"
    return answer(_view(made), status=201, version=made.version, location=path)


@ops.get("/{camera}", summary="Camera", answer=CameraView, example=_CAMERA, versioned=True)
async def get_camera(who: Caller, camera: CameraName, state: State) -> Response:
    """Return a camera. Its passwords are never told; `has_password` says whether there is one."""
    found = await state.cameras.cameras.get(who, camera)
    return answer(_view(found), version=found.version)


@ops.patch(
    "/{camera}",
    summary="Change a camera",
    answer=CameraView,
    example=_CAMERA,
    sent=examples.CAMERA_CHANGE,
    refusals=frozenset({409}),
    versioned=True,
)
async def change_camera(
    who: Caller,
    camera: CameraName,
    change: Annotated[Change, body(Change)],
    version: IfMatch,
    state: State,
) -> Response:
    """Change a camera; a field that is not sent stays. It runs so within a second.

    Another maker than `generic`, or `generic` instead, empties the fields of the other way.
    """
    found = await state.cameras.cameras.update(who, camera, version, change)
    return answer(_view(found), version=found.version)


@ops.delete("/{camera}", summary="Delete a camera", status=204, refusals=frozenset({409}))
async def delete_camera(
    who: Caller, camera: CameraName, version: IfMatch, state: State
) -> Response:
    """Delete a camera and its history. Its id is never used again."""
    await state.cameras.cameras.delete(who, camera, version)
    return no_content()


@ops.get("/{camera}/status", summary="State of a camera", answer=StatusView, example=_STATUS)
async def get_camera_status(who: Caller, camera: CameraName, state: State) -> Response:
    """Return how a camera is doing, since when and why, and its streams as they are now."""
    found = await state.cameras.cameras.get(who, camera)
    streams = [view for view in await state.watch.streams() if view.camera == found.id]
    known = found.status
    return answer(StatusView(found.id, known.state, known.reason, known.since_us, streams))


@ops.get(
    "/{camera}/history",
    summary="History of a camera",
    answer=HistoryPage,
    example=HistoryPage([examples.TRANSITION]),
)
async def list_camera_history(
    who: Caller,
    camera: CameraName,
    asked: Annotated[HistoryQuery, query(HistoryQuery)],
    state: State,
) -> Response:
    """Return when a stream came into which state and why, the newest first."""
    page = state.cursors.page(asked)
    found = await state.cameras.history.history(who, camera, asked.stream, page)
    return answer_page(found, asked, state.cursors, Transition)


@ops.get("/{camera}/uptime", summary="Uptime of a camera", answer=Uptime, example=examples.UPTIME)
async def get_camera_uptime(
    who: Caller,
    camera: CameraName,
    asked: Annotated[UptimeQuery, query(UptimeQuery)],
    state: State,
) -> Response:
    """Return how long a camera was online in a period, with its outages and their reasons.

    What was off or unknown counts neither way.
    """
    to_us = state.clock.utc_us() if asked.to_us is None else asked.to_us
    from_us = max(0, to_us - DAY_US) if asked.from_us is None else asked.from_us
    return answer(await state.cameras.history.uptime(who, camera, from_us, to_us))


@ops.post(
    "/import.csv",
    summary="Import cameras from CSV",
    answer=ImportReport,
    example=examples.IMPORT,
    sent=examples.CAMERAS_CSV,
    refusals=frozenset({404}),
)
async def import_cameras_csv(
    who: Caller,
    asked: Annotated[ImportQuery, query(ImportQuery)],
    data: Annotated[bytes, Depends(RawBody(CSV))],
    state: State,
) -> Response:
    """Make and change cameras by the rows of a file: UTF-8, separated by comma or semicolon.

    Each row is told what became of it; those that cannot be do not hold up the others. The same
    file a second time changes nothing.
    """
    return await _import(state, who, asked, data, "csv")


@ops.post(
    "/import.json",
    summary="Import cameras from JSON",
    answer=ImportReport,
    example=examples.IMPORT,
    sent=examples.CAMERAS_JSON,
    refusals=frozenset({404}),
)
async def import_cameras_json(
    who: Caller,
    asked: Annotated[ImportQuery, query(ImportQuery)],
    data: Annotated[bytes, Depends(RawBody(JSON_MEDIA))],
    state: State,
) -> Response:
    """Make and change cameras by the items of a file, as from CSV."""
    return await _import(state, who, asked, data, "json")


async def _import(
    state: ApiState, who: Principal, asked: ImportQuery, data: bytes, kind: Format
) -> Response:
    city = city_of(who, asked.city)
    transfer = state.cameras.transfer
    return answer(await transfer.import_(who, city, data, kind, dry_run=asked.dry_run))


@files.get(
    "/export.csv",
    summary="Cameras as CSV",
    media=CSV,
    example=examples.CAMERAS_CSV,
    refusals=frozenset({404}),
)
async def export_cameras_csv(
    who: Caller, asked: Annotated[SheetQuery, query(SheetQuery)], state: State
) -> Response:
    """Return a city's cameras that one may see, for spreadsheets and for the import."""
    separator = ";" if asked.semicolon else ","
    data = await state.cameras.transfer.export(
        who, city_of(who, asked.city), "csv", passwords=asked.passwords, separator=separator
    )
    return _file(data, f"{CSV}; charset=utf-8", "cameras.csv")


@files.get(
    "/export.json",
    summary="Cameras as JSON",
    answer=CameraFile,
    example=examples.CAMERA_FILE,
    refusals=frozenset({404}),
)
async def export_cameras_json(
    who: Caller, asked: Annotated[ExportQuery, query(ExportQuery)], state: State
) -> Response:
    """Return a city's cameras that one may see, for the import."""
    data = await state.cameras.transfer.export(
        who, city_of(who, asked.city), "json", passwords=asked.passwords
    )
    return _file(data, JSON_MEDIA, "cameras.json")


def _file(data: bytes, media: str, name: str) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return Response(data, 200, headers, media)


@makers.get("", summary="Makers", answer=MakerList, example=MakerList(_MAKERS[:1]))
async def list_makers(_who: Caller) -> Response:
    """Return the makers whose cameras are addressed by host and channel, and `generic`."""
    return answer(MakerList(_MAKERS))
