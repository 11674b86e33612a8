"""The webhooks of registry in its OpenAPI document, so that generators of clients see what a partner gets.

Each type is a component that refers to the record it carries, which the document has anyway.
"""

import json
from typing import Any

from services.registry.event_types.declared import Announced, announced
from services.registry.event_types.message import ChallengeAnswer, EndpointVerification, WebhookMessage

VERIFICATION = "webhook.endpoint_verification"

Document = dict[str, Any]

_COMPONENTS = "#/components/schemas/"
_HEADERS: dict[str, tuple[Document, str]] = {
    "webhook-id": (
        {"type": "string", "examples": ["evt_01jd3v9w8xk4m7q2r5t6y8z0ab"]},
        "The event's id, the same in every attempt and replay: what duplicates are told by.",
    ),
    "webhook-timestamp": (
        {"type": "string", "pattern": "^[0-9]+$", "examples": ["1795399445"]},
        "When this attempt was signed, in seconds since 1970.",
    ),
    "webhook-signature": (
        {"type": "string", "examples": ["v1,QmM4DsHLBB5aN5UMtzAhdhiCVbPMjCucFmlfLfVaCKw="]},
        "Signatures separated by spaces; one that fits is enough.",
    ),
    "webhook-event-type": ({"type": "string", "examples": ["project.stage_changed"]}, "The body's `type`."),
}
_DELIVERY_HEADERS: dict[str, tuple[Document, str]] = {
    "webhook-delivery-id": ({"type": "string"}, "The body's `delivery.id`."),
    "webhook-attempt": ({"type": "string", "pattern": "^[0-9]+$"}, "1 for the first attempt."),
    "webhook-sequence": ({"type": "string", "pattern": "^[0-9]+$"}, "The body's `delivery.sequence`."),
}


def describe_webhooks(document: Document) -> None:
    """Add every event type and the handshake to a contract."""
    components = document["components"]
    components["parameters"] = {
        **components.get("parameters", {}),
        **{name: _parameter(name, *said) for name, said in {**_HEADERS, **_DELIVERY_HEADERS}.items()},
    }
    schemas = components["schemas"]
    for model in (WebhookMessage, EndpointVerification, ChallengeAnswer):
        _define(schemas, model.model_json_schema(mode="serialization"))
    document["webhooks"] = {VERIFICATION: {"post": _verification()}}
    for kind in announced().values():
        _define(schemas, kind.object_schema)
        name = component_of(kind.name)
        schemas[name] = _message(kind, name)
        document["webhooks"][kind.name] = {"post": _operation(kind, name)}


def component_of(event_type: str) -> str:
    """Return the name of the component that describes a type's body, as ``ProjectCreatedMessage``."""
    words = event_type.replace(".", "_").split("_")
    return "".join(word.capitalize() for word in words) + "Message"


def _define(schemas: Document, schema: Document) -> None:
    """Add a model and what it refers to, unless the document has it."""
    moved = json.loads(json.dumps(schema).replace("#/$defs/", _COMPONENTS))
    for name, found in {**moved.pop("$defs", {}), moved["title"]: moved}.items():
        schemas.setdefault(name, found)


def _message(kind: Announced, name: str) -> Document:
    carried = {"$ref": _COMPONENTS + kind.object_schema["title"]}
    narrowed = {
        "type": {"const": kind.name},
        "data": {"type": "object", "properties": {"object": carried}},
    }
    return {
        "title": name,
        "description": kind.description_en,
        "allOf": [
            {"$ref": f"{_COMPONENTS}WebhookMessage"},
            {"type": "object", "properties": narrowed},
        ],
    }


def _operation(kind: Announced, name: str) -> Document:
    return {
        "operationId": f"on{name.removesuffix('Message')}",
        "summary": kind.title_en,
        "description": kind.description_en,
        "tags": ["webhooks"],
        "security": [],
        "parameters": _references({**_HEADERS, **_DELIVERY_HEADERS}),
        "requestBody": _body(name),
        "responses": {
            "2XX": {"description": "Taken; anything else is sent again."},
            "410": {"description": "Gone: the endpoint is disabled."},
        },
    }


def _verification() -> Document:
    answer = {"schema": {"$ref": f"{_COMPONENTS}ChallengeAnswer"}}
    return {
        "operationId": "onWebhookEndpointVerification",
        "summary": "An endpoint is asked whether it wants this",
        "description": "The handshake. Answer with the challenge; until then deliveries are held.",
        "tags": ["webhooks"],
        "security": [],
        "parameters": _references(_HEADERS),
        "requestBody": _body("EndpointVerification"),
        "responses": {"2XX": {"description": "The same challenge.", "content": {"application/json": answer}}},
    }


def _body(component: str) -> Document:
    content = {"application/json": {"schema": {"$ref": _COMPONENTS + component}}}
    return {"required": True, "content": content}


def _references(headers: Document) -> list[Document]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in headers]


def _parameter(name: str, schema: Document, description: str) -> Document:
    return {"name": name, "in": "header", "required": True, "schema": schema, "description": description}
