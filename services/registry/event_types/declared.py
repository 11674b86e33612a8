"""The event types that registry declares, found where they are declared, and those of other services.

Every room declares its types in its ``schemas.py``. They are found by walking the service, so that a type is
in the catalogue because it exists, and no list has to be kept beside.
"""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.messaging.outbox import EventType

_SERVICE = "services.registry"
_FOREIGN = Path(__file__).with_name("foreign.json")


@dataclass(frozen=True)
class Announced:
    """An event type as partners get it; ``object_schema`` is a JSON Schema with its own ``$defs``."""

    name: str
    service: str
    subject: str
    title_en: str
    title_zh: str
    description_en: str
    description_zh: str
    since: str
    object_schema: dict[str, Any]


def declared() -> tuple[EventType, ...]:
    """Return every event type that a room of registry declares, by name."""
    found = {kind.name: kind for module in _schema_modules() for kind in _types_of(module)}
    return tuple(found[name] for name in sorted(found))


@cache
def announced() -> dict[str, Announced]:
    """Return all types that reach the endpoints of partners, by name."""
    known = [announcement("registry", kind) for kind in declared()]
    known += [Announced(**entry) for entry in json.loads(_FOREIGN.read_text(encoding="utf-8"))]
    return {kind.name: kind for kind in sorted(known, key=lambda kind: kind.name)}


def announcement(service: str, kind: EventType) -> Announced:
    """Return a declared type with the schema of the object it carries."""
    return Announced(
        name=kind.name,
        service=service,
        subject=kind.subject_type,
        title_en=kind.title_en,
        title_zh=kind.title_zh,
        description_en=kind.description_en or f"{kind.title_en}.",
        description_zh=kind.description_zh or f"{kind.title_zh}。",
        since=kind.since,
        object_schema=kind.object_type.model_json_schema(mode="serialization"),
    )


def _schema_modules() -> Iterator[Any]:
    package = importlib.import_module(_SERVICE)
    for room in pkgutil.iter_modules(package.__path__):
        if room.ispkg and (Path(package.__path__[0]) / room.name / "schemas.py").exists():
            yield importlib.import_module(f"{_SERVICE}.{room.name}.schemas")


def _types_of(module: Any) -> Iterator[EventType]:
    return (value for value in vars(module).values() if isinstance(value, EventType))
