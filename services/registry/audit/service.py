"""The audit is a view of the event log: one record per committed change, in the order of the log."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from services.registry.audit import repository
from services.registry.audit.schemas import AuditRecord, ChainVerification
from services.registry.base import messaging
from shared.db.engine import ReadSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.errors import NotFound
from shared.identity import Principal
from shared.messaging.chain import verify_chain

LONGEST_CHECK = 100_000
"""How many positions one request checks; a longer log is checked by parts."""


def to_record(row: Mapping[str, Any]) -> AuditRecord:
    """Return a numbered event as an audit record."""
    event = from_json(row["payload"])
    data = event["data"]
    after = {name: data["object"][name] for name in data["changed"] if name in data["object"]}
    return AuditRecord(
        id=event["id"],
        sequence=row["sequence"],
        at=event["timestamp"],
        effective_at=event["effective_at"],
        actor=event["actor"],
        action=event["type"],
        resource=event["subject"],
        before=data["previous"],
        after=after if data["changed"] else data["object"],
        request_id=event["request_id"],
        chain=row["chain"],
    )


async def get_record(session: ReadSession, viewer: Principal, record_id: str) -> AuditRecord:
    """Return one audit record the viewer may see."""
    row = await repository.find(session, viewer, record_id)
    if row is None:
        raise NotFound("No such audit record.", "没有该审计记录。")
    return to_record(row)


async def list_records(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[AuditRecord], Page]:
    """Return one page of the audit records the viewer may see."""
    page = await repository.page(session, viewer, query, signer)
    return [to_record(row) for row in page.rows], page


async def verify(snapshot: ReadSession, from_sequence: int, to_sequence: int | None) -> ChainVerification:
    """Recompute the hash chain over a range of the log and say where it breaks first, if it does."""
    report = await verify_chain(snapshot, messaging, from_sequence, to_sequence, longest=LONGEST_CHECK)
    checked_to = max(0, report.last)
    return ChainVerification(
        intact=report.intact,
        first_broken=report.first_broken,
        checked=report.checked,
        checked_from=report.first,
        checked_to=checked_to if report.intact else report.first + report.checked,
        head=report.head,
        complete=report.intact and checked_to >= report.head,
    )
