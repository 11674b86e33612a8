"""What arrives at a sandbox receiver: anything, recorded as it is and answered as the script says."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable

import pytest

from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.sandbox import routes, service
from services.registry.sandbox.errors import TooManyWaiting
from services.registry.sandbox.observation import MAX_BODY_BYTES
from services.registry.sandbox.waiting import WaitingRoom
from services.registry.settings import RegistrySettings
from tests.registry.project_world import World, build_world, make, refusal
from tests.registry.sandbox_world import ENDPOINT, RECEIVERS, delivery, handshake, receiver
from tests.support.services import ISSUER, ServiceUnderTest, running, verifier


@pytest.fixture
async def world(registry: ServiceUnderTest) -> World:
    return await build_world(registry)


async def test_the_script_is_applied_hit_after_hit_and_the_last_step_repeats(world: World) -> None:
    script = [
        {"status": 500, "body": "坏了"},
        {"status": 429, "retry_after": 30},
        {"status": 204, "body": "never sent"},
    ]
    made = await receiver(world, script)
    answers = [await made.deliver(1) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [500, 429, 204, 204]
    assert [answer.headers.get("retry-after") for answer in answers] == [None, "30", None, None]
    assert [answer.text for answer in answers] == ["坏了", "", "", ""]
    assert answers[0].headers["content-type"] == "text/plain; charset=utf-8"
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    assert [hit["answer"]["status"] for hit in await made.hits()] == [500, 429, 204, 204]
    assert [hit["answer"]["retry_after"] for hit in await made.hits()] == [None, 30, None, None]


async def test_a_hit_is_recorded_as_it_arrived(world: World) -> None:
    made = await receiver(world)
    await made.deliver(
        7, webhook_delivery_id="dlv_7", webhook_attempt="3", authorization="Bearer x", cookie="a=b"
    )
    [hit] = await made.hits()
    assert (hit["number"], hit["message_id"], hit["type"]) == (1, f"evt_{ENDPOINT}_7", "project.created")
    assert (hit["delivery_id"], hit["endpoint_id"], hit["sequence"]) == ("dlv_7", ENDPOINT, 7)
    assert (hit["attempt"], hit["duplicate"], hit["handshake"]) == (3, False, False)
    assert set(hit["headers"]) == {
        "content-type",
        "user-agent",
        "webhook-attempt",
        "webhook-delivery-id",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
    content = (await world.operator.get(f"{made.path}/hits/{hit['id']}")).json()
    assert base64.b64decode(content.pop("body_base64")) == delivery(7)
    assert content.pop("body_text") == delivery(7).decode()
    assert content == hit


async def test_a_message_that_comes_again_is_a_duplicate(world: World) -> None:
    made = await receiver(world)
    for sequence in (1, 2, 1):
        await made.deliver(sequence)
    assert [hit["duplicate"] for hit in await made.hits()] == [False, False, True]
    [again] = await made.hits("duplicate=true")
    assert again["number"] == 3


async def test_hits_at_once_are_numbered_without_a_gap(world: World) -> None:
    made = await receiver(world, [{"status": 500}] * 3 + [{"status": 200}])
    answers = await asyncio.gather(*[made.deliver(sequence) for sequence in range(8)])
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [500] * 3
    assert [hit["number"] for hit in await made.hits()] == list(range(1, 9))


# -- handshakes


async def test_a_handshake_gets_its_challenge_and_uses_no_step(world: World) -> None:
    made = await receiver(world, [{"status": 500}, {"status": 200}])
    answer = await made.shake_hands("say <this>")
    assert (answer.status_code, answer.json()) == (200, {"challenge": "say <this>"})
    assert answer.headers["content-type"] == "application/json"
    assert (await made.deliver(1)).status_code == 500
    [shaken, delivered] = await made.hits()
    assert (shaken["handshake"], shaken["answer"]["challenge_answered"]) == (True, True)
    assert (delivered["handshake"], delivered["answer"]["challenge_answered"]) == (False, False)


async def test_a_handshake_can_be_refused(world: World) -> None:
    made = await receiver(world, [{"status": 202}], handshake="refuse")
    answer = await made.shake_hands()
    assert (answer.status_code, answer.content) == (403, b"")
    assert (await made.deliver(1)).status_code == 202


async def test_a_handshake_can_be_left_to_the_script(world: World) -> None:
    made = await receiver(world, [{"status": 503}, {"status": 200, "echo": True}], handshake="ignore")
    answers = [await made.shake_hands("c-9") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 200]
    assert (answers[0].content, answers[1].json()) == (b"", {"challenge": "c-9"})
    assert (await made.deliver(1)).content == b""


@pytest.mark.parametrize("challenge", [None, 7, ["c"], "x" * 5000], ids=str)
async def test_a_handshake_without_a_usable_challenge_gets_none(world: World, challenge: object) -> None:
    made = await receiver(world)
    answer = await made.send(handshake(challenge))
    assert (answer.status_code, answer.content) == (200, b"")
    [hit] = await made.hits()
    assert (hit["handshake"], hit["answer"]["challenge_answered"]) == (True, False)


# -- delays


class Held:
    """Holds every delayed answer back until it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.delays: asyncio.Queue[int] = asyncio.Queue()

    async def __call__(self, delay_ms: int) -> None:
        self.delays.put_nowait(delay_ms)
        await self.released.wait()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    found = Held()
    monkeypatch.setattr(routes, "hold_back", found)
    return found


