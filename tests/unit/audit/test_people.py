"""Names and addresses may be erased; the chain stays valid, and nothing else may vanish."""

import pytest

from audits import MANAGER, ROOT, Audit
from vms.audit import PERSON_ERASED, FaultKind, Search, erase_person
from vms.database import CityScope

K = FaultKind


async def named(audit: Audit) -> None:
    """Two people of a city, who did something."""
    await audit.name("user:ana", "Ana")
    await audit.name("user:bruno", "Bruno")
    await audit.sealed(2)
    await audit.write(2, actor="user:bruno")
    await audit.sealer.seal_waiting()


async def test_names_are_found_with_the_lines(audit: Audit) -> None:
    await named(audit)
    page = await audit.trail.search(ROOT, Search(city="sp", actor="user:bruno"))
    assert {(found.name, found.login) for found in page.items} == {("Bruno", "bruno")}


async def test_erasing_a_person_keeps_the_chain_valid(audit: Audit) -> None:
    await named(audit)
    await audit.trail.erase(ROOT, "user:ana")
    # Before and after the erasure itself is sealed.
    assert await audit.faults() == set()
    await audit.sealer.seal_waiting()
    assert await audit.faults() == set()
    page = await audit.trail.search(ROOT, Search(city="sp", actor="user:ana"))
    assert {(f.name, f.login, f.line.address) for f in page.items} == {(None, None, None)}
    assert await audit.rows("SELECT id FROM audit_people") == [("user:bruno",)]
    (erased,) = (await audit.trail.search(ROOT, Search(action=PERSON_ERASED))).items
    assert (erased.line.object, erased.line.details) == ("user:ana", '{"lines":2}')
    # Nothing of the others is gone.
    page = await audit.trail.search(ROOT, Search(city="sp", actor="user:bruno"))
    assert {f.line.address for f in page.items} == {"192.0.2.7"}


async def test_a_person_is_erased_from_every_chain(audit: Audit) -> None:
    await named(audit)
    await audit.name("user:ana", "Ana", "rio")
    await audit.sealed(2, city="rio")
    await audit.sealed(2, city=None)
    await audit.trail.erase(ROOT, "user:ana")
    await audit.sealer.seal_waiting()
    for city in ("sp", "rio", None):
        assert await audit.faults(city) == set()
    assert await audit.rows(
        "SELECT count(*) FROM audit_lines WHERE actor = :actor AND address IS NOT NULL",
        actor="user:ana",
    ) == [(0,)]


async def test_a_city_erases_from_its_own_chain_alone(audit: Audit) -> None:
    await named(audit)
    await audit.name("user:ana", "Ana", "rio")
    await audit.trail.erase(MANAGER, "user:ana")
    assert await audit.rows("SELECT city FROM audit_people WHERE id = :id", id="user:ana") == [
        ("rio",)
    ]
    assert await audit.faults() == set()


async def test_who_erases_himself_leaves_no_new_address(audit: Audit) -> None:
    await named(audit)
    await audit.database.run(
        lambda unit: erase_person(unit, MANAGER, "user:ana", audit.clock), CityScope("sp")
    )
    rows = await audit.rows(
        "SELECT address FROM audit_lines WHERE actor = :actor", actor="user:ana"
    )
    assert set(rows) == {(None,)}
    assert await audit.faults() == set()


async def test_a_new_name_takes_the_place_of_the_old_one(audit: Audit) -> None:
    await named(audit)
    await audit.name("user:ana", "Ana Maria")
    await audit.name("user:ana", "Ana Maria")
    await audit.sealer.seal_waiting()
    assert await audit.faults() == set()
    rows = await audit.rows(
        "SELECT count(*) FROM audit_lines WHERE action = 'person.named' AND object = :person",
        person="user:ana",
    )
    assert rows == [(2,)]


async def test_a_person_may_come_back_after_an_erasure(audit: Audit) -> None:
    await named(audit)
    await audit.trail.erase(ROOT, "user:ana")
    await audit.name("user:ana", "Ana")
    await audit.sealed(2)
    assert await audit.faults() == set()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_people SET name = 'Anb' WHERE id = 'user:ana'",
        "UPDATE audit_people SET login = 'anb' WHERE id = 'user:ana'",
        "UPDATE audit_people SET salt = 'x' || substr(salt, 2) WHERE id = 'user:ana'",
    ],
)
async def test_a_changed_name_is_found(audit: Audit, change: str) -> None:
    await named(audit)
    assert await audit.tamper(change) == 1
    report = await audit.verify()
    assert [(f.kind, f.about) for f in report.faults] == [(K.PERSON_CHANGED, "user:ana")]


async def test_names_that_changed_their_owner_are_found(audit: Audit) -> None:
    await named(audit)
    await audit.tamper("UPDATE audit_people SET id = 'user:eve' WHERE id = 'user:ana'")
    report = await audit.verify()
    assert {(f.kind, f.about) for f in report.faults} == {
        (K.PERSON_CHANGED, "user:eve"),
        (K.PERSON_MISSING, "user:ana"),
    }


async def test_a_name_that_vanished_without_an_erasure_is_found(audit: Audit) -> None:
    await named(audit)
    await audit.tamper("DELETE FROM audit_people WHERE id = 'user:ana'")
    report = await audit.verify()
    assert [(f.kind, f.about) for f in report.faults] == [(K.PERSON_MISSING, "user:ana")]


@pytest.mark.parametrize("column", ["address", "address_salt", "address_hash"])
async def test_an_address_that_vanished_without_an_erasure_is_found(
    audit: Audit, column: str
) -> None:
    await named(audit)
    await audit.tamper(f"UPDATE audit_lines SET {column} = NULL WHERE number = 3 AND city = 'sp'")
    kind = K.LINE_CHANGED if column == "address_hash" else K.ADDRESS_CHANGED
    assert await audit.faults() == {(kind, 3, 3)}
    await audit.tamper(
        "UPDATE audit_lines SET address = NULL, address_salt = NULL WHERE number = 4"
    )
    report = await audit.verify()
    assert (K.ADDRESS_MISSING, 4, "user:ana") in {(f.kind, f.first, f.about) for f in report.faults}


async def test_an_address_where_there_was_none_is_found(audit: Audit) -> None:
    await audit.write(2, address=None)
    await audit.sealer.seal_waiting()
    await audit.tamper("UPDATE audit_lines SET address = '192.0.2.1' WHERE number = 1")
    assert (K.ADDRESS_CHANGED, 1, 1) in await audit.faults()
