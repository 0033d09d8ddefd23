"""The options that several commands share, in the language of the screen."""

from typing import Any

import typer

from vms.cli.texts import Texts

_FLAGS = {
    "data": "--data",
    "open": "--open",
    "camera": "--camera",
    "port": "--port",
    "rtsp_port": "--rtsp-port",
    "rtmp_port": "--rtmp-port",
    "srt_port": "--srt-port",
    "webrtc_port": "--webrtc-port",
    "webrtc_udp_port": "--webrtc-udp-port",
    "hls_port": "--hls-port",
    "no_record": "--no-record",
    "log_level": "--log-level",
    "log_format": "--log-format",
    "json": "--json",
    "cameras": "--cameras",
    "codec": "--codec",
    "size": "--size",
    "key_interval": "--key-interval",
    "host": "--host",
    "simulator_port": "--port",
    "user": "--user",
    "password": "--password",
    "fault": "--fault",
    "login": "--login",
    "name": "--name",
    "home": "--city",
    "second_factor": "--second-factor",
    "withdraw": "--withdraw",
    "role": "--role",
    "scope": "--scope",
    "days": "--days",
    "per_minute": "--per-minute",
    "audio": "--audio",
    "audit_file": "--file",
    "audit_city": "--city",
    "fingerprint": "--fingerprint",
    "sub": "--sub",
    "from": "--from",
    "to": "--to",
    "key": "--key",
    "dry_run": "--dry-run",
    "min_days": "--min-days",
    "max_days": "--max-days",
    "max_bytes": "--max-bytes",
    "pem": "--pem",
    "trusted": "--key",
    "master_keys": "--master-keys",
    "node_role": "--role",
    "node_name": "--name",
    "control_listen": "--control-listen",
}


class Options:
    """Makes one option after another."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def __call__(self, name: str, **more: Any) -> Any:  # noqa: ANN401 - typer's own type is private
        """Return the option ``name`` with its help."""
        more.setdefault("show_default", False)
        return typer.Option(_FLAGS[name], help=self._texts(f"option.{name}"), **more)

    def port(self, name: str) -> Any:  # noqa: ANN401 - typer's own type is private
        """Return an option that takes a port."""
        return self(name, min=0, max=65535)