@pytest.fixture
async def narrow(registry_url: str) -> AsyncIterator[World]:
    """Registry that works on one request at a time."""
    settings = RegistrySettings(
        environment="test",
        database_url=registry_url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        max_concurrency=1,
        database_pool_size=2,
    )
    async with running("registry", create_app(settings, authenticator=verifier()), messaging) as service_:
        yield await build_world(service_)


async def test_a_delayed_answer_holds_up_nobody(narrow: World, held: Held) -> None:
    made = await receiver(narrow, [{"status": 202, "delay_ms": 20_000}])
    waiting = []
    async with asyncio.timeout(10):
        for sequence in range(4):
            waiting.append(asyncio.create_task(made.deliver(sequence)))
            assert await held.delays.get() == 20_000
        await make(narrow.operator, RECEIVERS, {"name": "别的"})
        assert len(await made.hits()) == 4
    assert not any(task.done() for task in waiting)
    held.released.set()
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [202] * 4


async def test_a_tiny_delay_is_waited_for(world: World) -> None:
    made = await receiver(world, [{"delay_ms": 30}])
    started = asyncio.get_running_loop().time()
    await made.deliver(1)
    assert asyncio.get_running_loop().time() - started >= 0.03
    [hit] = await made.hits()
    assert hit["answer"]["delay_ms"] == 30


def test_only_so_many_hits_wait() -> None:
    room = WaitingRoom(places=3, places_of_one=2)
    with room.place("a"), room.place("a"):
        with pytest.raises(TooManyWaiting), room.place("a"):
            pass
        with room.place("b"), pytest.raises(TooManyWaiting), room.place("c"):
            pass
        with room.place("c"):
            pass
    with room.place("a"), room.place("b"), room.place("c"):
        pass


# -- limits


async def test_the_oldest_hits_make_room_and_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_HITS", 3)
    made = await receiver(world)
    for sequence in range(5):
        await made.deliver(sequence)
    assert [hit["number"] for hit in await made.hits()] == [3, 4, 5]
    judged = await made.judge()
    assert (judged["hits"], judged["dropped"]) == (5, 2)


