"""Cameras as files: what is written is read again, and nothing breaks the reader."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from cameras import cameras_with_secrets
from vms.cameras import Area, Camera, Secrets
from vms.cameras.exchange import (
    COLUMNS,
    MOST_ROWS,
    Item,
    Row,
    read_rows,
    write_csv,
    write_json,
)
from vms.cameras.model import SECRET, WRITABLE
from vms.common import InvalidError, VmsError

GATE = Camera(id="gate", city="sp", name="Gate", url="rtsp://h/1", user="ana", has_password=True)


def wanted(rows: list[Row]) -> list[Item]:
    assert [row.wanted for row in rows if isinstance(row.wanted, VmsError)] == []
    return [row.wanted for row in rows if isinstance(row.wanted, Item)]


def as_item(camera: Camera, secrets: Secrets | None) -> Item:
    fields = {name: getattr(camera, name) for name in WRITABLE}
    if secrets is not None:
        # An empty cell and an absent password both leave what is there.
        fields |= {name: getattr(secrets, name) or UNSET for name in SECRET}
        fields["push_passphrases"] = secrets.passphrases() or UNSET
    return Item(id=camera.id, **fields)


def test_every_field_has_a_column() -> None:
    assert set(COLUMNS) == {"id", *WRITABLE, *SECRET}


@pytest.mark.parametrize("separator", [",", ";"])
@given(cameras=cameras_with_secrets())
def test_csv_is_read_as_it_was_written(
    separator: str, cameras: list[tuple[Camera, Secrets]]
) -> None:
    text = write_csv(cameras, passwords=True, separator=separator)
    assert wanted(read_rows(text.encode(), "csv")) == [as_item(*pair) for pair in cameras]


@given(cameras_with_secrets())
def test_json_is_read_as_it_was_written(cameras: list[tuple[Camera, Secrets]]) -> None:
    data = write_json(cameras, passwords=False)
    assert wanted(read_rows(data, "json")) == [as_item(camera, None) for camera, _ in cameras]
    data = write_json(cameras, passwords=True)
    told = [row.push_passphrases or {} for row in wanted(read_rows(data, "json"))]
    assert told == [secrets.passphrases() for _, secrets in cameras]


def test_passwords_are_left_out_unless_asked_for() -> None:
    pair = (GATE, Secrets("hidden"))
    assert "hidden" not in write_csv([pair], passwords=False)
    assert b"hidden" not in write_json([pair], passwords=False)
    assert "hidden" in write_csv([pair], passwords=True)
    assert b"hidden" in write_json([pair], passwords=True)


@given(st.text(max_size=200), st.sampled_from(["", "name\n", "name;masks;port\n", '{"cameras":[']))
def test_any_file_is_read_or_refused(text: str, before: str) -> None:
    for kind in ("csv", "json"):
        for data in (f"{before}{text}".encode("utf-8", "surrogatepass"), text.encode("utf-16")):
            try:
                rows = read_rows(data, kind)
            except InvalidError:
                continue
            assert all(isinstance(row.wanted, Item | VmsError) for row in rows)


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1+1", "@A1", "'=x", "'", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula_and_all_come_back(cell: str) -> None:
    camera = msgspec.structs.replace(GATE, name=cell, tags=(cell.replace("|", "-"),))
    text = write_csv([(camera, None)], passwords=False)
    written = text.splitlines()[1]
    assert all(not part.strip('"').startswith(tuple("=+-@")) for part in written.split(","))
    assert wanted(read_rows(text.encode(), "csv"))[0].name == cell


def test_a_number_stays_a_number() -> None:
    camera = msgspec.structs.replace(GATE, latitude=-23.5505, longitude=-1e-07)
    assert ",-23.5505,-1e-07," in write_csv([(camera, None)], passwords=False)


def read(text: str) -> list[Row]:
    return read_rows(text.encode(), "csv")


def test_a_spreadsheets_own_spelling_is_understood() -> None:
    text = (
        "\ufeffName;Latitude;ENABLED;sub_stream;groups;port\r\n"
        "Praça;-23,55;VERDADEIRO;não; a | b ;\r\n"
    )
    (item,) = wanted(read(text))
    assert (item.name, item.latitude, item.enabled) == ("Praça", -23.55, True)
    assert (item.sub_stream, item.groups, item.port) == (False, ("a", "b"), None)


def test_an_absent_column_and_an_empty_cell_differ() -> None:
    item = wanted(read("id,host,name,password\nc1,,,\n"))[0]
    assert (item.host, item.name, item.password, item.url) == (None, UNSET, UNSET, UNSET)


def test_a_row_knows_the_line_where_it_begins() -> None:
    rows = read('name,tags\na,"x\ny"\n\nb,z\n')
    assert [row.line for row in rows] == [2, 5]


BAD_CELLS = [
    ("port", "1e3"),
    ("port", "²"),
    ("port", "9" * 10),
    ("latitude", "south"),
    ("latitude", "nan"),
    ("enabled", "perhaps"),
    ("transport", "pigeon"),
    ("masks", "[{]"),
    ("masks", '[{"name": "a"}]'),
    ("zones", "[" * 50_000),
    ("name", "a" * 4097),
    ("masks", "a" * 100_001),
]


@pytest.mark.parametrize(("column", "cell"), BAD_CELLS, ids=[f"{c}-{t[:8]}" for c, t in BAD_CELLS])
def test_a_bad_cell_fails_its_row_alone(column: str, cell: str) -> None:
    quoted = cell.replace('"', '""')
    rows = read(f'id,{column}\nc1,"{quoted}"\nc2,\n')
    assert isinstance(rows[0].wanted, InvalidError)
    assert rows[0].wanted.values["field"] == column
    assert rows[0].wanted.message.startswith(f"{column}: ")
    assert isinstance(rows[1].wanted, Item)


def test_a_row_with_too_many_cells_fails_alone() -> None:
    rows = read("id,name\nc1,a,b\nc2\n")
    assert [getattr(row.wanted, "code", "ok") for row in rows] == ["import_columns", "ok"]


BAD_FILES = [
    (b"", "csv", "import_column_unknown"),
    (b"nome\nx\n", "csv", "import_column_unknown"),
    (b"name,Name\nx,y\n", "csv", "import_column_twice"),
    (b"name\nPra\xe7a\n", "csv", "import_encoding"),
    (b'name\n"open\n', "csv", "import_syntax"),
    (b'name\n"' + b"a" * 140_000 + b'"\n', "csv", "import_syntax"),
    (b"name\n" + b"x\n" * (MOST_ROWS + 1), "csv", "import_too_many_rows"),
    (b"name\n" + b"\n" * 200_000, "csv", "import_too_many_rows"),
    (b"x" * ((16 << 20) + 1), "csv", "import_too_large"),
    (b"", "json", "import_syntax"),
    (b"[]", "json", "import_syntax"),
    (b'{"cameras": 1}', "json", "import_syntax"),
    (b'{"cameras": [' + b"[" * 100_000, "json", "import_syntax"),
    (b'{"cameras": [' + b"1," * MOST_ROWS + b"1]}", "json", "import_too_many_rows"),
]


@pytest.mark.parametrize(
    ("data", "kind", "code"), BAD_FILES, ids=[f"{kind}-{len(data)}" for data, kind, _ in BAD_FILES]
)
def test_a_bad_file_is_refused_as_a_whole(data: bytes, kind: str, code: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read_rows(data, kind)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_a_bad_item_fails_alone() -> None:
    rows = read_rows(b'{"cameras": [{"name": 1}, {"colour": "red"}, {"name": "a"}]}', "json")
    assert [isinstance(row.wanted, Item) for row in rows] == [False, False, True]
    assert [row.line for row in rows] == [1, 2, 3]


def test_areas_are_written_as_json() -> None:
    camera = msgspec.structs.replace(GATE, masks=(Area("door", ((0, 0), (1, 0), (1, 1))),))
    text = write_csv([(camera, None)], passwords=False)
    assert '[{""name"":""door"",""points"":[[0,0],[1,0],[1,1]]}]' in text
