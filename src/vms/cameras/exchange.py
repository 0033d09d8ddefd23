"""Cameras as files, CSV and JSON, both ways. Pure.

CSV: UTF-8 with or without a byte order mark, separated by ``,`` or ``;``, one
column a field in any order. A column that is absent leaves its field as it is;
lists are separated by ``|``; masks, zones and passphrases of push targets are
JSON. JSON: ``{"cameras": [...]}`` with the same fields.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``. Such a
cell is written with an apostrophe before it, which is taken away on reading.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from vms.cameras.model import Area, Areas, Camera, Change, IdText, Secrets
from vms.common import InvalidError, VmsError

Format = Literal["csv", "json"]

MOST_ROWS = 1_000
MOST_BYTES = 16 << 20
# A cell with masks, zones or push targets; csv itself refuses cells over 128 KiB.
MOST_LONG_CELL = 100_000
MOST_CELL = 4_096

BOM = "\ufeff"
LIST_MARK = "|"
_RISKY = "=+-@\t\r'"
_NUMBER = re.compile(r"[+-]?[0-9]{1,5}(?:[.,][0-9]{1,20})?(?:e[+-]?[0-9]{1,3})?", re.IGNORECASE)

_YES = frozenset({"true", "1", "yes", "sim", "sí", "si", "verdadeiro", "verdadero"})
_NO = frozenset({"false", "0", "no", "não", "nao", "falso"})


class Item(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row as it is read: what it names of a camera, and which one it is."""

    id: IdText | None = None


class CameraFile(msgspec.Struct, frozen=True):
    """A file of cameras in JSON."""

    cameras: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: what it wants, or why it cannot be read."""

    # Where it begins, counted from 1; in JSON its number in the list.
    line: int
    wanted: Item | VmsError


def read_rows(data: bytes, kind: Format) -> list[Row]:
    """Read a file; raises where it is no such file at all."""
    if len(data) > MOST_BYTES:
        raise _refused("import_too_large", f"it has more than {MOST_BYTES} bytes")
    return list(_read_csv(data) if kind == "csv" else _read_json(data))


def write_csv(
    cameras: Iterable[tuple[Camera, Secrets | None]], *, passwords: bool, separator: str = ","
) -> str:
    """Return cameras as CSV; spreadsheets know by the mark before it that it is UTF-8."""
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    columns = [column for column in _COLUMNS if passwords or not column.secret]
    writer.writerow([column.name for column in columns])
    for camera, secrets in cameras:
        writer.writerow([_cell(column, camera, secrets) for column in columns])
    return out.getvalue()


def write_json(cameras: Iterable[tuple[Camera, Secrets | None]], *, passwords: bool) -> bytes:
    """Return cameras as JSON."""
    names = [column.name for column in _COLUMNS if passwords or not column.secret]
    items = [{name: _value(name, camera, secrets) for name in names} for camera, secrets in cameras]
    return msgspec.json.format(msgspec.json.encode({"cameras": items}), indent=1)


def _value(name: str, camera: Camera, secrets: Secrets | None) -> object:
    if name == "push_passphrases":
        return None if secrets is None else secrets.passphrases() or None
    return getattr(secrets if name in Secrets.__struct_fields__ else camera, name, None)


# --- JSON


class _File(msgspec.Struct, forbid_unknown_fields=True):
    cameras: list[msgspec.Raw]


_READ_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _read_json(data: bytes) -> Iterator[Row]:
    try:
        rows = msgspec.json.decode(data.removeprefix(BOM.encode()), type=_File).cameras
    except _READ_ERRORS as error:
        raise _refused("import_syntax", f'write {{"cameras": [...]}}: {error}') from None
    if len(rows) > MOST_ROWS:
        raise _too_many()
    for number, raw in enumerate(rows, 1):
        try:
            yield Row(number, msgspec.json.decode(raw, type=Item))
        except _READ_ERRORS as error:
            yield Row(number, InvalidError(str(error), code="import_row"))


# --- CSV


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    read: Callable[[str], object]
    # What an empty cell means; UNSET leaves the field as it is.
    empty: object = UNSET
    most: int = MOST_CELL
    secret: bool = False


def _read_csv(data: bytes) -> Iterator[Row]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(
            "import_encoding", f"it is not UTF-8 (byte {error.start}); save it as CSV UTF-8"
        ) from None
    lines = _lines(text)
    _, header = next(lines, (0, []))
    columns = _header(header)
    for line, cells in lines:
        yield Row(line, _item(columns, cells))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty with the line where it begins."""
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins, full = 1, 0
    try:
        for cells in reader:
            # Empty lines count: a file of nothing else must end too.
            if reader.line_num > 100 * MOST_ROWS or full > MOST_ROWS:
                raise _too_many()
            if any(cell.strip() for cell in cells):
                full += 1
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _refused("import_syntax", f"line {begins}: {error}") from None


