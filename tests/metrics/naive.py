"""The KPIs again, naively: loops over the events as they are, one question at a time."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from tests.metrics.feed import instant

STAGES = ["lead", "screening", "reserve", "admitted"]
STAGES += ["incubation", "acceleration", "rnd", "pilot", "industrialisation", "completed"]
LANDINGS = ["intent", "signed", "registered", "started", "producing", "honoured"]
INCUBATING = {"incubation", "acceleration", "rnd", "pilot"}
Event = dict[str, Any]


def china(moment: datetime) -> date:
    return (moment + timedelta(hours=8)).date()


def happened(event: Event) -> datetime:
    return instant(event["effective_at"])


def recorded(event: Event) -> datetime:
    return instant(event["timestamp"])


def years_later(day: date, years: int) -> date:
    """The day from which so many years are over; one born on 29 February waits for the 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


class Naive:
    """What a reader of the feed knows at ``known_at`` of the end of ``as_of``."""

    def __init__(self, events: list[Event], as_of: date, known_at: datetime | None) -> None:
        self.known = [e for e in events if known_at is None or recorded(e) <= known_at]
        self.as_of = as_of

    def newest(self, kind: str) -> dict[str, dict[str, Any]]:
        found: dict[str, Event] = {}
        for event in self.known:
            subject = event["subject"]
            if subject["type"] == kind and subject["version"] > found.get(subject["id"], {"v": 0})["v"]:
                found[subject["id"]] = {"v": subject["version"], "o": event["data"]["object"]}
        return {id: entry["o"] for id, entry in found.items()}

    def facts(self, kind: str, id: str) -> list[tuple[bool, datetime, int, str]]:
        """Facts of one record in the order in which the last one is right; entering it comes first."""
        key = "stage" if kind == "project" else "state"
        facts = []
        for event in self.known:
            entered = event["type"] == f"{kind}.created"
            if event["subject"]["id"] != id or not (entered or key in event["data"]["changed"]):
                continue
            if china(happened(event)) <= self.as_of:
                facts.append((not entered, happened(event), event["sequence"], event["data"]["object"][key]))
        return sorted(facts)

    def reached(self, kind: str, id: str, step: str) -> date | None:
        order = STAGES if kind == "project" else LANDINGS
        since: list[date] = []
        for dated, moment, _, state in sorted(self.facts(kind, id), key=lambda fact: fact[1:3]):
            if state in order and order.index(state) >= order.index(step):
                since.append(china(moment))
            elif state in order and dated:
                since = []
        return min(since, default=None)

    def last_contact(self, id: str) -> date | None:
        versions = [e["data"]["object"] for e in self.known if e["subject"]["id"] == id]
        newest = self.newest("project")[id]["last_contact_on"]
        if newest is None:
            return None
        contacts = {date.fromisoformat(v["last_contact_on"]) for v in versions if v["last_contact_on"]}
        if date.fromisoformat(newest) <= self.as_of:
            return date.fromisoformat(newest)
        return max((contact for contact in contacts if contact <= self.as_of), default=None)

    def projects(self, slices: dict[str, str]) -> list[str]:
        enclaves = self.newest("enclave")
        chosen = []
        for id, project in self.newest("project").items():
            enclave = enclaves.get(project["enclave_id"], {})
            homes = [enclave.get("home_unit_id")] if project["enclave_id"] else project["home_unit_ids"]
            sections = {"C" if "13" <= code[:2] <= "43" else "I" for code in project["industry_codes"]}
            values = {
                "enclave_id": [project["enclave_id"]],
                "home_unit_id": homes,
                "operating_mode": [enclave.get("operating_mode")],
                "host_city_adcode": [(enclave.get("host_place") or {}).get("city_adcode")],
                "operator_id": [project["operator_id"] or enclave.get("operator_id")],
                "section": sections,
                "strategic_field": project["strategic_fields"],
                "cohort": [
                    str(admitted.year) if (admitted := self.reached("project", id, "admitted")) else None
                ],
            }
            if self.facts("project", id) and all(value in values[name] for name, value in slices.items()):
                chosen.append(id)
        return chosen

    def incubating(self, slices: dict[str, str]) -> set[str]:
        return {id for id in self.projects(slices) if self.facts("project", id)[-1][3] in INCUBATING}

    def reserve(self, slices: dict[str, str]) -> tuple[set[str], set[str]]:
        fresh, stale = set(), set()
        for id in self.projects(slices):
            if self.facts("project", id)[-1][3] == "reserve":
                contact = self.last_contact(id)
                good = contact is not None and self.as_of - contact <= timedelta(days=90)
                feasible = self.newest("project")[id]["reserve_score"] is not None
                (fresh if good and feasible else stale).add(id)
        return fresh, stale

    def landing(self, slices: dict[str, str], years: int, tier: str) -> Counter[str]:
        counted: Counter[str] = Counter()
        for id in self.projects(slices):
            admitted = self.reached("project", id, "admitted")
            if admitted is None:
                continue
            days = [
                self.reached("landing", key, tier)
                for key, o in self.newest("landing").items()
                if o["project_id"] == id
            ]
            landed = min((day for day in days if day), default=None)
            counted["admitted"] += 1
            counted["ever"] += landed is not None
            # Without a 29 February in the year of the end, the 1 March is the first day after the term.
            end = years_later(admitted, years)
            if end > self.as_of:
                counted["censored"] += 1
                continue
            counted["denominator"] += 1
            in_time = landed is not None and (landed <= end if end.day == admitted.day else landed < end)
            counted["numerator"] += in_time
        return counted
