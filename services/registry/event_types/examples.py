"""Examples of webhook bodies, made from the schema of what they carry: the same ones every time.

A value comes from what ``examples.json`` says about the type, the model or the name of the field; else from
the schema's own examples; else from its form. Identifiers follow from the name of what they identify, so
that one example refers to the records of the others.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from services.registry.event_types.declared import Announced
from shared.ids import derived_id

TIMESTAMP = "2026-11-23T01:02:03.456Z"

_FORMS: dict[str, Any] = {"integer": 1, "number": 1.0, "boolean": False, "object": {}, "null": None}
_STRINGS = {"date": "2026-11-20", "date-time": TIMESTAMP}

Schema = dict[str, Any]


def example_of(kind: Announced) -> dict[str, Any]:
    """Return a complete body of one type."""
    told = _said()["types"].get(kind.name, {})
    record = _record(kind, told.get("object", {}))
    previous = told.get("previous", {})
    owned_by = f"{kind.subject.removesuffix('_profile')}_id"
    owner = _said()["subjects"].get(kind.subject, {}).get("by", owned_by)
    subject_id = record.get("id") or record.get(owner) or identifier(kind.subject)
    subject = {
        "type": kind.subject,
        "id": subject_id,
        "version": record.get("version", 1),
        "url": _url(kind.subject, {"id": subject_id, **record}),
    }
    actor = {
        "type": "client",
        "id": identifier("client"),
        "organisation_id": identifier("operator"),
    }
    return {
        "id": derived_id("evt", "example", kind.name),
        "type": kind.name,
        "timestamp": TIMESTAMP,
        "sequence": 184467,
        "subject": subject,
        "actor": actor,
        "request_id": derived_id("req", "example", kind.name),
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "effective_at": "2026-11-20T00:00:00.000Z",
        "data": {"object": record, "changed": sorted(previous), "previous": previous},
        "delivery": {
            "id": derived_id("dlv", "example", kind.name),
            "endpoint_id": identifier("webhook_endpoint"),
            "sequence": 17,
        },
    }


def identifier(stem: str) -> str:
    """Return the identifier that examples use for one kind of record."""
    kind = _said()["same"].get(stem, stem)
    return derived_id(_said()["prefixes"].get(kind, kind.replace("_", "")[:3]), "example", kind)


def _record(kind: Announced, told: dict[str, Any]) -> dict[str, Any]:
    definitions = kind.object_schema.get("$defs", {})
    record: dict[str, Any] = _object(kind.object_schema, definitions)
    owner = _said()["subjects"].get(kind.subject, {}).get("is", kind.subject)
    if "id" in record:
        record["id"] = identifier(owner)
    return {**record, **told}


def _object(schema: Schema, definitions: Schema) -> dict[str, Any]:
    known = _said()["models"].get(schema.get("title"), {})
    return {
        name: known[name] if name in known else _field(name, entry, definitions)
        for name, entry in schema.get("properties", {}).items()
    }


def _field(name: str, schema: Schema, definitions: Schema) -> Any:
    if name in _said()["fields"]:
        return _said()["fields"][name]
    if name.endswith("_ids"):
        return [identifier(name.removesuffix("_ids"))]
    if name.endswith("_id"):
        return identifier(name.removesuffix("_id"))
    return _value(name, schema, definitions)


def _value(name: str, schema: Schema, definitions: Schema) -> Any:
    if "$ref" in schema:
        return _value(name, definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for word in ("examples", "enum"):
        if schema.get(word):
            return schema[word][0]
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return _choice(name, choices, definitions)
    if "properties" in schema:
        return _object(schema, definitions)
    form = schema.get("type")
    if form == "array":
        return [_value(name, schema["items"], definitions)] if schema.get("items") else []
    if form == "string":
        return _STRINGS.get(schema.get("format", ""), name)
    return _FORMS.get(str(form), {})


def _choice(name: str, choices: list[Schema], definitions: Schema) -> Any:
    """Return a value of the first alternative that says more than that it is a text; else null if it may."""
    nullable = {"type": "null"} in choices
    for choice in choices:
        bare = choice.get("type") == "string" and not {"format", "examples", "enum"} & choice.keys()
        if choice != {"type": "null"} and not (nullable and bare):
            return _value(name, choice, definitions)
    return None if nullable else _value(name, choices[0], definitions)


def _url(subject: str, record: dict[str, Any]) -> str:
    plural = re.sub("([^aeiou])ys$", r"\1ies", f"{subject}s").replace("_", "-")
    path: str = _said()["subjects"].get(subject, {}).get("url", f"/v1/{plural}/{{id}}")
    return path.format(**record)


@cache
def _said() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return said
