"""HTTP of the catalogue of event types. It is documentation: anybody may read it."""

import hashlib
from functools import cache

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from services.registry.event_types import service
from services.registry.event_types.schemas import EventTypeRead, EventTypes
from shared.web.access import JSON, PUBLIC, is_known
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/event-types", route_class=StrictRoute, tags=["event types"])


@router.get("", response_model=EventTypes, operation_id="listEventTypes", openapi_extra=PUBLIC)
async def list_event_types(request: Request) -> Response:
    """List every type of event with the schema of its webhook body and an example."""
    return _answer(request, None)


@router.get("/{event_type}", response_model=EventTypeRead, operation_id="getEventType", openapi_extra=PUBLIC)
async def get_event_type(event_type: str, request: Request) -> Response:
    """Read one type of event with the schema of its webhook body and an example."""
    return _answer(request, service.get_event_type(event_type).type)


def _answer(request: Request, name: str | None) -> Response:
    body, etag = _document(name)
    headers = {"Cache-Control": "public, max-age=300", "ETag": etag}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, JSON)


@cache
def _document(name: str | None) -> tuple[bytes, str]:
    """Return what is answered for a type that exists, or for all, and its ETag."""
    document = service.list_event_types() if name is None else service.get_event_type(name)
    body = to_json(document, by_alias=True)
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
