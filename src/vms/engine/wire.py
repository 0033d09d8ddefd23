"""Between the model and the messages of ``vms.engine.v1``, both ways."""

from collections.abc import Iterable
from typing import cast

import msgspec

from vms.common import InternalError, StreamName
from vms.engine import model
from vms.proto.engine_v1 import messages as pb


def desired_to(desired: model.DesiredState) -> pb.ApplyRequest:
    """Return a desired state as a request."""
    cameras = [
        pb.Camera(
            id=camera.id,
            city=camera.city,
            name=camera.name,
            enabled=camera.enabled,
            masked=camera.masked,
            streams={
                name.value: pb.StreamSource(**msgspec.structs.asdict(source))
                for name, source in camera.streams.items()
            },
            record={
                name.value: pb.StreamRecord(**msgspec.structs.asdict(record))
                for name, record in (camera.record or {}).items()
            },
            keep=_keep_to(camera.keep),
        )
        for camera in desired.cameras
    ]
    access = _access_to(desired.access)
    return pb.ApplyRequest(generation=desired.generation, cameras=cameras, access=access)


def _keep_to(keep: model.Keep | msgspec.UnsetType) -> pb.Keep | None:
    if keep is msgspec.UNSET:
        return None
    steps = [pb.Thin(after_days=step.after_days, to=step.to) for step in keep.thin]
    return pb.Keep(
        min_days=keep.min_days, max_days=keep.max_days, max_bytes=keep.max_bytes, thin=steps
    )


def _recording_from(camera: pb.Camera) -> dict[str, object]:
    # A camera that is recorded at all is kept somehow.
    if not camera.HasField("keep"):
        return {}
    record = {name: _record_from(record) for name, record in camera.record.items()}
    return {"record": record, "keep": _keep_from(camera.keep)}


def _record_from(record: pb.StreamRecord) -> model.StreamRecord:
    mode = model.RecordMode(record.mode)
    return model.StreamRecord(
        mode, record.audio, record.pre_s, record.post_s, by_hand=record.by_hand
    )


def _keep_from(keep: pb.Keep) -> model.Keep:
    return model.Keep(
        min_days=keep.min_days,
        max_days=keep.max_days if keep.HasField("max_days") else None,
        max_bytes=keep.max_bytes if keep.HasField("max_bytes") else None,
        thin=tuple(model.Thin(step.after_days, model.ThinTo(step.to)) for step in keep.thin),
    )


def _access_to(rules: model.AccessRules) -> pb.Access:
    return pb.Access(
        node=rules.node,
        keys=[pb.VerifyKey(id=key.id, public=key.public) for key in rules.keys],
        stream_keys=[
            pb.StreamKey(
                id=key.id,
                secret=key.secret,
                city=key.city,
                cameras=None if key.cameras is None else pb.CameraNames(ids=key.cameras),
                expires_s=key.expires_s,
                audio=key.audio,
                publish=key.publish,
            )
            for key in rules.stream_keys
        ],
        playback_keys=rules.playback_keys,
        limits=pb.Limits(**msgspec.structs.asdict(rules.limits)),
        city_limits=rules.city_limits,
    )


def _access_from(access: pb.Access) -> model.AccessRules:
    limits = access.limits
    return model.AccessRules(
        node=access.node,
        keys=tuple(model.VerifyKey(key.id, key.public) for key in access.keys),
        stream_keys=tuple(
            model.StreamKeyRule(
                id=key.id,
                secret=key.secret,
                city=key.city if key.HasField("city") else None,
                cameras=tuple(key.cameras.ids) if key.HasField("cameras") else None,
                expires_s=key.expires_s,
                audio=key.audio,
                publish=key.publish,
            )
            for key in access.stream_keys
        ),
        playback_keys=tuple(access.playback_keys),
        limits=model.StreamLimits(limits.stream, limits.viewer, limits.city, limits.machine),
        city_limits=dict(access.city_limits),
    )


def revocation_to(revocation: model.Revocation) -> pb.RevokeRequest:
    """Return a revocation as a request."""
    return pb.RevokeRequest(
        viewer=revocation.viewer, session=revocation.session, camera=revocation.camera
    )


def revocation_from(request: pb.RevokeRequest) -> model.Revocation:
    """Return the revocation of a request."""
    return model.Revocation(
        viewer=request.viewer if request.HasField("viewer") else None,
        session=request.session if request.HasField("session") else None,
        camera=request.camera if request.HasField("camera") else None,
    )


def desired_from(request: pb.ApplyRequest) -> model.DesiredState:
    """Return the desired state of a request."""
    return msgspec.convert(
        {
            "generation": request.generation,
            "cameras": [
                {
                    "id": camera.id,
                    "city": camera.city,
                    "name": camera.name,
                    "enabled": camera.enabled,
                    "masked": camera.masked,
                    "streams": {
                        name: {
                            "url": source.url,
                            "transport": source.transport if source.HasField("transport") else None,
                            "backup": source.backup if source.HasField("backup") else None,
                            "on_demand": (
                                source.on_demand if source.HasField("on_demand") else None
                            ),
                            "push": tuple(source.push),
                        }
                        for name, source in camera.streams.items()
                    },
                    **_recording_from(camera),
                }
                for camera in request.cameras
            ],
            "access": _access_from(request.access),
        },
        model.DesiredState,
    )


def applied_to(applied: model.Applied) -> pb.ApplyResult:
    """Return what applying did as a message."""
    return pb.ApplyResult(**msgspec.structs.asdict(applied))


