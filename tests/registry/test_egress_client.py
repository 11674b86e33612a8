"""What becomes of a message: the answer, the bounds on it, and every way in which there is none."""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from services.registry.egress import dialling
from services.registry.egress.client import KEPT_BYTES, Answer, EgressClient, Failure
from services.registry.egress.policy import EgressPolicy
from shared.context import write_in_progress
from shared.http import NetworkInTransaction
from tests.registry.egress_world import (
    OK,
    Names,
    Receiver,
    Script,
    answering,
    certificates,
    flooding,
    receiving,
    silent,
)

LOOPBACK = ("127.0.0.0/8",)
POLICY = EgressPolicy(allow_http=True, allowed_networks=LOOPBACK)
QUICK_TO_CONNECT = EgressPolicy(allow_http=True, allowed_networks=LOOPBACK, connect_s=0.2, total_s=30)
QUICK_TO_ANSWER = EgressPolicy(allow_http=True, allowed_networks=LOOPBACK, connect_s=30, total_s=0.4)
BODY = b'{"id":"evt_1"}'
HEADERS = {"content-type": "application/json", "user-agent": "Feidi-Webhooks/1", "webhook-id": "evt_1"}
NAME = "receiver.example"


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    made = EgressClient(POLICY, lookup=Names(["127.0.0.1"]))
    yield made
    await made.close()


async def post(client: EgressClient, receiver: Receiver, path: str = "/hook", scheme: str = "http") -> Answer:
    return await client.post(f"{scheme}://{NAME}:{receiver.port}{path}", BODY, HEADERS)


async def answer_of(script: Script, policy: EgressPolicy = POLICY) -> tuple[Answer, Receiver]:
    """Send one message to a script, and wait until the connection has ended."""
    client = EgressClient(policy, lookup=Names(["127.0.0.1"]))
    async with receiving(script) as receiver:
        try:
            answer = await post(client, receiver)
            if answer.error is not None:
                await asyncio.wait_for(receiver.ended.wait(), 5)
        finally:
            await client.close()
    return answer, receiver


def headed(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "", "")
    return "\r\n".join(lines).encode("latin-1") + body


async def test_a_message_arrives_as_it_was_given_with_nothing_of_ours_beside_it() -> None:
    _, receiver = await answer_of(answering(OK))
    ((head, body),) = receiver.requests
    assert body == BODY
    assert head.split("\r\n")[0] == "post /hook http/1.1"
    assert dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2]) == {
        "host": f"{NAME}:{receiver.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": "feidi-webhooks/1",
        "webhook-id": "evt_1",
        "content-length": str(len(BODY)),
    }


async def test_an_answer_says_what_came_back() -> None:
    full = headed("503 Busy", "Retry-After: 120", "Content-Type: text/plain", body=b"later")
    answer, _ = await answer_of(answering(full))
    assert (answer.status, answer.error, answer.ok, answer.body) == (503, None, False, b"later")
    assert (answer.retry_after, answer.content_type) == ("120", "text/plain")
    assert answer.address == "127.0.0.1"
    assert 0 < answer.duration_s < 10


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_a_success(status: int) -> None:
    answer, _ = await answer_of(answering(headed(f"{status} Fine")))
    assert (answer.status, answer.error, answer.ok) == (status, None, True)


@pytest.mark.parametrize("status", [101, 300, 304, 400, 404, 410, 429, 500])
async def test_nothing_else_is(status: int) -> None:
    answer, _ = await answer_of(answering(headed(f"{status} No", "upgrade: x", "connection: upgrade")))
    assert (answer.status, answer.error, answer.ok) == (status, None, False)


async def test_headers_are_kept_short_and_plain() -> None:
    strange = headed("429 No", f"retry-after: {'9' * 500}", "content-type: text/\xe9\xff\tx")
    answer, _ = await answer_of(answering(strange))
    assert answer.retry_after == "9" * 200
    assert answer.content_type is not None
    assert answer.content_type.isascii()
    assert answer.content_type.isprintable()


