"""An enclave's row as a record: what its parties see, and the event of every change."""

from collections.abc import Mapping
from typing import Any

from services.registry.base import messaging
from services.registry.enclaves import repository
from services.registry.enclaves.errors import EnclaveNotCloud
from services.registry.enclaves.schemas import ENCLAVE_UPDATED, CarrierType, EnclaveRead, NetworkRole
from services.registry.reference.service import place_of
from shared import clock
from shared.db.engine import WriteSession
from shared.identity import Principal
from shared.messaging.outbox import EventType, publish

PARTY_FIELDS = ("home_unit_id", "operator_id", "host_park_id")


def party_ids_of(row: Mapping[str, Any]) -> list[str]:
    """Return the organisations an enclave is visible to: its home unit, operator and host park."""
    return sorted({row[name] for name in PARTY_FIELDS if row[name] is not None})


def to_read(row: Mapping[str, Any]) -> EnclaveRead:
    """Return an enclave as its parties see it."""
    return EnclaveRead.of(
        {
            **row,
            "home_place": place_of(row["home_adcode"]),
            "host_place": place_of(row["host_adcode"]),
            "party_ids": party_ids_of(row),
        }
    )


def check_role(row: Mapping[str, Any]) -> None:
    """Raise when an enclave known to be no cloud would be a network's cloud enclave."""
    physical = row["carrier_type"] not in (None, CarrierType.CLOUD)
    if physical and row["network_role"] == NetworkRole.CLOUD:
        raise EnclaveNotCloud()


async def change_enclave(
    tx: WriteSession, actor: Principal, row: Mapping[str, Any], changes: Mapping[str, Any]
) -> EnclaveRead:
    """Write changes to a locked enclave, bump its version and publish them."""
    after = {**row, **changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change(
        tx, row["id"], {name: after[name] for name in (*changes, "version", "updated_at")}
    )
    record = to_read(after)
    old, new = to_read(row).model_dump(), record.model_dump()
    told = sorted(name for name in new if new[name] != old[name] and name not in ("version", "updated_at"))
    previous = {name: old[name] for name in told}
    await publish_enclave(tx, actor, ENCLAVE_UPDATED, record, changed=told, previous=previous)
    return record


async def publish_enclave(
    tx: WriteSession, actor: Principal, event_type: EventType, record: EnclaveRead, **details: Any
) -> None:
    """Write an enclave's event."""
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="enclave",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/enclaves/{record.id}",
        **details,
    )
