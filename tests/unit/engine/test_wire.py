"""Messages survive the way there and back."""

import grpc
import msgspec
import pytest

from doubles import ADDRESSES, desired, event, status, wish
from vms.common import BY_KIND, Kind, StreamName, error_of_kind
from vms.engine import (
    AccessRules,
    Applied,
    Description,
    EventBatch,
    PushStatus,
    Reason,
    Revocation,
    StreamKeyRule,
    StreamLimits,
    StreamSource,
    StreamState,
    TranscodeStatus,
    VerifyKey,
    wire,
)
from vms.trust import error_from, error_metadata, grpc_code

REASON = Reason("unknown_codec", {"codec": "AV1", "count": 3, "ratio": 0.5})


def test_a_desired_state() -> None:
    state = desired(wish("gate", StreamName.MAIN, StreamName.SUB), wish("yard", enabled=False))
    udp = msgspec.structs.replace(
        state.cameras[0],
        streams={
            StreamName.MAIN: StreamSource(
                "rtsp://h/", "udp", "srt://h2:9000", on_demand=False, push=("srt://h3:1",)
            )
        },
    )
    state = msgspec.structs.replace(state, cameras=(*state.cameras, udp))
    assert wire.desired_from(wire.desired_to(state)) == state


def test_who_may_open_streams() -> None:
    access = AccessRules(
        node="n1",
        keys=(VerifyKey("k1", "cHVibGlj"),),
        stream_keys=(
            StreamKeyRule("everywhere", "s"),
            StreamKeyRule("city", "s", city="sp", expires_s=1_700_000_000, audio=True),
            StreamKeyRule("named", "s", city="sp", cameras=("gate", "yard")),
            StreamKeyRule("none", "s", cameras=()),
            StreamKeyRule("encoder", "s", city="sp", cameras=("gate",), publish=True),
        ),
        playback_keys=("city", "named"),
        limits=StreamLimits(stream=1, viewer=2, city=3, machine=4),
        city_limits={"sp": 16},
    )
    masked = msgspec.structs.replace(wish("gate"), masked=True)
    state = msgspec.structs.replace(desired(masked), access=access)
    assert wire.desired_from(wire.desired_to(state)) == state
    assert repr(access.stream_keys[0]) == "StreamKeyRule(id='everywhere')"


@pytest.mark.parametrize(
    "revocation",
    [Revocation(), Revocation(viewer="ana"), Revocation(viewer="ana", session="s1", camera="gate")],
)
def test_a_revocation(revocation: Revocation) -> None:
    assert wire.revocation_from(wire.revocation_to(revocation)) == revocation


@pytest.mark.parametrize(
    "report",
    [
        status(),
        status("yard", StreamName.SUB, StreamState.BACKING_OFF, REASON),
        msgspec.structs.replace(status(), transcode=TranscodeStatus(2, True, 31.5, 90 << 20, 60)),
        msgspec.structs.replace(
            status(), transcode=TranscodeStatus(1, False, 0.0, 0, failing="worker_lost")
        ),
        msgspec.structs.replace(
            status(),
            backup=True,
            push=(PushStatus("h3:1", StreamState.BACKING_OFF, Reason("timeout")),),
        ),
        msgspec.structs.replace(
            status(), codec=None, width=None, height=None, clock_offset_ms=None, fps=0.0
        ),
    ],
)
def test_the_status_of_a_stream(report: object) -> None:
    assert wire.streams_from(wire.streams_to([report])) == (report,)  # type: ignore[list-item]


def test_a_batch_of_events() -> None:
    second = msgspec.structs.replace(event(5), values={"backup": True})
    batch = EventBatch("one", True, (event(3), event(4, reason=REASON), second))
    assert wire.batch_from(wire.batch_to(batch)) == batch


def test_a_description_and_a_result() -> None:
    addresses = msgspec.structs.replace(ADDRESSES, rtmps="127.0.0.1:1935")
    description = Description("1.0", "one", 7, "ab", addresses, 9)
    assert wire.description_from(wire.description_to(description)) == description
    applied = Applied(7, ("a/main",), ("b/sub",), ("c/main",))
    assert wire.applied_from(wire.applied_to(applied)) == applied


class _Failed(grpc.aio.AioRpcError):
    """A failed call as the client library raises it."""

    def __init__(self, code: grpc.StatusCode, trailing: tuple[tuple[str, bytes], ...]) -> None:
        metadata = grpc.aio.Metadata(*trailing)
        super().__init__(code, grpc.aio.Metadata(), metadata, details="camera gate failed")


@pytest.mark.parametrize("kind", list(Kind))
def test_an_error_of_each_kind(kind: Kind) -> None:
    error = error_of_kind(kind, "camera gate failed", code="x", values={"camera": "gate"})
    failed = _Failed(grpc_code(error), error_metadata(error))
    back = error_from(failed, "the media process", "media_down")
    assert type(back) is BY_KIND[kind]
    assert (back.code, back.values, back.message) == ("x", {"camera": "gate"}, error.message)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, Kind.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Kind.UNAVAILABLE),
        (grpc.StatusCode.CANCELLED, Kind.UNAVAILABLE),
        (grpc.StatusCode.INVALID_ARGUMENT, Kind.INVALID),
        (grpc.StatusCode.INTERNAL, Kind.INTERNAL),
    ],
)
def test_a_failure_of_grpc_itself(code: grpc.StatusCode, kind: Kind) -> None:
    assert error_from(_Failed(code, ()), "the media process", "media_down").kind == kind
