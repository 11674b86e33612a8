"""Audit records on the wire: who changed what, from what to what."""

from typing import Any

from pydantic import Field

from shared.db.keyset import Filter, ListSpec
from shared.types import Instant, Output


class AuditActor(Output):
    """Who caused the change."""

    type: str
    id: str
    organisation_id: str | None


class AuditResource(Output):
    """The record that changed, at the version the change left it at."""

    type: str
    id: str
    version: int
    url: str


class AuditRecord(Output):
    """One committed change. ``before`` and ``after`` hold what changed; ``after`` all of a new record."""

    id: str
    sequence: int
    at: Instant
    effective_at: Instant
    actor: AuditActor
    action: str = Field(examples=["client.updated"])
    resource: AuditResource
    before: dict[str, Any]
    after: dict[str, Any]
    request_id: str | None
    chain: str = Field(description="SHA-256 over the chain of the record before and this record's event.")


class ChainVerification(Output):
    """Whether the log is as it was written. ``checked_to`` is the last position looked at.

    ``checked_from`` is the first: where it was to begin, or the first event that was not forgotten.
    """

    intact: bool
    first_broken: int | None
    checked: int
    checked_from: int
    checked_to: int
    head: int
    complete: bool = Field(description="Whether the check reached the head of the log.")


AUDIT_LIST = ListSpec(
    filters={
        "action": Filter(),
        "resource_type": Filter(),
        "resource_id": Filter(),
        "root_id": Filter(description="Everything that belongs to one record."),
        "sequence": Filter(int, ("eq", "gte", "lte", "gt", "lt")),
    },
    sorts=("sequence",),
    default_sort="-sequence",
)