async def test_a_receiver_is_no_store_for_many_large_bodies(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_KEPT_BYTES", 250_000)
    made = await receiver(world)
    for _ in range(4):
        await made.send(b"x" * 100_000)
    assert [hit["number"] for hit in await made.hits()] == [2, 3, 4]


async def test_a_body_beyond_256_kib_is_refused_and_not_recorded(world: World) -> None:
    made = await receiver(world)
    assert (await made.send(b"x" * MAX_BODY_BYTES)).status_code == 200
    assert refusal(await made.send(b"x" * (MAX_BODY_BYTES + 1))) == (413, "body_too_large")

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 65_536

    url = f"{made.path}/hits"
    endless = await world.registry.anonymous().post(url, content=unannounced())
    assert refusal(endless) == (413, "body_too_large")
    assert [hit["body_bytes"] for hit in await made.hits()] == [MAX_BODY_BYTES]


# -- what nobody should send

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "zeros": b"\x00" * 64,
    "not UTF-8": b"\xff\xfe{}",
    "a number": b"1e999",
    "NaN": b'{"delivery": {"sequence": NaN}}',
    "a huge number": b'{"delivery": {"sequence": ' + b"9" * 10_000 + b"}}",
    "beyond 64 bits": b'{"delivery": {"sequence": 18446744073709551616}}',
    "a negative sequence": b'{"delivery": {"sequence": -1}}',
    "a true sequence": b'{"delivery": {"sequence": true}}',
    "deep": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "deep arrays": b"[" * 100_000,
    "lone surrogate": rb'{"type": "\ud800"}',
    "NUL in a type": rb'{"type": "a\u0000b", "delivery": {"id": "\u0000"}}',
    "types of all kinds": b'{"type": [], "delivery": "x", "endpoint_id": {}}',
    "a long type": json.dumps({"type": "x" * 100_000}).encode(),
    "an array": b"[1]",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_body_is_taken_and_said_nothing_of_what_it_does_not_say(world: World, name: str) -> None:
    made = await receiver(world)
    answer = await made.send(HOSTILE[name])
    assert answer.status_code == 200
    [hit] = await made.hits()
    assert (hit["type"], hit["sequence"], hit["endpoint_id"], hit["delivery_id"]) == (None,) * 4
    content = (await world.operator.get(f"{made.path}/hits/{hit['id']}")).json()
    assert base64.b64decode(content["body_base64"]) == HOSTILE[name]
    assert (await made.judge())["hits"] == 1


BYTES = bytes(n for n in range(0x21, 0x100) if n != 0x7F)


@pytest.mark.parametrize(
    "header",
    [
        (b"webhook-id", BYTES),
        (b"webhook-id", b"x" * 40_000),
        (b"webhook-id", b"a\x00b"),
        (b"webhook-attempt", b"9" * 50),
        (b"webhook-delivery-id", b"\xff" * 300),
        (b"webhook-timestamp", b"99999999999999999999"),
        (b"webhook-timestamp", b"999999999999"),
        (b"webhook-signature", b"v1," * 2000),
        (b"webhook-signature", "v1,签名".encode()),
        (b"content-type", b"\x01"),
    ],
    ids=lambda header: f"{header[0].decode()} {header[1][:12]!r}",
)
async def test_any_header_is_taken(world: World, header: tuple[bytes, bytes]) -> None:
    made = await receiver(world)
    headers = {b"webhook-id": b"evt_1", b"webhook-timestamp": b"1", b"webhook-signature": b"v1,AAAA"}
    sent = list({**headers, header[0]: header[1]}.items())
    answer = await world.registry.anonymous().post(f"{made.path}/hits", content=b"{}", headers=sent)
    assert answer.status_code == 200
    assert len(await made.hits()) == 1


@pytest.mark.parametrize(
    "path",
    [
        f"{RECEIVERS}/sbx_7zzzzzzzzzzzzzzzzzzzzzzzzz/hits",
        f"{RECEIVERS}/x/hits",
        f"{RECEIVERS}/%00/hits",
        f"{RECEIVERS}/{'x' * 3000}/hits",
    ],
    ids=lambda path: path[:40],
)
async def test_an_unknown_receiver_is_not_found(world: World, path: str) -> None:
    assert refusal(await world.registry.anonymous().post(path, content=b"{}")) == (404, "not_found")


FILTERS: dict[str, Callable[[int], bool]] = {
    "sequence[gte]=2": lambda sequence: sequence >= 2,
    "sequence=1": lambda sequence: sequence == 1,
    "verdict=valid": lambda _: True,
    "verdict=wrong_key": lambda _: False,
    "type=project.created": lambda _: True,
    f"message_id=evt_{ENDPOINT}_3": lambda sequence: sequence == 3,
}


async def test_hits_are_filtered_and_paged(world: World) -> None:
    made = await receiver(world)
    for sequence in (1, 2, 3):
        await made.deliver(sequence)
    for query, fits in FILTERS.items():
        found = [hit["sequence"] for hit in await made.hits(f"sort=number&{query}")]
        assert found == [sequence for sequence in (1, 2, 3) if fits(sequence)], query
    first = (await world.operator.get(f"{made.path}/hits?limit=2")).json()
    rest = (await world.operator.get(f"{made.path}/hits?limit=2&cursor={first['next_cursor']}")).json()
    assert [hit["number"] for page in (first, rest) for hit in page["items"]] == [3, 2, 1]
