"""Webhook endpoints on the wire."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Id, Input, Instant, Name, Output, Text

_TYPE = r"^(\*|[a-z_]+(\.[a-z_]+)*(\.\*)?)$"


class EndpointStatus(StrEnum):
    """``unverified`` and ``disabled`` hold deliveries; those of a deleted endpoint are cancelled."""

    UNVERIFIED = "unverified"
    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisabledReason(StrEnum):
    """Why an endpoint is disabled: its owner, an answer of 410, or 120 hours without one success."""

    OWNER = "owner"
    GONE = "gone"
    FAILING = "failing"


class Ordering(StrEnum):
    """Whether a delivery waits for those before it: of its subject, or all of its endpoint."""

    NONE = "none"
    SUBJECT = "subject"
    ENDPOINT = "endpoint"


class Signature(StrEnum):
    """``v1`` is HMAC-SHA256 under the endpoint's secret, ``v1a`` Ed25519 under the network's key."""

    V1 = "v1"
    V1A = "v1a"


EventTypes = Annotated[
    list[Annotated[str, Field(max_length=80, pattern=_TYPE)]],
    Field(min_length=1, max_length=100, description="Names, `prefix.*`, or `*` for all."),
]
Ids = Annotated[list[Id], Field(min_length=1, max_length=100)]
Url = Annotated[str, Field(min_length=1, max_length=2048, description="An https address of your own.")]
MaxRps = Annotated[int, Field(ge=1, le=10_000, description="Most attempts a second; none without it.")]
MaxInFlight = Annotated[int, Field(ge=1, le=256, description="Most attempts at once.")]
Signatures = Annotated[list[Signature], Field(min_length=1, max_length=2)]

_EXAMPLE: dict[str, JsonValue] = {
    "name": "Our project desk",
    "url": "https://partner.example/feidi",
    "event_types": ["project.*", "landing.*"],
    "ordering": "subject",
    "max_rps": 50,
}


class EndpointCreate(Input):
    """A new endpoint of the caller's organisation. A list of ids limits it to what these take part in."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    url: Url
    event_types: EventTypes
    description: Text = ""
    home_unit_ids: Ids | None = None
    enclave_ids: Ids | None = None
    operator_ids: Ids | None = None
    project_ids: Ids | None = None
    ordering: Ordering = Ordering.NONE
    max_rps: MaxRps | None = None
    max_in_flight: MaxInFlight = 16
    signatures: Signatures = Field(default_factory=lambda: [Signature.V1])
    organisation_id: Id | None = Field(None, description="Another than the caller's: administration only.")


class EndpointUpdate(Input):
    """A merge patch. Another URL must answer the handshake again; what a narrower filter no longer takes is
    cancelled.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"event_types": ["landing.*"]}]})

    name: Name = ""
    url: Url = ""
    event_types: EventTypes = Field(default_factory=list)
    description: Text = ""
    home_unit_ids: Ids | None = None
    enclave_ids: Ids | None = None
    operator_ids: Ids | None = None
    project_ids: Ids | None = None
    ordering: Ordering = Ordering.NONE
    max_rps: MaxRps | None = None
    max_in_flight: MaxInFlight = 16
    signatures: Signatures = Field(default_factory=list)


class RotateSecret(Input):
    """How long the secrets that are live now go on signing beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24