def applied_from(result: pb.ApplyResult) -> model.Applied:
    """Return what applying did."""
    return model.Applied(
        result.generation, tuple(result.started), tuple(result.stopped), tuple(result.changed)
    )


def description_to(description: model.Description) -> pb.Description:
    """Return a description as a message."""
    fields = msgspec.structs.asdict(description)
    fields["addresses"] = pb.Addresses(**msgspec.structs.asdict(description.addresses))
    return pb.Description(**fields)


def description_from(message: pb.Description) -> model.Description:
    """Return the description in a message."""
    at = message.addresses
    return model.Description(
        engine_version=message.engine_version,
        epoch=message.epoch,
        generation=message.generation,
        digest=message.digest,
        addresses=model.Addresses(
            at.front, at.rtsp, at.webrtc, tuple(at.webrtc_udp), at.rtmp, at.srt, at.hls, at.rtmps
        ),
        cursor=message.cursor,
    )


def _value_to(value: str | float) -> pb.Value:
    if isinstance(value, str):
        return pb.Value(text=value)
    # True and false are told as 1 and 0.
    return pb.Value(whole=int(value)) if isinstance(value, int) else pb.Value(real=value)


def _value_from(value: pb.Value) -> str | int | float:
    kind = value.WhichOneof("kind")
    if kind is None:
        raise InternalError("a reason holds a value without content")
    return cast("str | int | float", getattr(value, kind))


def _reason_to(reason: model.Reason | None) -> pb.Reason | None:
    if reason is None:
        return None
    values = {name: _value_to(value) for name, value in reason.values.items()}
    return pb.Reason(code=reason.code, values=values)


def _reason_from(message: pb.StreamStatus | pb.PushStatus | pb.Event) -> model.Reason | None:
    if not message.HasField("reason"):
        return None
    reason = message.reason
    return model.Reason(
        reason.code, {name: _value_from(value) for name, value in reason.values.items()}
    )


def streams_to(streams: Iterable[model.StreamStatus]) -> pb.StreamList:
    """Return the status of streams as a message."""
    return pb.StreamList(
        streams=[
            pb.StreamStatus(
                **msgspec.structs.asdict(status)
                | {
                    "reason": _reason_to(status.reason),
                    "transcode": _transcode_to(status),
                    "push": _pushes_to(status.push),
                }
            )
            for status in streams
        ]
    )


def _pushes_to(pushes: Iterable[model.PushStatus]) -> list[pb.PushStatus]:
    return [
        pb.PushStatus(target=one.target, state=one.state, reason=_reason_to(one.reason))
        for one in pushes
    ]


_OPTIONAL = ("codec", "width", "height", "clock_offset_ms")


def _transcode_to(status: model.StreamStatus) -> pb.Transcode | None:
    if status.transcode is None:
        return None
    return pb.Transcode(**msgspec.structs.asdict(status.transcode))


def _transcode_from(message: pb.StreamStatus) -> model.TranscodeStatus | None:
    if not message.HasField("transcode"):
        return None
    told = message.transcode
    return model.TranscodeStatus(
        viewers=told.viewers,
        works=told.works,
        cpu_percent=round(told.cpu_percent, 1),
        memory_bytes=told.memory_bytes,
        delay_ms=told.delay_ms if told.HasField("delay_ms") else None,
        failing=told.failing if told.HasField("failing") else None,
    )


def _status_from(message: pb.StreamStatus) -> model.StreamStatus:
    optional = {name: getattr(message, name) for name in _OPTIONAL if message.HasField(name)}
    return model.StreamStatus(
        camera=message.camera,
        stream=StreamName(message.stream),
        state=model.StreamState(message.state),
        reason=_reason_from(message),
        fps=message.fps,
        bitrate=message.bitrate,
        readers=message.readers,
        drops=message.drops,
        reconnects=message.reconnects,
        since_utc_us=message.since_utc_us,
        backup=message.backup,
        transcode=_transcode_from(message),
        push=tuple(
            model.PushStatus(one.target, model.StreamState(one.state), _reason_from(one))
            for one in message.push
        ),
        **optional,
    )


def streams_from(message: pb.StreamList) -> tuple[model.StreamStatus, ...]:
    """Return the status of streams in a message."""
    return tuple(_status_from(status) for status in message.streams)


def _event_to(event: model.Event) -> pb.Event:
    fields = msgspec.structs.asdict(event)
    fields["reason"] = _reason_to(event.reason)
    fields["values"] = {name: _value_to(value) for name, value in event.values.items()}
    return pb.Event(**fields)


def batch_to(batch: model.EventBatch) -> pb.EventBatch:
    """Return a batch of events as a message."""
    return pb.EventBatch(
        epoch=batch.epoch,
        reset=batch.reset,
        events=[_event_to(event) for event in batch.events],
    )


def batch_from(message: pb.EventBatch) -> model.EventBatch:
    """Return the batch of events in a message."""
    events = tuple(
        model.Event(
            cursor=event.cursor,
            utc_us=event.utc_us,
            kind=event.kind,
            camera=event.camera,
            stream=StreamName(event.stream) if event.stream else None,
            state=model.StreamState(event.state) if event.state else None,
            reason=_reason_from(event),
            values={name: _value_from(value) for name, value in event.values.items()},
        )
        for event in message.events
    )
    return model.EventBatch(message.epoch, message.reset, events)
