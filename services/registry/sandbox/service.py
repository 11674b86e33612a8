"""Use cases of sandbox receivers. A receiver belongs to one organisation; its URL is for whoever knows it."""

import base64
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from services.registry.organisations.service import require_organisation
from services.registry.sandbox import history, repository
from services.registry.sandbox.answering import Answer, answer_to, takes_step
from services.registry.sandbox.certification import certify, is_certified
from services.registry.sandbox.checks import SHOWN, judge
from services.registry.sandbox.errors import ReceiverLimitReached, ReceiverNeedsOrganisation
from services.registry.sandbox.history import Arrival
from services.registry.sandbox.observation import Hit
from services.registry.sandbox.schemas import (
    SandboxAnswerRead,
    SandboxExpectation,
    SandboxGapRead,
    SandboxHitContent,
    SandboxHitRead,
    SandboxReceiverCreate,
    SandboxReceiverRead,
    SandboxReceiverUpdate,
    SandboxVerdictRead,
)
from services.registry.sandbox.signers import Signers
from services.registry.signatures.standard_webhooks import Verdict, key_of, verify
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import Viewer
from shared.errors import InsufficientScope, NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.sealing import Sealer, Unsealable

MAX_RECEIVERS = 100
MAX_HITS = 10_000
MAX_KEPT_BYTES = 67_108_864
KEEP = timedelta(days=30)
SEALED_FOR = "sandbox receiver secrets"

_OVERHEAD_BYTES = 2048
"""What a hit takes beside its body, so that empty ones are not free."""


@dataclass(frozen=True)
class Examined:
    """A hit at a receiver that exists, and what its signature is worth."""

    receiver_id: str
    handshake: str
    hit: Hit
    verdict: Verdict | None


# -- receivers


