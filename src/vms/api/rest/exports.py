"""Clips, exports and their files; volumes, keys, proof and forecasts."""

from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import Response
from fastapi.responses import FileResponse
from msgspec import Meta
from starlette.requests import Request

from vms.api.answers import answer, answer_page, no_content
from vms.api.caller import Caller, Visitor
from vms.api.inputs import ListQuery, body, path_name, query
from vms.api.operation import Operations
from vms.api.rest import examples
from vms.api.rest import examples_cases as shown
from vms.api.rest.cases import CityText, IdText
from vms.api.rest.common import CameraName, id_in_path
from vms.api.state import State
from vms.api.visit import visit_of
from vms.common import CAMERA_ID_PATTERN, StreamName
from vms.engine.recording import (
    CameraForecast,
    ClockConfirmed,
    VerifyReport,
    Volume,
    VolumeForecast,
)
from vms.recording import (
    AtUs,
    ClipDraft,
    Export,
    ExportDraft,
    ExportStep,
    ForecastView,
    Keeping,
    KeyView,
    Link,
    LinkDraft,
)

clips = Operations("/api/v1/clips", tag="recording")
exports = Operations("/api/v1/exports", tag="recording")
downloads = Operations("/api/v1/downloads", tag="recording")
disks = Operations("/api/v1/recording", tag="recording")
evidence = Operations("/api/v1/evidence", tag="recording")

BYTES = "application/octet-stream"
PEM = "application/x-pem-file"
ExportName = Annotated[str, id_in_path("export", "The export's id, or the clip's.")]
Secret = Annotated[
    str,
    path_name("token", "[A-Za-z0-9_-]{43}", examples.TOKEN, "The secret of the link, told once."),
]
Fingerprint = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of a key that is to have sealed.")
]

KeyMark = Annotated[
    str, path_name("fingerprint", "[0-9a-f]{64}", "9f" * 32, "The fingerprint of the key.")
]


class ExportPage(msgspec.Struct, frozen=True):
    """A page of exports, the newest first."""

    items: list[Export]
    next: str | None = None


class ExportQuery(ListQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which exports."""

    city: CityText | None = None
    state: Annotated[ExportStep, Meta(description="How far they are.")] | None = None
    case: Annotated[IdText, Meta(description="Of this case.")] | None = None


class VolumeList(msgspec.Struct, frozen=True):
    """The disks of recordings."""

    items: list[Volume]


class KeyList(msgspec.Struct, frozen=True):
    """Public keys that seal recordings, the newest last."""

    items: list[KeyView]


class ForecastQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of which cameras."""

    cameras: Annotated[
        str,
        Meta(
            pattern=rf"^{CAMERA_ID_PATTERN}(,{CAMERA_ID_PATTERN})*$",
            max_length=8000,
            description="Ids of cameras, separated by commas.",
        ),
    ]


class PreviewBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Other rules of keeping, by camera: nothing is changed by them."""

    keeps: Annotated[
        dict[Annotated[str, Meta(pattern=f"^{CAMERA_ID_PATTERN}$", max_length=63)], Keeping],
        Meta(min_length=1, max_length=200),
    ]


class VerifyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be proved."""

    from_us: AtUs
    to_us: AtUs
    stream: StreamName = StreamName.MAIN
    key: Fingerprint | None = None


_VOLUME = Volume(
    name="disk1",
    path="/srv/recordings",
    id="7f3a",
    state="ok",
    bytes=800_000_000_000,
    free=150_000_000_000,
    commit_ms=3.2,
    rate=24_000_000.0,
)
_PEM = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n"
)
_KEY = KeyView("9f" * 32, "A" * 43, "9f" * 32, _PEM, examples.US, "")
_FORECAST = ForecastView(
    (CameraForecast(examples.ID, 800_000_000_000, examples.US, 500_000.0, 23.4),),
    (VolumeForecast("disk1", 800_000_000_000, 150_000_000_000, 24_000_000.0, 23.4),),
)
_REPORT = VerifyReport(intact=True, signer_known=True, fragments=7200, seals=1, keys=("01jd",))


