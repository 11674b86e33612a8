"""Clients, API keys and tokens on the wire."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.config import JsonDict

from shared.credentials import ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Id, Input, Instant, Name, Output


class Reach(StrEnum):
    """Whether a credential sees what its organisation is a party of, or everything."""

    ORGANISATION = "organisation"
    NETWORK = "network"


class ClientStatus(StrEnum):
    """A disabled client gets no tokens, and those it has end within 30 seconds."""

    ACTIVE = "active"
    DISABLED = "disabled"


def _unique(scopes: list[str]) -> list[str]:
    return sorted(set(scopes))


Scope = Annotated[
    str,
    Field(
        pattern=r"^[a-z]{2,30}:(\*|[a-z][a-z_-]{1,40}):(read|write|approve|admin)$",
        examples=["registry:projects:read"],
        description="`<service>:<area>:<action>`; `*` for every area of the service.",
    ),
]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=50), AfterValidator(_unique)]

_CLIENT_EXAMPLE: JsonDict = {
    "name": "项目库同步",
    "scopes": ["registry:projects:read", "registry:projects:write"],
}
_KEY_EXAMPLE: JsonDict = {
    "name": "看板只读",
    "scopes": ["registry:projects:read"],
    "expires_at": "2027-06-30T16:00:00Z",
}


class ClientCreate(Input):
    """A new client. Its organisation is the caller's unless the network administration names another."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CLIENT_EXAMPLE]})

    name: Name
    scopes: Scopes
    organisation_id: Id | None = None
    reach: Reach = Reach.ORGANISATION


class ClientUpdate(Input):
    """A merge patch: only the fields sent are changed. Narrower scopes bind tokens already issued."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "disabled"}]})

    name: Name = ""
    scopes: Scopes = Field(default_factory=list)
    status: ClientStatus = ClientStatus.ACTIVE


class ClientRead(Output):
    """A machine caller, without its secret. ``managed`` clients come from the service's configuration."""

    id: str
    organisation_id: str
    name: str
    scopes: list[str]
    reach: str
    status: str
    managed: bool
    last_used_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class ClientStanding(Output):
    """What a client may do now, whatever its tokens say."""

    id: str
    status: str
    scopes: list[str]


class RecentlyChangedClients(Output):
    """The clients that changed within ``window_s``, the longest a token of before can still be valid."""

    items: list[ClientStanding]
    window_s: int


class IssuedClient(ClientRead):
    """A client with the secret it was just given."""

    secret: str | None = Field(
        description="Shown once and stored only as a hash: null when the request is repeated under its "
        "Idempotency-Key. Rotate the secret if the first answer was lost."
    )


class ApiKeyCreate(Input):
    """A new API key of an organisation, or of one of its clients, whose scopes and status then bound it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY_EXAMPLE]})

    name: Name
    scopes: Scopes
    organisation_id: Id | None = None
    client_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] | None = None
    expires_at: Instant | None = Field(None, description="A year from now if absent; at most two years.")


class ApiKeyRead(Output):
    """An API key, recognisable by its first characters."""

    id: str
    organisation_id: str
    client_id: str | None
    name: str
    prefix: str
    scopes: list[str]
    expires_at: Instant
    last_used_at: Instant | None
    revoked_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class IssuedApiKey(ApiKeyRead):
    """An API key with its secret."""

    secret: str | None = Field(
        description="Shown once and stored only as a hash: null when the request is repeated under its "
        "Idempotency-Key. Revoke the key and create another if the first answer was lost."
    )


class TokenResponse(Output):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str
    issued_token_type: str
    expires_in: int
    scope: str


class JsonWebKey(Output):
    """A public Ed25519 key."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kid: str
    kty: str
    crv: str
    x: str
    alg: str
    use: str


class JsonWebKeySet(Output):
    """The keys that access tokens are verified with; two during a rotation."""

    keys: list[JsonWebKey]


class AuthorizationServer(Output):
    """Where tokens are issued and verified, and how (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]


_TOKEN_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials", TOKEN_EXCHANGE]},
        "subject_token": {"type": "string", "description": "The API key to exchange."},
        "subject_token_type": {"type": "string", "enum": [ACCESS_TOKEN_TYPE]},
        "client_id": {"type": "string", "description": "Unless sent by HTTP Basic."},
        "client_secret": {"type": "string", "description": "Unless sent by HTTP Basic."},
        "scope": {"type": "string", "description": "Separated by spaces; all of the client's if absent."},
    },
    "examples": [{"grant_type": "client_credentials", "scope": "registry:projects:read"}],
}
TOKEN_REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": _TOKEN_FORM}},
    }
}

CLIENT_LIST = ListSpec(
    filters={
        "organisation_id": Filter(),
        "status": Filter(choices=tuple(ClientStatus)),
        "reach": Filter(choices=tuple(Reach)),
        "name": Filter(operators=("eq", "contains")),
    },
    sorts=("created_at", "name"),
)
API_KEY_LIST = ListSpec(filters={"organisation_id": Filter(), "client_id": Filter()}, sorts=("created_at",))

CLIENT_CREATED = EventType(
    "client.created",
    ClientRead,
    "A client was created",
    "客户端已创建",
    description_en="An organisation has a new machine caller. The secret is not in the event.",
    description_zh="机构新增一个机器调用方；事件不含密钥。",
)
CLIENT_UPDATED = EventType(
    "client.updated",
    ClientRead,
    "A client changed",
    "客户端信息变更",
    description_en="The scopes, name or status of a machine caller changed, or its secret was rotated.",
    description_zh="机器调用方的权限范围、名称或状态变更，或密钥已轮换。",
)
API_KEY_CREATED = EventType(
    "api_key.created",
    ApiKeyRead,
    "An API key was created",
    "API 密钥已创建",
    description_en="An organisation has a new API key. Only its first characters are in the event.",
    description_zh="机构新增一个 API 密钥；事件只含其前几位字符。",
)
API_KEY_REVOKED = EventType(
    "api_key.revoked",
    ApiKeyRead,
    "An API key was revoked",
    "API 密钥已吊销",
    description_en="An API key no longer works.",
    description_zh="API 密钥已失效。",
)
