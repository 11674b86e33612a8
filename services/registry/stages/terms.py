"""What an admission is about: the space that a project applies for in its own enclave."""

from collections.abc import Sequence
from typing import Any

from services.registry.residencies.admission import residencies_of
from services.registry.residencies.schemas import ResidencyRead
from shared.db.engine import ReadSession, Row

_TERMS = {"seats", "area_m2", "starts_on", "ends_on"}


def residency_to_admit(project: Row, residencies: Sequence[ResidencyRead]) -> ResidencyRead | None:
    """Return the latest stay in the project's own enclave that has not ended."""
    mine = [stay for stay in residencies if stay.enclave_id == project["enclave_id"] and stay.state != "left"]
    return mine[-1] if mine else None


async def terms_to_approve(session: ReadSession, project: Row) -> dict[str, Any]:
    """Return what a key that is turned now is turned for, as an approval keeps it."""
    stay = residency_to_admit(project, await residencies_of(session, project["id"]))
    terms = dict.fromkeys(_TERMS) if stay is None else stay.model_dump(mode="json", include=_TERMS)
    return {"enclave_id": project["enclave_id"], **terms}
