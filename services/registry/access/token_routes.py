"""HTTP of tokens: the token endpoint, and the keys that verify what it issues."""

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from services.registry.access.parts import EXTRA, AccessParts
from services.registry.access.schemas import (
    TOKEN_REQUEST_BODY,
    AuthorizationServer,
    JsonWebKeySet,
    TokenResponse,
)
from services.registry.access.token_form import parse_token_request
from services.registry.access.tokens import KeyRequest, authorization_server, exchange_key, grant_to_client
from shared.web.access import JSON, PUBLIC
from shared.web.problems import error_from_status
from shared.web.state import state_of
from shared.web.strictness import StrictRoute

router = APIRouter(route_class=StrictRoute, tags=["access"])

_FORM = "application/x-www-form-urlencoded"


@router.post(
    "/oauth2/token",
    response_model=TokenResponse,
    operation_id="createToken",
    openapi_extra={**PUBLIC, **TOKEN_REQUEST_BODY},
    responses={
        400: {"description": "A refusal of RFC 6749, named by `error` and `code`"},
        401: {"description": "`invalid_client`: unknown or disabled client, or wrong secret"},
        503: {"description": "The store does not answer now"},
    },
)
async def create_token(request: Request) -> Response:
    """Exchange a client's id and secret, or an API key, for a short-lived access token."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise error_from_status(415, {"Accept": _FORM})
    asked = parse_token_request(await request.body(), request.headers.get("authorization"))
    parts: AccessParts = state_of(request).extra[EXTRA]
    if isinstance(asked, KeyRequest):
        token = await exchange_key(parts.authenticator, parts.issuer, asked)
    else:
        token = await grant_to_client(parts.database, parts.issuer, parts.usage, asked)
    return Response(to_json(token), 200, {"Cache-Control": "no-store", "Pragma": "no-cache"}, JSON)


@router.get(
    "/.well-known/jwks.json", response_model=JsonWebKeySet, operation_id="getKeySet", openapi_extra=PUBLIC
)
async def get_key_set(request: Request) -> Response:
    """Read the public keys that access tokens are verified with."""
    parts: AccessParts = state_of(request).extra[EXTRA]
    key_set = await parts.keys.published()
    return Response(to_json(key_set), 200, {"Cache-Control": "public, max-age=30"}, JSON)


@router.get(
    "/.well-known/oauth-authorization-server",
    response_model=AuthorizationServer,
    operation_id="getAuthorizationServer",
    openapi_extra=PUBLIC,
)
async def get_authorization_server(request: Request) -> Response:
    """Read where tokens are issued and verified, and how (RFC 8414)."""
    metadata = authorization_server(state_of(request).settings.issuer)
    return Response(to_json(metadata), 200, {"Cache-Control": "public, max-age=3600"}, JSON)
