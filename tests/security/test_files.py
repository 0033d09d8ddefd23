"""Files and bodies that are made to do harm: bombs, formulas, nesting."""

import csv
import gzip
import io
import time

import httpx
import pytest

from sites import Headers, Site

API = "/api/v1"
CAMERAS = f"{API}/cameras"
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "=HYPERLINK(1)", "'=1", "|x", "%x")
HEADER = "name;maker;host"
# Of one processor that others use too; a bomb that went off would need minutes.
LIMIT_S = 5.0


async def manager(site: Site) -> Headers:
    return await site.enter("ana", "gestor", "city:sp")


async def send(site: Site, who: Headers, text: str | bytes, **more: str) -> httpx.Response:
    headers = {**who, "Content-Type": "text/csv", **more}
    return await site.client.post(f"{CAMERAS}/import.csv", content=text, headers=headers)


BOMBS = {
    "rows": HEADER + "\n" + "a;axis;h\n" * 1_001,
    "empty lines": HEADER + "\n" * 200_000,
    "columns": ";".join(["name"] * 100_000) + "\n",
    "cells": HEADER + "\n" + ";" * 200_000 + "\n",
    "one cell": HEADER + "\n" + "a" * 1_000_000 + ";axis;h\n",
    "an open quote": HEADER + '\n"' + "a;\n" * 100_000,
    "quotes": HEADER + "\n" + '""' * 200_000 + "\n",
    "zeros": HEADER + "\n" + "\0" * 1_000,
    "no header": "\n" * 100_000,
    "a header": HEADER + "x" * 100_000 + "\na",
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_file_that_is_a_bomb_makes_nothing(small_site: Site, bomb: str) -> None:
    ana = await manager(small_site)
    begun = time.process_time()
    answer = await send(small_site, ana, BOMBS[bomb])
    assert time.process_time() - begun < LIMIT_S
    if answer.status_code == 200:
        report = answer.json()
        assert report["created"] == 0, report
        assert len(answer.content) < 100_000
    else:
        assert 400 <= answer.status_code < 500, answer.text
        assert len(answer.content) < 10_000
    listed = await small_site.client.get(CAMERAS, headers=ana)
    assert listed.json()["items"] == []


async def test_a_file_is_cut_off_at_its_limit_and_never_unpacked(small_site: Site) -> None:
    ana = await manager(small_site)
    large = await send(small_site, ana, b"a" * ((16 << 20) + 1))
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    packed = gzip.compress((HEADER + "\na;axis;192.0.2.1\n").encode())
    answer = await send(small_site, ana, packed, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"name":' * 100_000,
        b'{"name":"a","port":' + b"9" * 500_000 + b"}",
        b'{"name":"a","latitude":1e999999999}',
        b'{"name":"a","zones":[' + b'{"name":"a","points":[]},' * 30_000 + b"{}]}",
        b'{"name":"' + b"\\u0041" * 150_000 + b'"}',
        b'{"name":"\\ud800"}',
        b'{"name":"\xff"}',
        b"{" + b'"a":1,' * 150_000 + b'"a":1}',
        b'{"__proto__":{"admin":true},"name":"a"}',
    ],
    ids=lambda body: body[:24].decode(errors="replace"),
)
async def test_a_body_that_is_a_bomb_makes_nothing(small_site: Site, body: bytes) -> None:
    ana = await manager(small_site)
    headers = {**ana, "Content-Type": "application/json"}
    begun = time.process_time()
    for path in ("cameras", "cameras/import.json", "users", "auth/sign-in"):
        answer = await small_site.client.post(f"{API}/{path}", content=body, headers=headers)
        assert answer.status_code == 400, (path, answer.text[:200])
    assert time.process_time() - begun < LIMIT_S


async def test_no_table_that_is_given_out_holds_a_formula(small_site: Site) -> None:
    ana = await manager(small_site)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(HEADER.split(";"))
    for number, name in enumerate(FORMULAS):
        writer.writerow(["'" + name, "axis", f"192.0.2.{number + 1}"])
    made = await send(small_site, ana, out.getvalue())
    assert made.json()["created"] == len(FORMULAS), made.text
    bruno = {"login": "bruno", "name": FORMULAS[0], "password": "seven green bicycles"}
    assert (
        await small_site.client.post(f"{API}/users", json=bruno, headers=ana)
    ).status_code == 201
    for path in ("cameras/export.csv", "cameras/export.csv?semicolon=true", "audit/export.csv"):
        sheet = await small_site.client.get(f"{API}/{path}", headers=ana)
        assert sheet.status_code == 200, sheet.text
        separator = ";" if "semicolon" in path else ","
        rows = list(csv.reader(io.StringIO(sheet.text.lstrip("\ufeff")), delimiter=separator))
        assert len(rows) > 3
        risky = [cell for row in rows for cell in row if cell[:1] in set("=+-@|%\t\r")]
        assert risky == [], path
        assert sheet.headers["content-disposition"].startswith("attachment;")
    listed = await small_site.client.get(CAMERAS, headers=ana)
    assert {one["name"] for one in listed.json()["items"]} >= {"=1+1", "@SUM(A1)"}
