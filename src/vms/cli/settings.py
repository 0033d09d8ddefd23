"""From flags to the orders of processes."""

from pathlib import Path
from typing import Any

import msgspec

from vms import config
from vms.cameras import parse_camera
from vms.common import InvalidError
from vms.proto import Launch


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """The flags that change settings; nothing where a flag was not given."""

    cameras: tuple[str, ...] = ()
    port: int | None = None
    rtsp_port: int | None = None
    rtmp_port: int | None = None
    srt_port: int | None = None
    webrtc_port: int | None = None
    webrtc_udp_port: int | None = None
    hls_port: int | None = None
    record: bool | None = None
    log_level: str | None = None
    log_format: str | None = None

    def overrides(self) -> dict[str, Any]:
        """Return the flags in the shape of the settings file."""
        given = {
            ("api", "port"): self.port,
            ("rtsp", "port"): self.rtsp_port,
            ("rtmp", "port"): self.rtmp_port,
            ("srt", "port"): self.srt_port,
            ("webrtc", "port"): self.webrtc_port,
            ("webrtc", "udp_port"): self.webrtc_udp_port,
            ("hls", "port"): self.hls_port,
            ("recording", "enabled"): self.record,
            ("log", "level"): self.log_level,
            ("log", "format"): self.log_format,
        }
        found: dict[str, Any] = {}
        for (section, key), value in given.items():
            if value is not None:
                found.setdefault(section, {})[key] = value
        if self.cameras:
            found["cameras"] = [parse_camera(text) for text in self.cameras]
        return found


def launch_of(data: Path | None, flags: Flags, *, open_: bool, control_listen: str = "") -> Launch:
    """Return checked orders, or say why they are refused."""
    folder = data or config.default_data()
    launch = orders_of(config.load(folder, flags.overrides()), folder, open_=open_)
    launch = msgspec.structs.replace(launch, control_listen=_listened(control_listen))
    if open_:
        refuse_foreign_listeners(launch)
    return launch


def _listened(text: str) -> str:
    try:
        return config.listen_address(text)
    except ValueError as error:
        raise InvalidError(
            f"--control-listen {text}: {error}", code="control_listen", values={"value": text}
        ) from None


def orders_of(settings: config.Settings, data: Path, *, open_: bool) -> Launch:
    """Return settings as the plain message that processes are started with."""
    plain = settings.model_dump(mode="json")
    for camera in plain["cameras"]:
        camera["name"] = camera["name"] or camera["id"]
    return msgspec.convert({**plain, "data": str(data.absolute()), "open": open_}, Launch)


def refuse_foreign_listeners(launch: Launch) -> None:
    """With ``--open`` every listener is on loopback, and no proxy leads to it."""
    proxies = {
        "tls.behind_proxy": launch.tls.behind_proxy,
        "api.trusted_proxies": bool(launch.api.trusted_proxies),
    }
    for key in (key for key, told in proxies.items() if told):
        raise InvalidError(
            f"{key}: with --open the server cannot stand behind a proxy",
            code="open_behind_proxy",
            values={"key": key},
        )
    for key, value in launch.far_listeners():
        raise InvalidError(
            f"{key} = {value}: with --open only loopback is allowed",
            code="not_loopback",
            values={"key": key, "value": value},
        )
