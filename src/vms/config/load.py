"""Read settings: flags over environment over ``vms.toml`` over defaults.

Whatever is wrong is refused, all of it in one message, each with its key, its
value and what is allowed.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from vms.common import InvalidError
from vms.config.model import SECTIONS, TABLES, Camera, Settings
from vms.telemetry import MASK, redact, redact_text

FILE_NAME = "vms.toml"
ENV_PREFIX = "VMS_"
ENV_DATA = "VMS_DATA"
# No setting: the vault reads it, and nothing shows it.
ENV_SECRET_KEY = "VMS_SECRET_KEY"  # noqa: S105 - a name

Overrides = Mapping[str, Any]


def default_data() -> Path:
    """Return the data folder used when none is named."""
    if named := os.environ.get(ENV_DATA):
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "vms"


def load(data: Path, flags: Overrides | None = None) -> Settings:
    """Read the settings of the installation in ``data``.

    ``flags`` has the shape of the file; its cameras are added to the file's.
    """
    in_file = _read_file(data / FILE_NAME)
    given = dict(flags or {})
    if extra := given.pop("cameras", ()):
        in_file["cameras"] = [*in_file.get("cameras", ()), *extra]
    _refuse_unknown_environment(os.environ)
    bound = _bind_sources(given, in_file)
    try:
        return bound()
    except ValidationError as error:
        raise _refusal(data, [_explain(item) for item in error.errors()]) from None
    except SettingsError as error:
        raise _refusal(data, [redact_text(str(error))]) from None


def shown(settings: Settings) -> dict[str, Any]:
    """Return the settings as one may show them: passwords are masked."""
    clean = redact(settings.model_dump(mode="json"))
    assert isinstance(clean, dict)  # noqa: S101 - a mapping goes in, so one comes out
    return clean


def _bind_sources(flags: dict[str, Any], in_file: dict[str, Any]) -> type[Settings]:
    class Bound(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                InitSettingsSource(settings_cls, flags),
                EnvSettingsSource(settings_cls),
                InitSettingsSource(settings_cls, in_file),
            )

    return Bound


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(
            f"{path} is not TOML: {error}", code="config_syntax", values={"file": str(path)}
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(
            f"{path} cannot be read: {error}", code="config_unreadable", values={"file": str(path)}
        ) from None


def environment_names() -> frozenset[str]:
    """Return every environment variable that means something to the settings."""
    names = {ENV_DATA, ENV_SECRET_KEY, "VMS_CAMERAS"}
    for section, model in SECTIONS:
        names.add(f"{ENV_PREFIX}{section}".upper())
        names |= {f"{ENV_PREFIX}{section}__{key}".upper() for key in model.model_fields}
    return frozenset(names)


def _refuse_unknown_environment(environ: Mapping[str, str]) -> None:
    known = environment_names()
    unknown = sorted(
        n for n in environ if n.upper().startswith(ENV_PREFIX) and n.upper() not in known
    )
    if unknown:
        raise InvalidError(
            f"unknown environment variable {', '.join(unknown)}; "
            f"allowed: {', '.join(sorted(known))}",
            code="config_unknown_environment",
            values={"names": ", ".join(unknown)},
        )


def _refusal(data: Path, problems: list[str]) -> InvalidError:
    lines = "".join(f"\n  {problem}" for problem in problems)
    return InvalidError(
        f"the settings of {data} are refused:{lines}",
        code="config_refused",
        values={"count": len(problems), "problems": lines},
    )


def _explain(error: ErrorDetails) -> str:
    """Say which key is wrong, what stood there and what is allowed."""
    location = error["loc"]
    key = _key(location)
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(sorted(_fields_at(location[:-1])))
        return f"{key}: unknown key; allowed: {allowed}"
    if error["type"] == "missing":
        return f"{key}: missing; it must be given"
    message = error["msg"].removeprefix("Value error, ")
    if not location or isinstance(error["input"], BaseModel | dict):
        return f"{key}: {message}" if key else message
    return f"{key} = {_quoted(key, error['input'])}: {message}"


def _quoted(key: str, value: object) -> str:
    clean = redact(value, key)
    return MASK if clean == MASK else repr(clean)


def _key(location: Iterable[int | str]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _fields_at(location: tuple[int | str, ...]) -> Iterable[str]:
    if not location:
        return Settings.model_fields
    if location[0] == "cameras":
        return Camera.model_fields
    section, *inside = location
    tables = dict(TABLES.get(str(section), ()))
    if inside and inside[0] in tables:
        return tables[str(inside[0])].model_fields
    return dict(SECTIONS)[str(section)].model_fields
