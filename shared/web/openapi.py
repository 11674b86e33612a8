"""The contract: FastAPI's document with what the policies, headers and problems of this house add."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shared.db.keyset import MAX_INTEGER, MAX_LIST, MAX_TEXT, Filter, ListSpec
from shared.web.access import Reads, Writes
from shared.web.openapi_inputs import complete_inputs

PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}

_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). `code` is stable; `title` and `detail` follow Accept-Language.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "examples": ["/v1/problems#not_found"]},
        "title": {"type": "string", "examples": ["Not found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["No such record."]},
        "instance": {"type": "string", "examples": ["/v1/projects/prj_01jd3v9w8xk4m7q2r5t6y8z0ab"]},
        "code": {"type": "string", "examples": ["not_found"]},
        "request_id": {"type": "string", "examples": ["req_01jd3v9w8xk4m7q2r5t6y8z0ab"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemEntry"}},
    },
    "examples": [
        {
            "type": "/v1/problems#not_found",
            "title": "Not found",
            "status": 404,
            "detail": "No such record.",
            "instance": "/v1/projects/prj_01jd3v9w8xk4m7q2r5t6y8z0ab",
            "code": "not_found",
            "request_id": "req_01jd3v9w8xk4m7q2r5t6y8z0ab",
            "errors": [],
        }
    ],
}
_ENTRY_SCHEMA: dict[str, Any] = {
    "title": "ProblemEntry",
    "description": "One reason of a refusal and where it lies.",
    "type": "object",
    "required": ["code", "detail", "params"],
    "properties": {
        "code": {"type": "string", "examples": ["missing_field"]},
        "detail": {"type": "string", "examples": ["is required"]},
        "params": {"type": "object"},
        "pointer": {"type": "string", "examples": ["/title"]},
        "parameter": {"type": "string", "examples": ["limit"]},
        "header": {"type": "string", "examples": ["If-Match"]},
    },
}

_PHRASES = {
    400: "A parameter is unknown or malformed",
    401: "No valid credential",
    403: "The scope was not granted",
    404: "No such record, or not visible to the caller",
    409: "The request contradicts the current state",
    410: "The cursor has expired",
    412: "The record has changed since it was read",
    413: "The body is too large",
    414: "The address is longer than 32 KiB",
    415: "The body is not JSON",
    422: "The body is not valid",
    428: "A required precondition header is missing",
    500: "Internal error",
    503: "A dependency does not answer now",
}

_JSON_TYPES = {"str": "string", "int": "integer", "bool": "boolean", "Decimal": "number"}


def list_parameters(spec: ListSpec) -> dict[str, Any]:
    """Return the ``openapi_extra`` of a list operation: its paging, sorting and filtering parameters."""
    sorts = [f"{sign}{name}" for name in dict.fromkeys((*spec.sorts, "id")) for sign in ("", "-")]
    parameters = [
        _query(
            "limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Records per page."
        ),
        _query("cursor", {"type": "string"}, "`next_cursor` of the page before."),
        _query(
            "sort",
            {"type": "string", "enum": sorts, "default": spec.default_sort},
            "Order; ties break by id.",
        ),
        _query("include_total", {"type": "boolean", "default": False}, "Count matches, up to 10,000."),
    ]
    for name, rule in spec.filters.items():
        parameters.extend(_filter_parameters(name, rule))
    return {"parameters": parameters, "x-list": True}


def _filter_parameters(name: str, rule: Filter) -> Iterator[dict[str, Any]]:
    for operator in rule.operators:
        alias = name if operator == "eq" else f"{name}[{operator}]"
        if operator == "in":
            schema: dict[str, Any] = {"type": "string", "maxLength": MAX_LIST}
            if rule.choices:
                options = "|".join(rule.choices)
                schema["pattern"] = f"^({options})(,({options}))*$"
            elif rule.type is not str:
                continue
            else:
                one = rf"[^,\u0000]{{{rule.min_length},{MAX_TEXT}}}"
                schema["pattern"] = rf"^{one}(,{one})*$"
        else:
            schema = _scalar_schema(rule)
        description = rule.description or f"Filter by `{name}`."
        if operator == "contains":
            description += " A to Z match in either case."
        yield _query(alias, schema, description)


def _scalar_schema(rule: Filter) -> dict[str, Any]:
    if rule.schema is not None:
        return dict(rule.schema)
    if rule.choices:
        return {"type": "string", "enum": list(rule.choices)}
    if rule.type.__name__ in ("date", "datetime"):
        return {"type": "string", "format": {"date": "date", "datetime": "date-time"}[rule.type.__name__]}
    if rule.type is str:
        least = {"minLength": rule.min_length} if rule.min_length else {}
        return {"type": "string", **least, "maxLength": MAX_TEXT, "pattern": r"^[^\u0000]*$"}
    schema: dict[str, Any] = {"type": _JSON_TYPES[rule.type.__name__]}
    return {**schema, "minimum": -MAX_INTEGER, "maximum": MAX_INTEGER} if rule.type is int else schema


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def policies_of(dependant: Dependant) -> Iterator[Reads | Writes]:
    """Yield the policies among an operation's dependencies."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Reads | Writes):
            yield dependency.call
        yield from policies_of(dependency)


