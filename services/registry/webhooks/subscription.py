"""Which events an endpoint is sent: what it asked for, inside what its organisation may see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.registry.access.grants import withheld_events

TEST_EVENT = "webhook.test"


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What a subscription needs to know of an event; ``enclave_id`` is that of its project, or itself."""

    type: str
    root_id: str
    parties: frozenset[str]
    enclave_id: str | None


class Subscription:
    """One endpoint's filters, read once and asked for every event."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.endpoint_id: str = row["id"]
        self.organisation_id: str = row["organisation_id"]
        self.sees_network: bool = row["sees_network"]
        self._types = _Types(row["event_types"])
        self._withheld = _Types(withheld_events(self))
        self._homes = _chosen(row["home_unit_ids"])
        self._operators = _chosen(row["operator_ids"])
        self._enclaves = _chosen(row["enclave_ids"])
        self._projects = _chosen(row["project_ids"])

    @property
    def asks_for_enclaves(self) -> bool:
        """Whether an event's enclave matters to it."""
        return self._enclaves is not None

    def takes_type(self, type: str) -> bool:
        """Tell whether any event of this type can be for it."""
        return type == TEST_EVENT or (type in self._types and type not in self._withheld)

    def takes(self, facts: EventFacts) -> bool:
        """Tell whether this event is for it. A test reaches its own endpoint only, and nothing else about
        an endpoint reaches that endpoint: it would tell a dead receiver that it is dead, for ever.
        """
        if facts.type == TEST_EVENT or facts.root_id == self.endpoint_id:
            return facts.type == TEST_EVENT and facts.root_id == self.endpoint_id
        return (
            self.takes_type(facts.type)
            and (self.sees_network or self.organisation_id in facts.parties)
            and (self._homes is None or not self._homes.isdisjoint(facts.parties))
            and (self._operators is None or not self._operators.isdisjoint(facts.parties))
            and (self._enclaves is None or facts.enclave_id in self._enclaves)
            and (self._projects is None or facts.root_id in self._projects)
        )


class _Types:
    """Names, ``prefix.*`` and ``*``."""

    def __init__(self, names: Any) -> None:
        self._all = "*" in names
        self._exact = frozenset(name for name in names if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in names if name.endswith(".*"))

    def __contains__(self, type: str) -> bool:
        return self._all or type in self._exact or type.startswith(self._prefixes)


def _chosen(ids: list[str] | None) -> frozenset[str] | None:
    return None if ids is None else frozenset(ids)
