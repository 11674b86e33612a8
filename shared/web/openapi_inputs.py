"""What every JSON body has in common, written into the schemas of the contract.

The reader of bodies refuses some characters anywhere and trims texts; a merge patch has no defaults. Neither
is said by the models themselves.
"""

from collections.abc import Iterator
from typing import Any

_REF = "#/components/schemas/"
_REFUSED = r"\u0000\u202a-\u202e\u2066-\u2069"
_ANY_TEXT = f"^[^{_REFUSED}]*$"
_BLANK = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_VISIBLE_TEXT = f"^[^{_REFUSED}]*[^{_BLANK}{_REFUSED}][^{_REFUSED}]*$"
_CONSTRAINED = ("pattern", "format", "enum", "const")

Schemas = dict[str, dict[str, Any]]


def complete_inputs(document: dict[str, Any]) -> None:
    """Complete the schemas of all JSON bodies of a contract."""
    schemas: Schemas = document["components"]["schemas"]
    for methods in document["paths"].values():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                continue
            for schema in _reachable(body["schema"], schemas, set()):
                _describe_text(schema)
            if method == "patch":
                _drop_defaults(schemas[body["schema"]["$ref"].removeprefix(_REF)])


def _reachable(node: Any, schemas: Schemas, seen: set[str]) -> Iterator[dict[str, Any]]:
    """Yield every schema a body may be made of."""
    if isinstance(node, list):
        for entry in node:
            yield from _reachable(entry, schemas, seen)
    if not isinstance(node, dict):
        return
    name = str(node.get("$ref", "")).removeprefix(_REF)
    if name and name not in seen:
        seen.add(name)
        yield from _reachable(schemas[name], schemas, seen)
    if node.get("type") is not None:
        yield node
    for key in ("items", "anyOf", "oneOf", "allOf", "prefixItems", "additionalProperties"):
        yield from _reachable(node.get(key), schemas, seen)
    yield from _reachable(list(node.get("properties", {}).values()), schemas, seen)


def _describe_text(schema: dict[str, Any]) -> None:
    if schema["type"] == "string" and not any(keyword in schema for keyword in _CONSTRAINED):
        schema["pattern"] = _VISIBLE_TEXT if schema.get("minLength") else _ANY_TEXT


def _drop_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)
