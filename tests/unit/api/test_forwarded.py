"""Where a client is, by the word of trusted proxies."""

import dataclasses

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.api import Wiring, create_app
from vms.api.forwarded import TrustedProxies

PROXY = "10.0.0.2"
OURS = TrustedProxies(["10.0.0.0/8", "fd12::/16"])


def client_of(peer: str, *told: tuple[str, str], proxies: TrustedProxies = OURS) -> str:
    headers = [(name.encode(), value.encode()) for name, value in told]
    return proxies.client(peer, headers)


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, 10.0.0.9", "198.51.100.7"),
        ("10.0.0.7, 10.0.0.9", "10.0.0.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("nonsense", PROXY),
        ("198.51.100.7, nonsense", PROXY),
        ("198.51.100.7,", PROXY),
        ("198.51.100.7, nonsense, 10.0.0.9", "10.0.0.9"),
        ("", PROXY),
    ],
)
def test_the_rightmost_address_that_is_not_ours_is_the_client(told: str, client: str) -> None:
    assert client_of(PROXY, ("x-forwarded-for", told)) == client
    assert client_of(f"::ffff:{PROXY}", ("x-forwarded-for", told)) == client


@pytest.mark.parametrize(
    ("told", "client"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("for=203.0.113.9, for=198.51.100.7;proto=https;by=10.0.0.2", "198.51.100.7"),
        ('For="[2001:db8::7]:4711", for=10.0.0.9', "2001:db8::7"),
        ('for=", for=198.51.100.7', "198.51.100.7"),
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        ("proto=https", PROXY),
        ("for=198.51.100.7;for=203.0.113.9", PROXY),
    ],
)
def test_the_header_of_rfc_7239_is_read_alike(told: str, client: str) -> None:
    assert client_of(PROXY, ("forwarded", told)) == client


def test_lines_of_one_header_are_one_list() -> None:
    told = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")]
    assert client_of(PROXY, *told) == "198.51.100.7"


def test_a_header_that_the_proxy_does_not_write_makes_nobody_somebody_else() -> None:
    written = ("x-forwarded-for", "198.51.100.7")
    assert client_of(PROXY, written, ("forwarded", "for=203.0.113.9")) == PROXY
    assert client_of(PROXY, written, ("forwarded", "for=198.51.100.7")) == "198.51.100.7"


@pytest.mark.parametrize("peer", ["198.51.100.1", "unknown", "", "fe80::1"])
def test_nobody_else_is_believed(peer: str) -> None:
    assert client_of(peer, ("x-forwarded-for", "192.0.2.1")) == peer
    assert client_of(PROXY, ("x-forwarded-for", "192.0.2.1"), proxies=TrustedProxies(())) == PROXY


@given(st.text(st.characters(max_codepoint=255), max_size=200), st.booleans())
def test_whatever_a_client_writes_the_proxys_word_goes_before_it(text: str, rfc: bool) -> None:  # noqa: FBT001
    name, said = ("forwarded", "for=198.51.100.7") if rfc else ("x-forwarded-for", "198.51.100.7")
    headers = [(name.encode(), f"{text}, {said}".encode("latin-1"))]
    assert OURS.client(PROXY, headers) == "198.51.100.7"


async def test_clients_of_a_trusted_proxy_are_counted_apart(wiring: Wiring) -> None:
    app = create_app(dataclasses.replace(wiring, trusted_proxies=("10.0.0.0/8",)))
    transport = httpx.ASGITransport(app, client=None)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://vms.test") as client:

        async def ask(peer: str, told: str) -> int:
            headers = {"x-vms-client": peer, "x-forwarded-for": told}
            return (await client.get("/api/v1/version", headers=headers)).status_code

        for _ in range(100):
            assert await ask(PROXY, "198.51.100.7") == 200
        assert await ask(PROXY, "203.0.113.9, 198.51.100.7") == 429
        assert await ask(PROXY, "198.51.100.8") == 200
        for _ in range(100):
            assert await ask("192.0.2.1", "198.51.100.8") == 200
        assert await ask("192.0.2.1", "198.51.100.9") == 429, "no proxy of ours: not believed"