async def create_receiver(
    tx: WriteSession, actor: Principal, data: SandboxReceiverCreate, base_url: str, sealer: Sealer
) -> SandboxReceiverRead:
    """Add a receiver; ``base_url`` is where registry is known."""
    owner = _owner_of(actor, data.organisation_id)
    await require_organisation(tx, owner)
    if await repository.count(tx, owner) >= MAX_RECEIVERS:
        raise ReceiverLimitReached()
    receiver_id, now = new_id("sbx"), clock.now()
    values = {
        "id": receiver_id,
        "organisation_id": owner,
        "name": data.name,
        "url": f"{base_url}/v1/sandbox/receivers/{receiver_id}/hits",
        "handshake": data.handshake,
        "script": [step.model_dump() for step in data.script],
        "secret": None if data.secret is None else sealer.seal(receiver_id, key_of(data.secret)),
        "run": 0,
        "hits": 0,
        "steps_taken": 0,
        "bytes_taken": 0,
        "last_used_at": now,
        "deleted_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add(tx, values)
    return _to_read(values)


async def get_receiver(session: ReadSession, viewer: Viewer, receiver_id: str) -> SandboxReceiverRead:
    """Return one receiver of the viewer's organisation."""
    return _to_read(await _found(session, viewer, receiver_id))


async def list_receivers(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner
) -> tuple[list[SandboxReceiverRead], Page]:
    """Return one page of the receivers of the viewer's organisation."""
    page = await repository.page(session, viewer, query, signer)
    return [_to_read(row) for row in page.rows], page


async def update_receiver(
    tx: WriteSession, actor: Principal, receiver_id: str, expected_version: int, data: SandboxReceiverUpdate
) -> SandboxReceiverRead:
    """Change a receiver; a script that is sent starts at its first step."""
    row = await _found(tx, actor, receiver_id, lock=True)
    check_version(row["version"], expected_version)
    changes = data.model_dump(include=data.model_fields_set)
    if not changes:
        return _to_read(row)
    if "script" in changes:
        changes["steps_taken"] = 0
    now = clock.now()
    changes |= {"version": row["version"] + 1, "updated_at": now, "last_used_at": now}
    await repository.change(tx, receiver_id, changes)
    return _to_read({**row, **changes})


async def delete_receiver(
    tx: WriteSession, actor: Principal, receiver_id: str, expected_version: int
) -> None:
    """Delete a receiver; it is gone at once, its hits are swept later."""
    row = await _found(tx, actor, receiver_id, lock=True)
    check_version(row["version"], expected_version)
    await repository.change(tx, receiver_id, {"deleted_at": clock.now(), "run": row["run"] + 1})


async def reset_receiver(tx: WriteSession, actor: Principal, receiver_id: str) -> SandboxReceiverRead:
    """Forget a receiver's hits and start its script again."""
    row = await _found(tx, actor, receiver_id, lock=True)
    anew = {"hits": 0, "steps_taken": 0, "bytes_taken": 0, "last_used_at": clock.now()}
    await repository.change(tx, receiver_id, {**anew, "run": row["run"] + 1})
    return _to_read(row)


# -- hits


async def examine(
    session: ReadSession, signers: Signers, sealer: Sealer, receiver_id: str, hit: Hit
) -> Examined:
    """Tell what a hit's signature is worth; 404 where there is no receiver."""
    receiver = await repository.find_for_hit(session, receiver_id)
    if receiver is None:
        raise _no_such_receiver()
    keys = await _keys_of(session, signers, sealer, receiver)
    verdict: Verdict | None = verify(hit.headers, hit.body, keys, clock.real())
    if verdict is Verdict.WRONG_KEY:
        if not keys:
            verdict = None
        elif await _fits_another_body(session, signers, receiver, hit, keys):
            verdict = Verdict.BODY_MODIFIED
    return Examined(receiver_id, receiver["handshake"], hit, verdict)


async def record_hit(tx: WriteSession, examined: Examined) -> Answer:
    """Record a hit with the answer it gets, and drop the oldest beyond what is kept."""
    hit = examined.hit
    size = len(hit.body) + _OVERHEAD_BYTES
    steps = int(takes_step(examined.handshake, hit))
    receiver = await repository.take(
        tx, examined.receiver_id, steps=steps, size=size, instant=hit.received_at
    )
    if receiver is None:
        raise _no_such_receiver()
    answer = answer_to(hit, examined.handshake, receiver["script"], receiver["steps_taken"])
    seen = hit.message_id is not None and await repository.was_seen(
        tx, receiver["id"], receiver["run"], hit.message_id
    )
    values = {
        **hit.row(),
        **answer.row(),
        "id": new_id("hit"),
        "receiver_id": receiver["id"],
        "run": receiver["run"],
        "number": receiver["hits"],
        "bytes_taken": receiver["bytes_taken"],
        "verdict": examined.verdict,
        "duplicate": seen,
    }
    await repository.add_hit(tx, values)
    await repository.drop_oldest(
        tx,
        receiver["id"],
        receiver["run"],
        number=receiver["hits"] - MAX_HITS,
        bytes_taken=receiver["bytes_taken"] - MAX_KEPT_BYTES,
    )
    return answer


async def list_hits(
    session: ReadSession, viewer: Viewer, receiver_id: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[SandboxHitRead], Page]:
    """Return one page of a receiver's hits."""
    receiver = await _found(session, viewer, receiver_id)
    page = await repository.page_of_hits(session, receiver, query, signer)
    return [SandboxHitRead.of(_hit_fields(row)) for row in page.rows], page


async def get_hit(session: ReadSession, viewer: Viewer, receiver_id: str, hit_id: str) -> SandboxHitContent:
    """Return one hit with its body."""
    row = await repository.find_hit(session, await _found(session, viewer, receiver_id), hit_id)
    if row is None:
        raise NotFound("No such hit.", "没有该请求。")
    body = bytes(row["body"])
    return SandboxHitContent.of(
        {**_hit_fields(row), "body_base64": base64.b64encode(body).decode(), "body_text": _text_of(body)}
    )


async def assert_hits(
    session: ReadSession, viewer: Viewer, receiver_id: str, expected: SandboxExpectation
) -> SandboxVerdictRead:
    """Judge the hits of a receiver by what is expected of them, and by the exercises of the certification."""
    receiver = await _found(session, viewer, receiver_id)
    arrivals = [Arrival(**row) for row in await repository.judged_hits(session, receiver)]
    checks, exercises = judge(expected, arrivals), certify(arrivals)
    elapsed = history.elapsed_s(arrivals)
    missing = history.gaps(history.deliveries(arrivals))[:SHOWN]
    return SandboxVerdictRead(
        passed=all(check.passed for check in checks),
        certified=is_certified(exercises, elapsed),
        hits=max(receiver["hits"], len(arrivals)),
        dropped=max(receiver["hits"] - len(arrivals), 0),
        elapsed_s=elapsed,
        gaps=[SandboxGapRead.of(asdict(gap)) for gap in missing],
        checks=checks,
        certification=exercises,
    )


async def forget_unused(tx: WriteSession, instant: datetime, limit: int) -> int:
    """Delete at most so many hits and receivers that are not kept any longer; return how many."""
    before = instant - KEEP
    done = await repository.drop_old_hits(tx, before, limit)
    if done < limit:
        done += await repository.drop_hits_of_past_runs(tx, limit - done)
    if done < limit:
        done += await repository.drop_receivers(tx, before, limit - done)
    return done


# -- parts


def _owner_of(actor: Principal, organisation_id: str | None) -> str:
    owner = organisation_id or actor.organisation_id
    if owner is None:
        raise ReceiverNeedsOrganisation()
    if owner != actor.organisation_id and not actor.sees_network:
        raise InsufficientScope(
            "Only the network administration makes receivers of another organisation.",
            "只有网络管理方可以为其他组织建立接收端。",
        )
    return owner


async def _found(session: ReadSession, viewer: Viewer, receiver_id: str, *, lock: bool = False) -> Row:
    row = await repository.find(session, viewer, receiver_id, lock=lock)
    if row is None:
        raise _no_such_receiver()
    return row


async def _keys_of(session: ReadSession, signers: Signers, sealer: Sealer, receiver: Row) -> list[bytes]:
    if receiver["secret"] is None:
        return await signers.keys_for(session, receiver["url"], receiver["organisation_id"])
    try:
        return [sealer.open(receiver["id"], bytes(receiver["secret"]))]
    except Unsealable:
        return []


async def _fits_another_body(
    session: ReadSession, signers: Signers, receiver: Row, hit: Hit, keys: list[bytes]
) -> bool:
    """Tell whether the signature is good for the bytes this message had before."""
    original = None
    if hit.delivery_id is not None:
        original = await signers.original_body(session, hit.delivery_id, receiver["organisation_id"])
    first = None
    if hit.message_id is not None:
        first = await repository.first_body(session, receiver["id"], receiver["run"], hit.message_id)
    return any(
        verify(hit.headers, body, keys, hit.received_at) is not Verdict.WRONG_KEY
        for body in (original, first)
        if body is not None
    )


def _to_read(row: Row) -> SandboxReceiverRead:
    return SandboxReceiverRead.of({**row, "has_secret": row["secret"] is not None})


def _hit_fields(row: Row) -> dict[str, Any]:
    return {**row, "answer": SandboxAnswerRead.of(row)}


def _text_of(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _no_such_receiver() -> NotFound:
    return NotFound("No such sandbox receiver.", "没有该沙箱接收端。")