async def test_only_the_beginning_of_a_long_body_is_kept(client: EgressClient) -> None:
    async with receiving(answering(headed("200 OK", body=b"x" * 40_000))) as receiver:
        for _ in range(3):
            answer = await post(client, receiver)
            assert (answer.status, answer.error, answer.body) == (200, None, b"x" * KEPT_BYTES)
        assert receiver.connects == 1


async def test_a_connection_is_used_again_without_asking_for_the_name() -> None:
    names = Names(["127.0.0.1"])
    client = EgressClient(POLICY, lookup=names)
    async with receiving(answering(OK)) as receiver:
        answers = [await post(client, receiver) for _ in range(30)]
        assert {(answer.status, answer.body, answer.address) for answer in answers} == {
            (200, b"ok", "127.0.0.1")
        }
        assert (receiver.connects, len(names.asked)) == (1, 1)
    await client.close()


async def test_many_who_ask_at_once_for_a_name_ask_once_and_share_the_limit() -> None:
    names = Names(["127.0.0.1"])
    client = EgressClient(POLICY, lookup=names, limit=7)
    async with receiving(answering(OK)) as receiver:
        answers = await asyncio.gather(*(post(client, receiver) for _ in range(100)))
        assert all(answer.ok for answer in answers)
        assert receiver.connects <= 7
        assert len(names.asked) == 1
    await client.close()


async def test_a_name_that_moves_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "_REMEMBER_S", 0.0)
    client = EgressClient(POLICY, lookup=Names(["127.0.0.1"], ["127.0.0.2"]))
    closing = headed("200 OK", "connection: close")
    async with (
        receiving(answering(closing)) as receiver,
        receiving(answering(OK), "127.0.0.2", receiver.port),
    ):
        assert (await post(client, receiver)).address == "127.0.0.1"
        assert (await post(client, receiver)).address == "127.0.0.2"
    await client.close()


async def test_the_second_address_of_a_name_is_tried_when_the_first_is_dead(client: EgressClient) -> None:
    async with receiving(answering(OK), "127.0.0.2") as receiver:
        client = EgressClient(POLICY, lookup=Names(["127.0.0.3", "127.0.0.2"]))
        answer = await post(client, receiver)
        assert (answer.ok, answer.address) == (True, "127.0.0.2")
        await client.close()


async def test_no_cookie_is_sent_back(client: EgressClient) -> None:
    script = answering(headed("200 OK", "set-cookie: session=1; path=/", "set-cookie: \xff;;=;"))
    async with receiving(script) as receiver:
        assert (await post(client, receiver)).ok
        assert (await post(client, receiver)).ok
        assert [head for head, _ in receiver.requests if "cookie" in head] == []


BOMBS = {
    "body without an end": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000),
    "body that says how long": (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", b"x" * 10_000),
    "chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2000),
    "long chunk extension": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
        b"x" * 10_000,
    ),
    "trailers": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 2000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"x-header: 1\r\n" * 1000),
    "one header": (b"HTTP/1.1 200 OK\r\nx-header: ", b"x" * 10_000),
    "status line": (b"HTTP/1.1 200 ", b"x" * 10_000),
    "answers before the answer": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "empty lines": (b"", b"\r\n" * 5000),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_an_endless_answer_is_cut_off(bomb: str) -> None:
    answer, _ = await answer_of(flooding(*BOMBS[bomb]))
    assert answer.error in (Failure.TOO_LARGE, Failure.PROTOCOL_ERROR)
    assert len(answer.body) <= KEPT_BYTES
    assert answer.duration_s < 10


async def test_nothing_is_decompressed() -> None:
    packed = gzip.compress(b"\0" * 5_000_000)
    assert len(packed) < KEPT_BYTES
    answer, _ = await answer_of(answering(headed("200 OK", "content-encoding: gzip", body=packed)))
    assert (answer.status, answer.error, answer.body) == (200, None, packed)


