"""Use cases of the catalogue: every type of event with its schema and an example, the same for everybody."""

from functools import cache
from typing import Any

from services.registry.event_types.declared import Announced, announced
from services.registry.event_types.examples import example_of
from services.registry.event_types.message import WebhookMessage
from services.registry.event_types.schemas import Bilingual, EventTypeRead, EventTypes
from shared.errors import NotFound

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def list_event_types() -> EventTypes:
    """Return all types, by name."""
    return EventTypes(items=list(_catalogue().values()))


def get_event_type(name: str) -> EventTypeRead:
    """Return one type."""
    found = _catalogue().get(name)
    if found is None:
        raise NotFound("No such event type.", "没有该事件类型。")
    return found


def body_schema(kind: Announced) -> dict[str, Any]:
    """Return the JSON Schema of a webhook body of one type; it refers to nothing outside itself."""
    envelope = WebhookMessage.model_json_schema(mode="serialization")
    carried = dict(kind.object_schema)
    definitions = {**carried.pop("$defs", {}), **envelope.pop("$defs"), carried["title"]: carried}
    envelope["properties"]["type"] = {"const": kind.name}
    definitions["Subject"]["properties"]["type"] = {"const": kind.subject}
    definitions["EventData"]["properties"]["object"] = {"$ref": f"#/$defs/{carried['title']}"}
    said = {"$schema": _DIALECT, "title": kind.name, "description": kind.description_en}
    return {**envelope, **said, "$defs": dict(sorted(definitions.items()))}


@cache
def _catalogue() -> dict[str, EventTypeRead]:
    return {name: _entry(kind) for name, kind in announced().items()}


def _entry(kind: Announced) -> EventTypeRead:
    return EventTypeRead(
        type=kind.name,
        subject=kind.subject,
        service=kind.service,
        title=Bilingual(zh=kind.title_zh, en=kind.title_en),
        description=Bilingual(zh=kind.description_zh, en=kind.description_en),
        since=kind.since,
        schema=body_schema(kind),
        example=example_of(kind),
    )