@clips.get("", summary="Clips", answer=ExportPage, example=ExportPage([shown.CLIP]))
async def list_clips(
    who: Caller, asked: Annotated[ExportQuery, query(ExportQuery)], state: State
) -> Response:
    """Return the clips of cameras from which one may take video away."""
    page, all_ = state.cursors.page(asked), state.recordings.exports
    found = await all_.list(
        who, page, clips=True, city=asked.city, state=asked.state, case=asked.case
    )
    return answer_page(found, asked, state.cursors, Export)


@clips.post(
    "",
    summary="New clip",
    status=201,
    answer=Export,
    example=shown.CLIP,
    sent=shown.CLIP_DRAFT,
    refusals=frozenset({404}),
)
async def create_clip(
    who: Caller, draft: Annotated[ClipDraft, body(ClipDraft)], state: State
) -> Response:
    """Ask for a clip of one camera; it is kept until it is deleted and counted by the plan."""
    made = await state.recordings.exports.clip(who, draft)
    return answer(made, status=201, location=f"/api/v1/exports/{made.id}")


@exports.get("", summary="Exports", answer=ExportPage, example=ExportPage([shown.TIMELAPSE]))
async def list_exports(
    who: Caller, asked: Annotated[ExportQuery, query(ExportQuery)], state: State
) -> Response:
    """Return exports, time-lapses and archives; each is kept for seven days."""
    page, all_ = state.cursors.page(asked), state.recordings.exports
    found = await all_.list(
        who, page, clips=False, city=asked.city, state=asked.state, case=asked.case
    )
    return answer_page(found, asked, state.cursors, Export)


@exports.post(
    "",
    summary="New export",
    status=201,
    answer=Export,
    example=shown.ARCHIVE,
    sent=shown.EXPORT_DRAFT,
    refusals=frozenset({404}),
)
async def create_export(
    who: Caller, draft: Annotated[ExportDraft, body(ExportDraft)], state: State
) -> Response:
    """Ask for video of one or several cameras of a city, in one file with its proof.

    A time-lapse takes key frames alone, which are copied and shown 25 a second.
    It waits its turn; one that would fill the disk is refused before it starts.
    """
    made = await state.recordings.exports.export(who, draft)
    return answer(made, status=201, location=f"/api/v1/exports/{made.id}")


@exports.get("/{export}", summary="Export or clip", answer=Export, example=shown.CLIP)
async def get_export(who: Caller, export: ExportName, state: State) -> Response:
    """Return how far an export is, and what is missing in it."""
    return answer(await state.recordings.exports.get(who, export))


@exports.post("/{export}/cancel", summary="Cancel an export", answer=Export, example=shown.CLIP)
async def cancel_export(who: Caller, export: ExportName, state: State) -> Response:
    """Give up an export that is not done."""
    return answer(await state.recordings.exports.cancel(who, export))


@exports.delete(
    "/{export}", summary="Delete an export or a clip", status=204, refusals=frozenset({409})
)
async def delete_export(who: Caller, export: ExportName, state: State) -> Response:
    """Delete what has ended, with its file and the links to it."""
    await state.recordings.exports.delete(who, export)
    return no_content()


@exports.get(
    "/{export}/file",
    summary="File of an export",
    media=BYTES,
    example="(bytes)",
    refusals=frozenset({409}),
)
async def download_export(who: Caller, export: ExportName, state: State) -> Response:
    """Return the file; each download is a line of the audit."""
    return _file(*await state.recordings.exports.download(who, export))


@exports.post(
    "/{export}/link",
    summary="Link to an export",
    status=201,
    answer=Link,
    example=Link(f"/api/v1/downloads/{examples.TOKEN}", examples.US + 86_400_000_000),
    sent=LinkDraft(86_400),
)
async def link_export(
    who: Caller, export: ExportName, draft: Annotated[LinkDraft, body(LinkDraft)], state: State
) -> Response:
    """Make a link that anybody may follow until it runs out. It is told once."""
    return answer(await state.recordings.exports.link(who, export, draft), status=201)


@downloads.get(
    "/{token}",
    summary="File behind a link",
    media=BYTES,
    example="(bytes)",
    refusals=frozenset({409}),
)
async def follow_link(_visitor: Visitor, token: Secret, request: Request, state: State) -> Response:
    """Return the file that a link opens; each download is a line of the audit."""
    address = visit_of(request).address
    return _file(*await state.recordings.exports.linked(token, address))


