"""Histories of admissions and landings: as columns with a known truth, and as the registry tells them."""

from datetime import date, timedelta
from typing import Any

import numpy as np

from services.matching.engine.evaluation.cohorts import Admission
from shared.clock import today
from tests.matching.registry_double import RegistryDouble, identifier, project


def day_number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def days_ago(days: int) -> date:
    return today() - timedelta(days=days)


def synthetic(
    seed: int, rates: list[float], per_home: int, first: date, last: date, later: list[float] | None = None
) -> list[Admission]:
    """Admissions whose home units land their projects at these rates, or at others in the later half."""
    random = np.random.default_rng(seed)
    span, found = (last - first).days, []
    for number, rate in enumerate(rates):
        for count in range(per_home):
            after = int(random.integers(0, span))
            holds = later[number] if later and after > span // 2 else rate
            admitted = first + timedelta(days=after)
            landed = admitted + timedelta(days=int(random.integers(30, 700)))
            day = day_number(landed) if random.random() < holds else None
            name = f"prj_{number:03}_{count:04}"
            found.append(Admission(name, f"org_{number:03}", day_number(admitted), day))
    return found


def _noon(day: date) -> str:
    return f"{day.isoformat()}T04:00:00.000Z"


def tell_admission(
    registry: RegistryDouble,
    title: str,
    home: str,
    enclave_id: str | None,
    admitted: date,
    landed: date | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """Tell of a project that is admitted on a day and registers at the home unit on another; return it."""
    record = project(title, home, enclave_id=enclave_id, **changes)
    registry.tell("project.created", {**record, "stage": "lead"}, effective_at=_noon(admitted))
    record = {**record, "stage": "admitted", "version": 2}
    registry.tell("project.stage_changed", record, effective_at=_noon(admitted), changed=["stage"])
    if landed is not None:
        tell_landing(registry, title, home, landed)
    return record


def move(registry: RegistryDouble, record: dict[str, Any], stage: str, day: date, **changes: Any) -> None:
    """Tell of one more step of a project."""
    record.update(stage=stage, version=record["version"] + 1, **changes)
    registry.tell("project.stage_changed", record, effective_at=_noon(day), changed=["stage"])


def tell_landing(registry: RegistryDouble, title: str, home: str, landed: date) -> None:
    landing = {
        "id": identifier("lnd", f"{title} {home}"),
        "project_id": identifier("prj", title),
        "home_unit_id": home,
        "enclave_id": None,
        "state": "intent",
        "version": 1,
    }
    registry.tell("landing.created", landing, effective_at=_noon(landed))
    for version, state in ((2, "signed"), (3, "registered")):
        told = {**landing, "state": state, "version": version}
        registry.tell("landing.state_changed", told, effective_at=_noon(landed), changed=["state"])