class EnableEndpoint(Input):
    """What becomes of the deliveries that were held: all are sent, those since an instant, or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"resume": "all"}]})

    resume: Literal["all", "since", "none"] = "all"
    since: Instant | None = None

    @model_validator(mode="after")
    def _since_goes_with_since(self) -> Self:
        if (self.resume == "since") != (self.since is not None):
            raise PydanticCustomError("not_together", "`since` goes with `resume: since` alone")
        return self


class EndpointRead(Output):
    """A webhook endpoint, without its secrets."""

    id: str
    organisation_id: str
    sees_network: bool
    name: str
    description: str
    url: str
    event_types: list[str]
    home_unit_ids: list[str] | None
    enclave_ids: list[str] | None
    operator_ids: list[str] | None
    project_ids: list[str] | None
    ordering: str
    max_rps: int | None
    max_in_flight: int
    signatures: list[str]
    status: str
    disabled_reason: str | None
    verified_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class IssuedEndpoint(EndpointRead):
    """An endpoint with the secret it was just given."""

    secret: str | None = Field(
        description="Shown once: null when the request is repeated under its Idempotency-Key. Rotate it if "
        "the first answer was lost."
    )


class EndpointStanding(Output):
    """How an endpoint is doing now. ``closed_until`` is when the next attempt may be made, null for now;
    ``breaker`` is ``open`` while one probe at a time is sent; ``failures`` counts since the last success.
    """

    endpoint_id: str
    status: str
    sequence: int
    breaker: Literal["closed", "open"]
    closed_until: Instant | None
    failures: int
    failing_since: Instant | None
    last_success_at: Instant | None
    handshake_tries: int


class SentTest(Output):
    """The event that was published; its delivery is in the endpoint's log as soon as it has a position."""

    event_id: str


class WebhookKey(Output):
    """One public key as a JSON Web Key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class WebhookKeys(Output):
    """The public keys of `v1a` signatures."""

    keys: list[WebhookKey]


class WebhookTest(Output):
    """What a test event carries."""

    endpoint_id: str
    message: str


ENDPOINT_LIST = ListSpec(
    filters={"status": Filter(str, ("eq", "in"), choices=tuple(EndpointStatus))}, sorts=("created_at",)
)

ENDPOINT_CREATED = EventType(
    "webhook_endpoint.created",
    EndpointRead,
    "A webhook endpoint was added",
    "新增推送端点",
    description_en="An organisation added an address for events; its secret is not in the event.",
    description_zh="机构新增一个接收事件的地址；事件不含密钥。",
)
ENDPOINT_UPDATED = EventType(
    "webhook_endpoint.updated",
    EndpointRead,
    "A webhook endpoint was changed",
    "推送端点变更",
    description_en="An endpoint's address, filter, order or limits changed, or its secret was rotated.",
    description_zh="端点的地址、过滤条件、顺序或限额变更，或密钥已轮换。",
)
ENDPOINT_VERIFIED = EventType(
    "webhook_endpoint.verified",
    EndpointRead,
    "A webhook endpoint answered the handshake",
    "推送端点通过握手验证",
    description_en="An endpoint answered the handshake; what was held for it is sent now.",
    description_zh="端点已应答握手，暂缓的推送开始发送。",
)
ENDPOINT_DISABLED = EventType(
    "webhook_endpoint.disabled",
    EndpointRead,
    "A webhook endpoint was disabled",
    "推送端点停用",
    description_en="An endpoint gets nothing any more; `disabled_reason` says why, and deliveries are held.",
    description_zh="端点不再接收推送，原因见 `disabled_reason`；推送暂缓。",
)
ENDPOINT_ENABLED = EventType(
    "webhook_endpoint.enabled",
    EndpointRead,
    "A webhook endpoint was enabled again",
    "推送端点恢复启用",
    description_en="An endpoint gets events again.",
    description_zh="端点恢复接收事件。",
)
ENDPOINT_DELETED = EventType(
    "webhook_endpoint.deleted",
    EndpointRead,
    "A webhook endpoint was deleted",
    "推送端点删除",
    description_en="An endpoint was deleted; what was pending for it is cancelled.",
    description_zh="端点已删除，其待发推送已取消。",
)
WEBHOOK_TEST = EventType(
    "webhook.test",
    WebhookTest,
    "A test of one webhook endpoint",
    "推送端点测试",
    description_en="Somebody asked for a test of an endpoint. It reaches this endpoint alone.",
    description_zh="应要求测试一个端点；仅该端点可收到。",
    subject="webhook_endpoint",
)
