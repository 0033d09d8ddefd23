"""Entries, their canonical form, and what is hashed."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.audit import PLATFORM_CHAIN, AuditEntry
from vms.audit.model import (
    Line,
    canonical_details,
    canonical_line,
    first_hash,
    hash_of_address,
    hash_of_line,
    line_of,
)
from vms.common import InvalidError

ENTRY: dict[str, Any] = {"actor": "user:u1", "action": "camera.create", "object": "camera:c1"}

names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
values = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts
details = st.dictionaries(names, values | st.lists(texts, max_size=3), max_size=8)


def stored(**more: object) -> Line:
    return line_of(AuditEntry(**{**ENTRY, **more}), "0" * 23, 1_700_000_000_000_000)


@given(details)
def test_details_are_written_as_sorted_json_without_spaces(found: dict[str, Any]) -> None:
    plain = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_details(found) == plain


@given(details)
def test_a_line_is_hashed_in_the_form_that_the_docs_tell(found: dict[str, Any]) -> None:
    """Written here with nothing of the product: this is what others may write."""
    line = stored(city="sp", details=found, address="192.0.2.1")
    form = {
        "action": "camera.create",
        "actor": "user:u1",
        "address_hash": line.address_hash,
        "city": "sp",
        "details": found,
        "format": 1,
        "id": "0" * 23,
        "number": 7,
        "object": "camera:c1",
        "outcome": "ok",
        "time_us": 1_700_000_000_000_000,
    }
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical_line(line, 7) == text
    before = hashlib.sha256(b"vms audit chain 1\nsp").digest()
    assert hash_of_line(first_hash("sp"), line, 7) == hashlib.sha256(before + text).hexdigest()


def test_the_address_is_in_the_chain_as_a_salted_hash_only() -> None:
    one, other = stored(address="192.0.2.1"), stored(address="192.0.2.1")
    assert b"192.0.2.1" not in canonical_line(one, 1)
    assert one.address_hash != other.address_hash
    assert one.address_salt is not None
    salted = f"{one.address_salt}\n192.0.2.1".encode()
    assert one.address_hash == hashlib.sha256(salted).hexdigest()
    assert one.address_hash == hash_of_address("192.0.2.1", one.address_salt)
    assert len(bytes.fromhex(one.address_salt)) == 16


def test_an_entry_without_a_city_is_the_platforms() -> None:
    assert stored().city == PLATFORM_CHAIN
    assert stored(city="sp").city == "sp"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", ""),
        ("actor", "Ana Souza"),
        ("actor", "user:"),
        ("actor", "user:" + "x" * 101),
        ("action", "Camera.Create"),
        ("action", "camera create"),
        ("action", "a.b.c.d.e"),
        ("object", "camera:"),
        ("object", "camera:a b"),
        ("object", "camera:\n"),
        ("city", "São Paulo"),
        ("city", "*"),
        ("details", {"Name": 1}),
        ("details", {"a": 0.5}),
        ("details", {"a": [1]}),
        ("details", {"a": {"b": "c"}}),
        ("details", {"a": 2**53}),
        ("details", {"a": "\0"}),
        ("details", {"a": ["\0"]}),
        ("details", {"a": "\ud800"}),
        ("details", {"a": "x" * 5000}),
    ],
)
def test_what_has_no_one_form_or_no_end_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidError) as caught:
        stored(**{field: value})
    assert caught.value.code == "audit_entry_invalid"
    assert caught.value.values["field"] == field


@pytest.mark.parametrize(
    "actor", ["user:u1", "api_key:k1", "system:cli", "system:audit", "anonymous"]
)
def test_who_acts_is_a_kind_and_an_id(actor: str) -> None:
    assert stored(actor=actor).actor == actor


@pytest.mark.parametrize("address", [None, "", "192.0.2.1, 10.0.0.1", "x" * 101])
def test_what_is_no_address_is_left_out(address: str | None) -> None:
    line = stored(address=address)
    assert (line.address, line.address_salt, line.address_hash) == (None, None, None)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "fe80::1%eth0", "unix"])
def test_addresses_of_all_families_are_kept(address: str) -> None:
    assert stored(address=address).address == address
