"""The event types of other services that registry announces; ``python -m tests.contracts.foreign_types``
writes them to where registry reads them."""

import importlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.registry.event_types.declared import announcement
from shared.messaging.outbox import EventType

ROOT = Path(__file__).parents[2]
COPY = ROOT / "services/registry/event_types/foreign.json"
OTHERS = ("matching", "metrics")


def types_of(service: str) -> list[EventType]:
    """Return the types that the rooms of a service declare, by name."""
    modules = [
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in sorted((ROOT / "services" / service).rglob("schemas.py"))
    ]
    found = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, EventType)
    }
    return [found[name] for name in sorted(found)]


def foreign_types() -> list[dict[str, Any]]:
    """Return what the other services declare, as registry keeps it."""
    return [asdict(announcement(service, kind)) for service in OTHERS for kind in types_of(service)]


if __name__ == "__main__":
    text = json.dumps(foreign_types(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    COPY.write_text(text, encoding="utf-8")
