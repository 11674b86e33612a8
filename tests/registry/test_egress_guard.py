"""What is dialled: nothing that is not public, however it is named, renamed or pointed to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.registry.egress import dialling
from services.registry.egress.client import EgressClient, Failure
from services.registry.egress.dialling import Dial, GuardedConnector, GuardedResolver, current
from services.registry.egress.policy import EgressPolicy
from tests.registry.egress_world import OK, Names, Receiver, answering, receiving
from tests.registry.ssrf_corpus import hidden_addresses, hidden_urls

RECEIVER_AT, CANARY_AT = "127.0.0.2", "127.0.0.1"
STRICT = EgressPolicy(allow_http=True)
OPEN = EgressPolicy(allow_http=True, allowed_networks=(f"{RECEIVER_AT}/32",))
BODY, HEADERS = b"{}", {"content-type": "application/json"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(answering(OK), RECEIVER_AT) as found:
        yield found


@pytest.fixture
async def canary(receiver: Receiver) -> AsyncIterator[Receiver]:
    """What must never be reached: on the same port as the receiver, at another address."""
    async with receiving(answering(OK), CANARY_AT, receiver.port) as found:
        yield found
        assert found.connects == 0


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address a socket of this process connects to; nothing outside this machine is let through."""
    addresses: list[Any] = []
    connect = socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        addresses.append(address[0])
        if not address[0].startswith("127."):
            raise ConnectionRefusedError
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    return addresses


async def test_no_spelling_is_dialled(connected: list[Any]) -> None:
    client = EgressClient(STRICT, lookup=Names(["8.8.8.8"]))
    answers = [(url, await client.post(url, BODY, HEADERS)) for url in hidden_urls()]
    assert [url for url, answer in answers if answer.error is None or answer.address] == []
    assert connected == []
    await client.close()


async def test_no_address_that_a_name_resolves_to_is_dialled_unless_it_is_public(
    connected: list[Any], canary: Receiver
) -> None:
    for address in hidden_addresses():
        client = EgressClient(STRICT, lookup=Names([address]))
        answer = await client.post(f"http://receiver.example:{canary.port}/", BODY, HEADERS)
        await client.close()
        assert (answer.error, answer.status, answer.address) == (Failure.ADDRESS_REFUSED, None, None), address
    assert connected == []


@pytest.mark.parametrize("order", [1, -1])
async def test_one_hidden_address_among_others_refuses_the_name(
    connected: list[Any], receiver: Receiver, canary: Receiver, order: int
) -> None:
    client = EgressClient(OPEN, lookup=Names([RECEIVER_AT, "8.8.8.8", CANARY_AT][::order]))
    answer = await client.post(f"http://receiver.example:{receiver.port}/", BODY, HEADERS)
    assert answer.error == Failure.ADDRESS_REFUSED
    assert connected == []
    await client.close()


async def test_a_hidden_address_far_down_a_long_list_refuses_the_name(connected: list[Any]) -> None:
    client = EgressClient(STRICT, lookup=Names([*(f"8.8.8.{number}" for number in range(20)), CANARY_AT]))
    answer = await client.post("http://receiver.example/", BODY, HEADERS)
    assert (answer.error, connected) == (Failure.ADDRESS_REFUSED, [])
    await client.close()


async def test_a_public_address_is_dialled(connected: list[Any]) -> None:
    client = EgressClient(STRICT, lookup=Names(["8.8.8.8"]))
    answer = await client.post("http://receiver.example/", BODY, HEADERS)
    assert (answer.error, answer.address) == (Failure.CONNECT_FAILED, "8.8.8.8")
    assert connected == ["8.8.8.8"]
    await client.close()


async def test_a_name_that_changes_its_mind_gains_nothing(
    receiver: Receiver, canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialling, "_REMEMBER_S", 0.0)
    names = Names([RECEIVER_AT], [CANARY_AT])
    client = EgressClient(OPEN, lookup=names)
    url = f"http://receiver.example:{receiver.port}/"
    first = await client.post(url, BODY, HEADERS)
    assert (first.status, first.address) == (200, RECEIVER_AT)
    answers = await asyncio.gather(*(client.post(url, BODY, HEADERS) for _ in range(20)))
    assert {answer.error for answer in answers} == {None, Failure.ADDRESS_REFUSED}
    assert {answer.address for answer in answers} == {RECEIVER_AT, None}
    assert len(names.asked) > 1
    await client.close()


