"""A feed of the registry made by hand: what happened, when, and when it was recorded."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.clock import to_rfc3339
from shared.messaging.received import FetchedPage

NETWORK = "org_network"


def instant(text: str) -> datetime:
    """Noon in China of a date, or an instant as written."""
    return datetime.fromisoformat(text if "T" in text else f"{text}T12:00:00+08:00").astimezone(UTC)


class HandmadeFeed:
    """A feed source whose events are written by the test; ``recorded`` defaults to when it happened."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.epoch = "one"
        self.broken = False
        self._records: dict[str, dict[str, Any]] = {}

    async def fetch(self, after: str | None, limit: int, wait_s: float) -> FetchedPage:
        if self.broken:
            raise OSError("the registry is down")
        start = int(after or 0)
        page: list[Mapping[str, Any]] = [
            json.loads(json.dumps(e)) for e in self.events[start : start + limit]
        ]
        end = start + len(page)
        return FetchedPage(page, str(end), end < len(self.events), self.epoch, len(self.events))

    def behind(self, position: tuple[str, str]) -> bool:
        """Whether a reader at this epoch and cursor has not read everything."""
        return position != (self.epoch, str(len(self.events)))

    def tell(
        self,
        kind: str,
        record: dict[str, Any],
        happened: str,
        recorded: str | None = None,
        changed: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Append an event about a record; its version follows from what was told of it before."""
        subject = kind.split(".")[0]
        known = self._records.get(record["id"], {"version": 0})
        full = {**known, **record, "version": known["version"] + 1}
        self._records[record["id"]] = full
        effective = instant(happened)
        event = {
            "id": f"evt_{len(self.events)}",
            "type": kind,
            "timestamp": to_rfc3339(instant(recorded) if recorded else effective + timedelta(seconds=1)),
            "sequence": len(self.events) + 1,
            "subject": {"type": subject, "id": record["id"], "version": full["version"], "url": ""},
            "effective_at": to_rfc3339(effective),
            "data": {"object": full, "changed": list(changed), "previous": {}},
        }
        self.events.append(event)
        return event

    def organisation(self, id: str, kind: str = "home_unit", name: str = "丽水") -> None:
        self.tell(
            "organisation.created", {"id": id, "kind": kind, "name": name, "adcode": None}, "2020-01-01"
        )

    def enclave(self, id: str, at: str = "2020-01-01", **values: Any) -> None:
        record = {
            "id": id,
            "name": f"飞地 {id}",
            "home_unit_id": "org_home",
            "host_place": {"adcode": "310115", "city_adcode": "310000"},
            "operator_id": None,
            "operating_mode": None,
            "carrier_type": None,
            "siting_pattern": None,
            "party_ids": ["org_home"],
        }
        first = id not in self._records
        kind = "enclave.created" if first else "enclave.updated"
        self.tell(kind, {**(record if first else {"id": id}), **values}, at)

    def project(self, id: str, at: str, *, recorded: str | None = None, **values: Any) -> None:
        """Enter a project as a lead, or as ``stage``."""
        record = {
            "id": id,
            "title": f"项目 {id}",
            "stage": "lead",
            "enclave_id": None,
            "home_unit_ids": [],
            "operator_id": None,
            "industry_codes": [],
            "strategic_fields": [],
            "last_contact_on": None,
            "reserve_score": None,
            "party_ids": [],
            "synthetic": True,
        }
        self.tell("project.created", {**record, "id": id, **values}, at, recorded)

    def update(self, id: str, at: str, recorded: str | None = None, **values: Any) -> None:
        self.tell("project.updated", {"id": id, **values}, at, recorded, tuple(values))

    def stage(self, id: str, stage: str, at: str, recorded: str | None = None) -> dict[str, Any]:
        return self.tell("project.stage_changed", {"id": id, "stage": stage}, at, recorded, ("stage",))

    def landing(self, id: str, project: str, at: str, home: str = "org_home") -> None:
        record = {"id": id, "project_id": project, "home_unit_id": home, "state": "intent"}
        self.tell("landing.created", record, at)

    def landing_state(self, id: str, state: str, at: str, recorded: str | None = None) -> None:
        self.tell("landing.state_changed", {"id": id, "state": state}, at, recorded, ("state",))