def _header(cells: Sequence[str]) -> list[_Column]:
    names = [cell.strip().lower() for cell in cells]
    unknown = [name[:40] for name in names if name not in _BY_NAME]
    if unknown or not names:
        known = ", ".join(_BY_NAME)
        raise _refused(
            "import_column_unknown", f"unknown columns {', '.join(unknown[:10])}; known: {known}"
        )
    if len(set(names)) < len(names):
        raise _refused("import_column_twice", "a column is there twice")
    return [_BY_NAME[name] for name in names]


def _item(columns: Sequence[_Column], cells: Sequence[str]) -> Item | VmsError:
    if len(cells) > len(columns):
        return InvalidError(
            f"has {len(cells)} cells, the header {len(columns)}", code="import_columns"
        )
    found: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=False):
        try:
            found[column.name] = _read_cell(column, cell)
        except (ValueError, RecursionError) as error:
            return InvalidError(
                f"{column.name}: {error}", code="import_cell", values={"field": column.name}
            )
    return Item(**found)


def _read_cell(column: _Column, cell: str) -> object:
    if len(cell) > column.most:
        raise ValueError(f"is longer than {column.most} letters")
    text = cell if column.secret else cell.strip()
    if len(text) > 1 and text[0] == "'" and text[1] in _RISKY:
        text = text[1:]
    return column.read(text) if text else column.empty


def _cell(column: _Column, camera: Camera, secrets: Secrets | None) -> str:
    text = _written(_value(column.name, camera, secrets))
    # A number, such as a latitude, is no formula.
    if text and text[0] in _RISKY and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def _written(value: object) -> str:
    match value:
        case None | ():
            return ""
        case bool():
            return "true" if value else "false"
        case tuple() if isinstance(value[0], Area):
            return msgspec.json.encode(value).decode()
        case tuple():
            return LIST_MARK.join(value)
        case dict():
            return msgspec.json.encode(value).decode()
        case _:
            return str(value)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("must be a whole number")
    return int(text)


def _real(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number, such as -23.5505")
    # Spreadsheets in many languages write a comma.
    return float(text.replace(",", "."))


def _truth(text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError("must be true or false")


def _transport(text: str) -> str:
    if text.lower() not in {"tcp", "udp"}:
        raise ValueError("must be tcp, udp or empty")
    return text.lower()


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(LIST_MARK) if part.strip())


def _passphrases(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def _areas(text: str) -> Areas:
    try:
        return msgspec.json.decode(text, type=Areas)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


_COLUMNS = (
    _Column("id", str, None),
    _Column("name", str),
    _Column("maker", str),
    _Column("host", str, None),
    _Column("port", _whole, None),
    _Column("channel", _whole),
    _Column("sub_stream", _truth),
    _Column("url", str, None),
    _Column("sub_url", str, None),
    _Column("transport", _transport, None),
    _Column("on_demand", _truth, None),
    _Column("user", str, None),
    _Column("password", str, secret=True),
    _Column("sub_user", str, None),
    _Column("sub_password", str, secret=True),
    _Column("backup_url", str, None),
    _Column("backup_sub_url", str, None),
    _Column("backup_user", str, None),
    _Column("backup_password", str, secret=True),
    _Column("push", _list, (), MOST_LONG_CELL),
    _Column("sub_push", _list, (), MOST_LONG_CELL),
    _Column("push_passphrases", _passphrases, most=MOST_LONG_CELL, secret=True),
    _Column("enabled", _truth),
    _Column("site", str, None),
    _Column("groups", _list, ()),
    _Column("tags", _list, ()),
    _Column("latitude", _real, None),
    _Column("longitude", _real, None),
    _Column("masks", _areas, (), MOST_LONG_CELL),
    _Column("zones", _areas, (), MOST_LONG_CELL),
)
_BY_NAME = {column.name: column for column in _COLUMNS}
COLUMNS = tuple(_BY_NAME)


def _too_many() -> InvalidError:
    return InvalidError(
        f"the file has more than {MOST_ROWS} rows; split it",
        code="import_too_many_rows",
        values={"most": MOST_ROWS},
    )


def _refused(code: str, why: str) -> InvalidError:
    return InvalidError(f"the file cannot be imported: {why}", code=code)