async def test_the_socket_asks_again_whatever_the_resolver_let_through(
    connected: list[Any], receiver: Receiver, canary: Receiver
) -> None:
    resolver = GuardedResolver(lambda address: True, Names([CANARY_AT, "10.0.0.1"]), 1.0)
    connector = GuardedConnector(OPEN.allows, resolver, 10, True)
    async with aiohttp.ClientSession(connector=connector) as session:
        for host in ("receiver.example", CANARY_AT, "localhost"):
            dial = Dial(1.0)
            current.set(dial)
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.post(f"http://{host}:{canary.port}/")
            assert (dial.refused, dial.address) == (True, None)
    assert connected == []


async def test_a_socket_without_a_dial_connects_to_nothing(canary: Receiver) -> None:
    resolver = GuardedResolver(lambda address: True, Names([CANARY_AT]), 1.0)
    async with aiohttp.ClientSession(
        connector=GuardedConnector(lambda address: True, resolver, 10, True)
    ) as session:
        with pytest.raises(LookupError):
            await session.post(f"http://{CANARY_AT}:{canary.port}/")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_no_success(status: int, canary: Receiver) -> None:
    location = f"http://{CANARY_AT}:{canary.port}/"
    redirect = f"HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()
    async with receiving(answering(redirect), RECEIVER_AT) as receiver:
        client = EgressClient(OPEN)
        answer = await client.post(f"http://{RECEIVER_AT}:{receiver.port}/", BODY, HEADERS)
        assert (answer.status, answer.error, answer.ok) == (status, None, False)
        assert len(receiver.requests) == 1
        await client.close()


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, canary: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{CANARY_AT}:{canary.port}")
    client = EgressClient(OPEN)
    assert (await client.post(f"http://{RECEIVER_AT}:{receiver.port}/", BODY, HEADERS)).ok
    await client.close()


async def test_own_receivers_are_dialled_wherever_they_are_and_open_no_door_for_their_neighbours(
    receiver: Receiver, canary: Receiver
) -> None:
    origin = f"http://registry.example:{receiver.port}"
    own = EgressPolicy(own_origin=origin, allow_http=True)
    client = EgressClient(own, lookup=Names([RECEIVER_AT]))
    mine = f"{origin}/v1/sandbox/receivers/rcv_1/hits"
    assert (await client.post(mine, BODY, HEADERS)).ok
    for path in ("/v1/projects", "/v1/sandbox/receivers/../../projects", "/v1/sandbox/receivers/%2e%2e/x"):
        answer = await client.post(origin + path, BODY, HEADERS)
        assert answer.error == Failure.ADDRESS_REFUSED, path
    assert (await client.post(mine, BODY, HEADERS)).ok
    assert [request[0].split(" ")[1] for request in receiver.requests] == [
        "/v1/sandbox/receivers/rcv_1/hits"
    ] * 2
    assert receiver.connects == 1
    await client.close()


async def test_an_own_receiver_that_redirects_reaches_nothing_else(canary: Receiver) -> None:
    location = f"http://{CANARY_AT}:{canary.port}/v1/projects"
    redirect = f"HTTP/1.1 307 Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()
    async with receiving(answering(redirect), RECEIVER_AT) as receiver:
        origin = f"http://registry.example:{receiver.port}"
        client = EgressClient(EgressPolicy(own_origin=origin), lookup=Names([RECEIVER_AT]))
        answer = await client.post(f"{origin}/v1/sandbox/receivers/rcv_1/hits", BODY, HEADERS)
        assert (answer.status, answer.ok) == (307, False)
        await client.close()


async def test_a_url_that_the_operator_no_longer_allows_is_not_dialled(receiver: Receiver) -> None:
    client = EgressClient(EgressPolicy(), lookup=Names([RECEIVER_AT]))
    answer = await client.post(f"http://receiver.example:{receiver.port}/", BODY, HEADERS)
    assert (answer.error, receiver.connects) == (Failure.URL_REFUSED, 0)
    await client.close()
