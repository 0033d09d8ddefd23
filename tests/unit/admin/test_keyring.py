"""Signing keys: sealed, rotated, and found by other workers."""

import pytest
from joserfc.jwk import KeySet
from joserfc.jwt import decode

from people import SYSTEM, TownHall
from vms.admin import keyring
from vms.admin.tokens import SigningKey, TokenSettings, issue
from vms.common import InternalError, UnauthenticatedError

DAY_S = 86_400


async def token_of(town: TownHall) -> str:
    token, _ = await town.people.keys.issue("u", "s", "sp")
    return token


async def test_a_second_worker_uses_the_same_key(town: TownHall) -> None:
    other = town.another_worker()
    await other.start()
    assert other.keys.jwks() == town.people.keys.jwks()
    assert (await other.keys.verify(await token_of(town))).session == "s"
    cookie = town.people.keys.device_cookie("d1")
    assert other.device(cookie) == "d1"
    other.close()


async def test_private_keys_are_sealed_and_public_ones_published(town: TownHall) -> None:
    stored = town.raw("SELECT secret FROM signing_keys")
    [key] = town.people.keys.jwks()["keys"]
    assert set(key) == {"kty", "kid", "alg", "use", "n", "e"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    assert b"PRIVATE" not in stored
    assert stored[:2] != b"0\x82"
    # Whoever has only the published set can check a token.
    token = await token_of(town)
    assert decode(token, KeySet.import_key_set(town.people.keys.jwks())).claims["sid"] == "s"


async def test_after_a_rotation_old_tokens_last_until_they_expire(town: TownHall) -> None:
    other = town.another_worker()
    await other.start()
    old = await token_of(town)
    [before] = town.people.keys.jwks()["keys"]
    await town.people.keys.rotate(SYSTEM)
    new = await token_of(town)
    kids = [key["kid"] for key in town.people.keys.jwks()["keys"]]
    assert len(kids) == 2
    assert kids[1] == before["kid"]
    assert (await town.people.keys.verify(old)).session == "s"
    # A worker that has not heard of the new key looks for it.
    town.clock.advance(keyring.UNKNOWN_KEY_PAUSE_S)
    assert (await other.keys.verify(new)).session == "s"
    assert (await other.keys.verify(old)).session == "s"
    town.clock.advance(TokenSettings().access_s + TokenSettings().leeway_s)
    for worker in (town.people, other):
        with pytest.raises(UnauthenticatedError):
            await worker.keys.verify(old)
        await worker.keys.maintain()
        assert [key["kid"] for key in worker.keys.jwks()["keys"]] == kids[:1]
    assert [line[:2] for line in town.lines("signing_key.rotate")] == [
        ("system:test", "signing_key.rotate")
    ] * 2
    other.close()


async def test_withdrawn_keys_count_no_more(town: TownHall) -> None:
    old, cookie = await token_of(town), town.people.keys.device_cookie("d1")
    other = town.another_worker()
    await other.start()
    await other.keys.verify(old)
    await town.people.keys.rotate(SYSTEM, withdraw=True)
    with pytest.raises(UnauthenticatedError) as error:
        await town.people.keys.verify(old)
    assert error.value.code == "token_invalid"
    assert town.people.device(cookie) is None
    # Another worker hears of it when it next looks, within a minute.
    town.clock.advance(keyring.RELOAD_S)
    await other.keys.issue("u", "t", "sp")
    with pytest.raises(UnauthenticatedError):
        await other.keys.verify(old)
    other.close()


async def test_keys_rotate_by_themselves_after_90_days(town: TownHall) -> None:
    first = town.people.keys.jwks()
    cookie = town.people.keys.device_cookie("d1")
    town.clock.advance(89 * DAY_S)
    assert not await town.people.keys.maintain()
    assert town.people.keys.jwks() == first
    town.clock.advance(DAY_S)
    assert await town.people.keys.maintain()
    assert not await town.people.keys.maintain()
    assert town.people.keys.jwks() != first
    # A device stays known for longer.
    assert town.people.device(cookie) == "d1"


async def test_two_workers_that_start_at_once_agree(town: TownHall) -> None:
    other = town.another_worker()
    await other.keys._make(None, only_missing=True)
    assert len(other.keys.jwks()["keys"]) == 1
    other.close()


async def test_unknown_keys_are_not_looked_for_again_and_again(town: TownHall) -> None:
    stranger = town.another_worker()
    key = SigningKey("0" * 23, (await made_key()))
    claims = keyring.Claims("u", "s", "sp", town.clock.utc_us() // 1_000_000 + 600)
    forged = issue(key, TokenSettings(), claims, town.clock.utc_us() // 1_000_000)
    town.clock.advance(10)
    reads = town.count_reads()
    for _ in range(20):
        with pytest.raises(UnauthenticatedError) as error:
            await town.people.keys.verify(forged)
        assert error.value.code == "token_invalid"
    assert len(reads) <= 1
    stranger.close()


async def made_key() -> keyring.RSAKey:
    return keyring.RSAKey.generate_key(2048)


async def test_a_ring_that_was_not_started_says_so(town: TownHall) -> None:
    other = town.another_worker()
    with pytest.raises(InternalError):
        other.keys.device_cookie("d1")
    other.close()
