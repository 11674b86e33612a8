"""A landing's row as a record: what callers see of it, and what its steps bring to it."""

from datetime import date
from typing import Any

from services.registry.landings.guards import LandingFacts, is_warned
from services.registry.landings.schemas import LandingRead, LandingTransition
from services.registry.landings.working_days import add_working_days
from shared.db.engine import Row

_COMMITTED = ("amount_cny", "start_on", "annual_output_cny", "annual_tax_cny", "jobs")
_CHECKED = ("reinvestment_percent", "relocation_clause", "compliance_approver")
_ENTITY = ("entity_name", "entity_uscc", "entity_adcode")
BROUGHT_LATER = (*_COMMITTED, *_CHECKED, *_ENTITY, "verified_output_cny", "lapses_after")


def to_read(row: Row) -> LandingRead:
    """Return a landing as callers see it."""
    return LandingRead.of(
        {
            **row,
            "commitments": {name: row[name] for name in _COMMITTED} if is_committed(row) else None,
            "compliance": _compliance(row),
            "legal_entity": {
                "name": row["entity_name"],
                "uscc": row["entity_uscc"],
                "adcode": row["entity_adcode"],
            }
            if row["entity_uscc"]
            else None,
        }
    )


def brought(data: LandingTransition) -> dict[str, Any]:
    """Return the columns that a step brings with it."""
    columns: dict[str, Any] = {}
    if data.commitments is not None:
        columns |= data.commitments.model_dump()
    if data.compliance is not None:
        columns["reinvestment_percent"] = data.compliance.reinvestment_percent
        columns["relocation_clause"] = data.compliance.relocation_clause
        columns["compliance_approver"] = data.compliance.approver_name
    if data.legal_entity is not None:
        columns |= {f"entity_{name}": value for name, value in data.legal_entity.model_dump().items()}
    if data.verified_output_cny is not None:
        columns["verified_output_cny"] = data.verified_output_cny
    return columns


def lapses_after(row: Row) -> date | None:
    """Return the last day on which a signed landing may still start, if a start was promised."""
    return add_working_days(row["start_on"], row["grace_working_days"]) if row["start_on"] else None


def is_overdue(row: Row, on: date) -> bool:
    """Tell whether the start and its grace have passed, as far as a start is agreed on at all."""
    return row["lapses_after"] is not None and row["lapses_after"] < on


def is_committed(row: Row) -> bool:
    """Tell whether everything that has to be promised was."""
    return all(row[name] is not None for name in _COMMITTED)


def _compliance(row: Row) -> dict[str, Any] | None:
    if row["reinvestment_percent"] is None or row["relocation_clause"] is None:
        return None
    facts = LandingFacts(
        reinvestment_percent=row["reinvestment_percent"], relocation_clause=row["relocation_clause"]
    )
    return {
        "reinvestment_percent": row["reinvestment_percent"],
        "relocation_clause": row["relocation_clause"],
        "warned": is_warned(facts),
        "approver_name": row["compliance_approver"],
    }
