"""What happens to recordings."""

from vms.proto.events.base import DomainEvent


class RecordingRulesChanged(DomainEvent, frozen=True, tag="recording.rules"):
    """A camera's rules were changed, or what a city or a plan keeps."""

    # None: of all its cameras.
    camera: str | None


class RecordingStarted(DomainEvent, frozen=True, tag="recording.started"):
    """A stream is being recorded again."""

    camera: str
    stream: str


class RecordingStopped(DomainEvent, frozen=True, tag="recording.stopped"):
    """A stream is not being recorded any more."""

    camera: str
    stream: str


class RecordingGap(DomainEvent, frozen=True, tag="recording.gap"):
    """Something was not recorded that should have been: an alarm."""

    camera: str
    stream: str
    from_us: int
    # None: it lasts.
    to_us: int | None
    reason: str


class ClipReady(DomainEvent, frozen=True, tag="clip.ready"):
    """A clip, an export or an archive can be downloaded."""

    # None: of several.
    camera: str | None
    export: str


class VolumeState(DomainEvent, frozen=True, tag="volume.state"):
    """A disk of recordings works, is slow, full or gone: an alarm."""

    volume: str
    state: str
    reason: str | None