SLOW = {
    "silence": silent,
    "slow headers": flooding(b"HTTP/1.1 200 OK\r\n", b"x", 0.02),
    "slow interim answers": flooding(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.02),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
async def test_an_answer_that_does_not_begin_in_time_is_given_up(script: Script) -> None:
    answer, _ = await answer_of(script, QUICK_TO_ANSWER)
    assert (answer.status, answer.error, answer.address) == (None, Failure.TIMEOUT, "127.0.0.1")
    assert 0.35 < answer.duration_s < 10


async def test_a_body_that_drips_is_given_up_and_its_status_counts() -> None:
    drip = flooding(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.02)
    answer, _ = await answer_of(drip, QUICK_TO_ANSWER)
    assert (answer.status, answer.error, answer.ok) == (200, Failure.TIMEOUT, True)
    assert answer.body.startswith(b"x")
    assert 0.35 < answer.duration_s < 10


GARBAGE = {
    "no http": (b"SSH-2.0-OpenSSH_9.6\r\n", Failure.PROTOCOL_ERROR),
    "a status that is none": (b"HTTP/1.1 abc OK\r\n\r\n", Failure.PROTOCOL_ERROR),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        Failure.PROTOCOL_ERROR,
    ),
    "a broken header": (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Failure.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_what_is_not_http_is_said_to_be_so(garbage: str) -> None:
    sent, expected = GARBAGE[garbage]
    answer, _ = await answer_of(answering(sent))
    assert (answer.error, answer.ok) == (expected, False)


async def hang_up(receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def hang_up_halfway(
    receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def test_a_receiver_that_hangs_up_is_one_failure_and_one_message() -> None:
    answer, receiver = await answer_of(hang_up)
    assert (answer.status, answer.error, receiver.connects) == (None, Failure.DISCONNECTED, 1)


async def test_a_receiver_that_hangs_up_after_its_status_has_answered() -> None:
    answer, _ = await answer_of(hang_up_halfway)
    assert (answer.status, answer.error, answer.ok) == (200, Failure.DISCONNECTED, True)


async def test_a_port_nobody_listens_on() -> None:
    async with receiving(silent) as receiver:
        port = receiver.port
    client = EgressClient(POLICY)
    answer = await client.post(f"http://127.0.0.1:{port}/", BODY, HEADERS)
    assert (answer.error, answer.address) == (Failure.CONNECT_FAILED, "127.0.0.1")
    await client.close()


@pytest.mark.parametrize("names", [Names(OSError("no such name")), Names([])])
async def test_a_name_without_an_address(names: Names) -> None:
    client = EgressClient(POLICY, lookup=names)
    answer = await client.post(f"http://{NAME}/", BODY, HEADERS)
    assert (answer.status, answer.error, answer.address) == (None, Failure.DNS_FAILED, None)
    assert (await client.post(f"http://{NAME}/", BODY, HEADERS)).error == Failure.DNS_FAILED
    assert len(names.asked) == 2
    await client.close()


async def test_a_name_that_is_not_resolved_in_time() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    client = EgressClient(QUICK_TO_CONNECT, lookup=never)
    answer = await client.post(f"http://{NAME}/", BODY, HEADERS)
    assert (answer.error, answer.duration_s < 10) == (Failure.DNS_FAILED, True)
    await client.close()


async def test_the_system_resolves_names_in_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def resolve(*_: object, **__: object) -> list[object]:
        threads.append(threading.current_thread().name)
        return [(2, 1, 6, "", ("127.0.0.1", 0)), (10, 1, 6, "", ("fe80::1", 0, 0, 3))]

    monkeypatch.setattr(dialling.socket, "getaddrinfo", resolve)
    lookup = dialling.SystemLookup()
    assert await lookup(NAME, 443) == ["127.0.0.1", "fe80::1%3"]
    assert threads[0].startswith("egress-lookup")
    lookup.close()


async def test_tls_is_verified_against_the_name(tmp_path: Path) -> None:
    server, trusting = certificates(tmp_path, NAME)
    async with receiving(answering(OK), tls=server) as receiver:
        client = EgressClient(POLICY, lookup=Names(["127.0.0.1"]), ssl_context=trusting)
        answer = await post(client, receiver, scheme="https")
        assert (answer.status, answer.error, answer.address) == (200, None, "127.0.0.1")
        other = await client.post(f"https://other.example:{receiver.port}/", BODY, HEADERS)
        assert (other.error, other.ok) == (Failure.TLS_FAILED, False)
        await client.close()
        client = EgressClient(POLICY, lookup=Names(["127.0.0.1"]))
        assert (await post(client, receiver, scheme="https")).error == Failure.TLS_FAILED
        await client.close()
        assert len(receiver.requests) == 1


async def test_https_to_a_receiver_without_tls_fails() -> None:
    async with receiving(flooding(b"HTTP/1.1 400 Bad\r\n\r\n", b"")) as receiver:
        client = EgressClient(QUICK_TO_CONNECT, lookup=Names(["127.0.0.1"]))
        answer = await post(client, receiver, scheme="https")
        assert answer.error in (Failure.TLS_FAILED, Failure.CONNECT_TIMEOUT)
        await client.close()


async def test_a_handshake_that_does_not_end_is_a_timeout_of_connecting() -> None:
    async with receiving(silent) as receiver:
        client = EgressClient(QUICK_TO_CONNECT, lookup=Names(["127.0.0.1"] * 3, ["127.0.0.1"]))
        answer = await post(client, receiver, scheme="https")
        assert (answer.status, answer.error) == (None, Failure.CONNECT_TIMEOUT)
        assert answer.duration_s < 10
        await client.close()


async def test_several_dead_addresses_do_not_prolong_connecting() -> None:
    async with receiving(silent) as one, receiving(silent, "127.0.0.2", one.port):
        client = EgressClient(QUICK_TO_CONNECT, lookup=Names(["127.0.0.1", "127.0.0.2"]))
        answer = await post(client, one, scheme="https")
        assert (answer.error, answer.duration_s < 10) == (Failure.CONNECT_TIMEOUT, True)
        await client.close()


async def test_nothing_is_sent_while_a_write_transaction_is_open(client: EgressClient) -> None:
    async with receiving(answering(OK)) as receiver:
        token = write_in_progress.set(True)
        try:
            with pytest.raises(NetworkInTransaction):
                await post(client, receiver)
        finally:
            write_in_progress.reset(token)
        assert receiver.connects == 0


async def test_cancelling_passes_and_drops_the_connection(client: EgressClient) -> None:
    async with receiving(silent) as receiver:
        sending = asyncio.create_task(post(client, receiver))
        await asyncio.wait_for(receiver.came.wait(), 5)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.wait_for(receiver.ended.wait(), 5)


async def test_closing_drops_the_connections_that_are_kept() -> None:
    client = EgressClient(POLICY, lookup=Names(["127.0.0.1"]))
    async with receiving(answering(OK)) as receiver:
        assert (await post(client, receiver)).ok
        await client.close()
        await asyncio.wait_for(receiver.ended.wait(), 5)


async def test_a_client_that_was_never_used_closes() -> None:
    await EgressClient(POLICY).close()


def test_the_guard_also_stands_on_the_loop_that_services_run_on() -> None:
    async def scene() -> None:
        strict = EgressClient(EgressPolicy(allow_http=True), lookup=Names(["127.0.0.1"]))
        client = EgressClient(POLICY, lookup=Names(["127.0.0.1"]))
        async with receiving(answering(OK)) as receiver:
            assert (await post(strict, receiver)).error == Failure.ADDRESS_REFUSED
            assert receiver.connects == 0
            assert [(await post(client, receiver)).address for _ in range(2)] == ["127.0.0.1"] * 2
            assert receiver.connects == 1
        async with receiving(flooding(*BOMBS["chunks"])) as receiver:
            assert (await post(client, receiver)).error == Failure.TOO_LARGE
        await strict.close()
        await client.close()

    uvloop.run(scene())