def _file(found: Export, path: Path) -> Response:
    headers = {"Cache-Control": "no-store", "X-Vms-Sha256": found.sha256 or ""}
    return FileResponse(path, media_type=BYTES, filename=path.name, headers=headers)


@disks.get(
    "/volumes", summary="Disks of recordings", answer=VolumeList, example=VolumeList([_VOLUME])
)
async def list_volumes(who: Caller, state: State) -> Response:
    """Return the disks as they are now: state, room, and how fast they write."""
    return answer(VolumeList(list(await state.recordings.evidence.volumes(who))))


@disks.get(
    "/forecast",
    summary="How long recordings last",
    answer=ForecastView,
    example=_FORECAST,
    refusals=frozenset({404}),
)
async def get_forecast(
    who: Caller, asked: Annotated[ForecastQuery, query(ForecastQuery)], state: State
) -> Response:
    """Return for how many days each camera's recordings last at this rate."""
    names = asked.cameras.split(",")
    return answer(await state.recordings.evidence.forecast(who, names, {}))


@disks.post(
    "/preview",
    summary="What other rules would remove",
    answer=ForecastView,
    example=_FORECAST,
    sent=PreviewBody({examples.ID: Keeping(max_days=7)}),
    refusals=frozenset({404}),
)
async def preview_keeping(
    who: Caller, wanted: Annotated[PreviewBody, body(PreviewBody)], state: State
) -> Response:
    """Return what other rules of keeping would remove at once. Nothing is removed."""
    return answer(await state.recordings.evidence.forecast(who, (), wanted.keeps))


@disks.post(
    "/confirm-clock",
    summary="The clock is right",
    answer=ClockConfirmed,
    example=ClockConfirmed(confirmed=True),
)
async def confirm_clock(who: Caller, state: State) -> Response:
    """Confirm the time after the clock stepped: what is old is deleted by age again.

    A forecast tells in `clock` whether that is asked.
    """
    return answer(await state.recordings.evidence.confirm_clock(who))


@evidence.get("/keys", summary="Keys that seal recordings", answer=KeyList, example=KeyList([_KEY]))
async def list_evidence_keys(who: Caller, state: State) -> Response:
    """Return every public key with its fingerprint, for whoever checks what he was given."""
    return answer(KeyList(await state.recordings.evidence.keys(who)))


@evidence.get(
    "/keys/{fingerprint}",
    summary="Key that seals recordings, as a file",
    media=PEM,
    example=_PEM,
)
async def get_evidence_key(who: Caller, fingerprint: KeyMark, state: State) -> Response:
    """Return a public key as SubjectPublicKeyInfo in PEM, which openssl reads.

    Its fingerprint, SHA-256 of the key's 32 bytes, is the header `Vms-Fingerprint`.
    """
    found = await state.recordings.evidence.key(who, fingerprint)
    headers = {
        "Cache-Control": "no-store",
        "Vms-Fingerprint": found.fingerprint,
        "Content-Disposition": f'attachment; filename="evidence-key-{found.fingerprint[:12]}.pem"',
    }
    return Response(found.pem, headers=headers, media_type=PEM)


@evidence.post(
    "/keys",
    summary="New key that seals recordings",
    status=201,
    answer=KeyList,
    example=KeyList([_KEY]),
)
async def rotate_evidence_key(who: Caller, state: State) -> Response:
    """Let a new key seal from now on; the one before vouches for it."""
    return answer(KeyList(await state.recordings.evidence.rotate(who)), status=201)


@evidence.post(
    "/verify/{camera}",
    summary="Verify recordings",
    answer=VerifyReport,
    example=_REPORT,
    sent=VerifyBody(from_us=examples.US, to_us=examples.US + 3_600_000_000),
)
async def verify_recordings(
    who: Caller, camera: CameraName, wanted: Annotated[VerifyBody, body(VerifyBody)], state: State
) -> Response:
    """Prove what was recorded of a camera: every byte against its chain and its seals."""
    report = await state.recordings.evidence.verify(
        who, camera, wanted.stream, wanted.from_us, wanted.to_us, wanted.key
    )
    return answer(report)
