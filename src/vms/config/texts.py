"""What texts of the settings must look like, each with the words for one that does not."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from vms.common import InvalidError, camera_id, check_address

MOST_PORT = 65535


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise ValueError("must be an IP address, such as 127.0.0.1 or ::1") from error


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError("must be a network, such as 10.0.0.0/8 or fd12::/16") from error


def _camera_id(text: str) -> str:
    try:
        return camera_id(text)
    except InvalidError as error:
        raise ValueError(error.message) from error


def _camera_url(text: str) -> str:
    try:
        return check_address(text)
    except InvalidError as error:
        raise ValueError(error.message) from error


def _push_url(text: str) -> str:
    address = _camera_url(text)
    # The engine would refuse the whole state.
    if not address.startswith("srt://"):
        raise ValueError("must be srt://HOST:PORT, which is called")
    return address


def _file_path(text: str) -> str:
    if text and not Path(text).is_absolute():
        raise ValueError("must be an absolute path, such as /etc/vms/certificate.pem")
    return text


def _folder_path(text: str) -> str:
    if not Path(text).is_absolute():
        raise ValueError("must be an absolute path, such as /mnt/disk1/recordings")
    return text


def _database_url(text: str) -> str:
    if not text or text.startswith(("sqlite:////", "postgresql://", "postgresql+psycopg://")):
        return text
    raise ValueError(
        "must be empty, or postgresql://USER:PASSWORD@HOST/NAME, or sqlite:////PATH/TO/FILE"
    )


def listen_address(text: str) -> str:
    """Return where to listen, or say what such an address is; empty is nowhere."""
    host, _, port = text.rpartition(":")
    if not text or (port.isdecimal() and 0 < int(port) <= MOST_PORT and _is_host(host)):
        return text
    raise ValueError("must be empty, or ADDRESS:PORT, such as 0.0.0.0:50052 or [::]:50052")


def _is_host(text: str) -> bool:
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return (":" in bare) == text.startswith("[") and bool(str(ip_address(bare)))
    except ValueError:
        return False


def _https(text: str) -> str:
    try:
        found = urlsplit(text)
        good = found.scheme == "https" and found.hostname and not found.path.strip("/")
        if not text or (good and "@" not in found.netloc and found.port != 0):
            return text.rstrip("/")
    except ValueError:
        pass
    raise ValueError("must be empty, or https://HOST or https://HOST:PORT")


# RFC 7064, section 3.1 and RFC 7065, section 3.1.
_HOST_PORT = r"([a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?"
_ICE_URL = re.compile(rf"stuns?:{_HOST_PORT}|turns?:{_HOST_PORT}(\?transport=(udp|tcp))?")


def _ice_url(text: str) -> str:
    if _ICE_URL.fullmatch(text):
        return text
    raise ValueError("must be stun:HOST[:PORT] or turn:HOST[:PORT][?transport=udp|tcp]")


def _store_url(text: str) -> str:
    found = urlsplit(text)
    try:
        good = found.scheme in {"http", "https"} and found.hostname and not found.path.strip("/")
        if good and "@" not in found.netloc and not found.query and found.port != 0:
            return text.rstrip("/")
    except ValueError:
        pass
    raise ValueError("must be https://HOST or https://HOST:PORT; the keys stand in files")


Address = Annotated[str, AfterValidator(_address)]
ListenAddress = Annotated[str, AfterValidator(listen_address)]
HttpsAddress = Annotated[str, AfterValidator(_https)]
Network = Annotated[str, AfterValidator(_network)]
CameraUrl = Annotated[str, AfterValidator(_camera_url)]
PushUrl = Annotated[str, AfterValidator(_push_url)]
StoreUrl = Annotated[str, AfterValidator(_store_url)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
CameraIdText = Annotated[str, AfterValidator(_camera_id)]
FolderPath = Annotated[str, AfterValidator(_folder_path)]
FilePathText = Annotated[str, AfterValidator(_file_path)]
Port = Annotated[int, Field(ge=0, le=MOST_PORT)]
IceUrl = Annotated[str, AfterValidator(_ice_url)]
