"""The addresses that are typed into an encoder, so that a camera calls us."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

import msgspec

from vms.common import StreamName, host_text

# The protocols that encoders know, with the key told as docs/design/ways.md says.
_FORMS = {
    "srt": "srt://{at}?streamid=publish:{path}:{key}&passphrase={secret}",
    "rtmps": "rtmps://{at}/{path}?key={key}&secret={secret}",
    "rtmp": "rtmp://{at}/{path}?key={key}&secret={secret}",
}
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - told apart, not bound to


class PublishAddress(msgspec.Struct, frozen=True):
    """Where an encoder sends a stream. Secret: it holds the key."""

    # "srt", "rtmps", "rtmp" or "whip".
    protocol: str
    stream: StreamName
    address: str
    # Sent beside the address (`Authorization: Bearer`), where the protocol has a place for it.
    bearer: str | None = None

    def __repr__(self) -> str:
        return f"PublishAddress(protocol={self.protocol!r}, stream={self.stream!r}, address=...)"


def publish_addresses(
    listeners: Mapping[str, str],
    host: str,
    camera: str,
    streams: Iterable[StreamName],
    login: tuple[str, str],
    *,
    origin: str = "",
) -> tuple[PublishAddress, ...]:
    """Return the addresses of a camera's streams, by each protocol that somebody listens for.

    ``listeners`` has HOST:PORT by protocol. One that listens everywhere is named by
    ``host``, as which the caller knows this machine. ``login`` is a stream key and its secret.
    ``origin`` is where the caller reached our pages, which take WHIP too.
    """
    streams = tuple(streams)
    key, secret = (quote(text, safe="") for text in login)
    called = tuple(
        PublishAddress(
            protocol,
            stream,
            form.format(
                at=_reached(listeners[protocol], host),
                path=camera if stream is StreamName.MAIN else f"{camera}/{stream.value}",
                key=key,
                secret=secret,
            ),
        )
        for stream in streams
        for protocol, form in _FORMS.items()
        if listeners.get(protocol)
    )
    by_whip = tuple(
        PublishAddress(
            "whip",
            stream,
            f"{origin}/api/v1/streams/{camera}/{stream.value}/whip",
            bearer=":".join(login),
        )
        for stream in streams
        if origin
    )
    return called + by_whip


def _reached(listener: str, host: str) -> str:
    at, _, port = listener.rpartition(":")
    bare = at.strip("[]")
    return f"{host_text(host if bare in _EVERYWHERE and host else bare)}:{port}"