def api_routes(app: FastAPI) -> list[APIRoute]:
    """Return the operations of the contract."""
    return [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]


def build_openapi(app: FastAPI, additions: Sequence[Callable[[dict[str, Any]], None]] = ()) -> dict[str, Any]:
    """Return the complete contract of a service and keep it on the application.

    ``additions`` write into the document what does not follow from the routes.
    """
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.2.0",
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        separate_input_output_schemas=False,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(Problem=_PROBLEM_SCHEMA, ProblemEntry=_ENTRY_SCHEMA)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "Access token or API key (`fk_…`)."}
    }
    for route in api_routes(app):
        said = (route.description or "").partition("\n")[0].rstrip(".")
        for method in route.methods or ():
            operation = document["paths"][route.path_format].get(method.lower())
            if operation is not None:
                operation["summary"] = said
                _complete(route, operation)
    complete_inputs(document)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for add in additions:
        add(document)
    app.openapi_schema = document
    return document


def _complete(route: APIRoute, operation: dict[str, Any]) -> None:
    for marker in ("x-list", "x-public"):
        operation.pop(marker, None)
    policy = next(policies_of(route.dependant), None)
    statuses = {400, 500, 503}
    if policy is not None:
        statuses |= {401, 403}
        operation["security"] = [{"bearer": [policy.scope]}]
    else:
        operation["security"] = []
    if "{" in route.path_format:
        statuses.add(404)
    if operation.get("parameters"):
        statuses.add(414)
    if operation.get("requestBody"):
        statuses |= {413, 415, 422}
    if isinstance(policy, Writes):
        statuses |= {404, 409, 422}
        _add_header(operation, "Idempotency-Key", policy.needs_key, "Makes a repeated request safe for 24 h.")
        if policy.needs_version:
            statuses |= {412, 428}
            _add_header(
                operation,
                "If-Match",
                True,
                "The ETag last read.",
                {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
            )
        if policy.needs_key:
            statuses.add(428)
    responses = operation.setdefault("responses", {})
    responses.pop("422", None)
    for status in sorted(statuses):
        responses.setdefault(str(status), _problem_response(status))
    for status, response in responses.items():
        if status.isdigit() and int(status) >= 400 and "content" not in response:
            responses[status] = _problem_response(int(status), response.get("description"))


def _problem_response(status: int, description: str | None = None) -> dict[str, Any]:
    return {
        "description": description or _PHRASES.get(status, "Refused"),
        "content": {"application/problem+json": {"schema": PROBLEM_REF}},
    }


def _add_header(
    operation: dict[str, Any],
    name: str,
    required: bool,
    description: str,
    schema: dict[str, Any] | None = None,
) -> None:
    default = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    operation.setdefault("parameters", []).append(
        {
            "name": name,
            "in": "header",
            "required": required,
            "schema": schema or default,
            "description": description,
        }
    )
