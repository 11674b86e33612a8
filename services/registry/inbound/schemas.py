"""Inbound sources, their mappings and messages on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.config import JsonDict

from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Id, Input, Instant, Name, Output, Text


class SourceScope(StrEnum):
    """What the commands of a source may need."""

    PROJECTS = "registry:projects:write"
    CLAIMS = "registry:claims:write"


class SourceStatus(StrEnum):
    """Whether messages of a source are taken."""

    ACTIVE = "active"
    DISABLED = "disabled"


class MessageState(StrEnum):
    """What became of a message."""

    APPLIED = "applied"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class CommandName(StrEnum):
    """What a message can become: a lead, a change of a project, evidence for it, a stated figure."""

    CREATE_PROJECT = "create_project"
    UPDATE_PROJECT = "update_project"
    ADD_EVIDENCE = "add_evidence"
    RECORD_CLAIM = "record_claim"


class RecordKey(StrEnum):
    """By what a message names its project: the operator's own number, or the id here."""

    EXTERNAL_ID = "external_id"
    ID = "id"


def _unique(scopes: list[SourceScope]) -> list[SourceScope]:
    return sorted(set(scopes))


SourceScopes = Annotated[list[SourceScope], Field(min_length=1, max_length=10), AfterValidator(_unique)]
MaxPerMinute = Annotated[int, Field(ge=1, le=60_000, description="Messages taken in one clock minute.")]
Pointer = Annotated[
    str,
    Field(
        max_length=300,
        pattern=r"^(/([^~/]|~[01])*)*$",
        examples=["/data/name"],
        description="A JSON pointer (RFC 6901).",
    ),
]
TargetPointer = Annotated[
    str,
    Field(
        max_length=100,
        pattern=r"^(/[a-z][a-z0-9_]*){1,3}$",
        examples=["/title"],
        description="A JSON pointer into the body of the command.",
    ),
]
MessageType = Annotated[str, Field(min_length=1, max_length=200)]

_MAPPING_EXAMPLE: JsonDict = {
    "type_pointer": "/type",
    "rules": [
        {
            "type": "lead.created",
            "command": "create_project",
            "fields": [
                {"target": "/title", "source": "/data/name"},
                {"target": "/team_name", "source": "/data/team"},
                {"target": "/external_id", "source": "/data/number"},
                {"target": "/enclave_id", "constant": "enc_01jd3v9w8xk4m7q2r5t6y8z0ab"},
                {"target": "/needs/plant_class", "source": "/data/plant", "values": {"洁净": "clean_room"}},
            ],
        },
        {
            "type": "lead.changed",
            "command": "update_project",
            "record": {"by": "external_id", "source": "/data/number"},
            "fields": [{"target": "/summary", "source": "/data/summary"}],
        },
    ],
}


class SourceCreate(Input):
    """A new source of messages. It acts as the caller's organisation, or as one the administration names."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "运营系统", "scopes": ["registry:projects:write"], "max_per_minute": 600}]
        }
    )

    name: Name
    description: Text = ""
    scopes: SourceScopes
    organisation_id: Id | None = None
    max_per_minute: MaxPerMinute = 600


class SourceUpdate(Input):
    """A merge patch: only the fields sent are changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"max_per_minute": 1200}]})

    name: Name = ""
    description: Text = ""
    scopes: SourceScopes = Field(default_factory=list)
    max_per_minute: MaxPerMinute = 600


class SecretRotation(Input):
    """How long the secrets there are stay valid beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24


class SourceSecret(Output):
    """A secret that is still valid, without itself; ``ends_at`` null is until the next rotation."""

    created_at: Instant
    ends_at: Instant | None


class SourceRead(Output):
    """A source of messages, without its secrets. ``mapping_version`` null: everything is quarantined."""

    id: str
    organisation_id: str
    name: str
    description: str
    scopes: list[str]
    max_per_minute: int
    status: str
    mapping_version: int | None
    version: int
    created_at: Instant
    updated_at: Instant


class SourceDetail(SourceRead):
    """A source with the secrets that are valid now, each without itself."""

    secrets: list[SourceSecret]


class IssuedSource(SourceDetail):
    """A source with the secret it was just given."""

    secret: str | None = Field(
        description="Shown once and stored sealed: null when the request is repeated under its "
        "Idempotency-Key. Rotate the secret if the first answer was lost."
    )


class FieldRule(Input):
    """One field of the command: from the message at ``source``, or else a ``constant``.

    A value of the message may be translated by ``values``. Without a value in the message, or in ``values``,
    ``default`` is taken; without that, a missing one is left out and an unknown one is a problem.
    """

    target: TargetPointer
    source: Pointer | None = None
    constant: Any = None
    values: Annotated[dict[str, Any], Field(max_length=500)] | None = None
    default: Any = None


class RecordRule(Input):
    """Where the message names the project it is about."""

    by: RecordKey
    source: Pointer


class MappingRule(Input):
    """What messages of one type become."""

    type: MessageType
    command: CommandName
    record: RecordRule | None = None
    fields: Annotated[list[FieldRule], Field(max_length=100)]


class MappingCreate(Input):
    """The next version of a source's mapping."""

    model_config = ConfigDict(json_schema_extra={"examples": [_MAPPING_EXAMPLE]})

    type_pointer: Pointer = "/type"
    rules: Annotated[list[MappingRule], Field(min_length=1, max_length=50)]


class MappingRead(Output):
    """One version of a mapping; it is never changed."""

    source_id: str
    version: int
    type_pointer: str
    rules: list[dict[str, Any]] = Field(description="As they were given.")
    created_by_kind: str
    created_by_id: str
    created_at: Instant


class Mappings(Output):
    """The latest versions of a source's mapping, newest first, at most 50."""

    items: list[MappingRead]


class MappingTrial(Input):
    """A message to try; without a mapping, the source's own is tried."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"message": {"type": "lead.created", "data": {"name": "示例", "team": "团队"}}}]
        }
    )

    message: dict[str, Any]
    mapping: MappingCreate | None = None


class ProblemRead(Output):
    """One reason of a refusal, in both languages; ``pointer`` leads into the body of the command."""

    code: str
    detail_en: str
    detail_zh: str
    pointer: str | None
    params: dict[str, Any]


class TrialRead(Output):
    """The command a message would become, or why it would not. Nothing is applied."""

    message_type: str | None
    command: str | None
    project_id: str | None
    body: dict[str, Any] | None
    problems: list[ProblemRead]


class Receipt(Output):
    """A message that was taken; ``duplicate``: it had been taken before and has no further effect."""

    id: str
    duplicate: bool


class MessageRead(Output):
    """A message as lists and events have it, without its body."""

    id: str
    source_id: str
    organisation_id: str
    webhook_id: str
    state: str
    message_type: str | None
    command: str | None
    mapping_version: int | None
    subject_type: str | None
    subject_id: str | None
    subject_version: int | None
    problems: list[ProblemRead]
    discard_reason: str | None
    discarded_by_id: str | None
    sent_at: Instant
    received_at: Instant
    settled_at: Instant | None
    version: int
    updated_at: Instant


class BodyRead(Output):
    """Bytes as text where they are UTF-8, else as base64."""

    text: str | None
    base64: str | None


class RepairRead(Output):
    """One attempt to apply a message that was in quarantine, and by whom."""

    number: int
    body: BodyRead | None
    mapping_version: int | None
    outcome: str
    problems: list[ProblemRead]
    by_kind: str
    by_id: str
    by_organisation_id: str | None
    at: Instant


class MessageDetail(MessageRead):
    """A message with the very bytes that came in, and every attempt since."""

    body: BodyRead
    repairs: list[RepairRead]


class Reprocessing(Input):
    """How to try again: with a repaired document, else the last one; with a mapping, else the current."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"body": {"type": "lead.created", "data": {"name": "示例"}}}]}
    )

    body: dict[str, Any] | None = None
    mapping_version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Discarding(Input):
    """Why a message is given up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "对方系统误发"}]})

    reason: Annotated[str, Field(min_length=1, max_length=4000)]


SOURCE_LIST = ListSpec(
    filters={"organisation_id": Filter(), "status": Filter(choices=tuple(SourceStatus))},
    sorts=("created_at",),
)
MESSAGE_LIST = ListSpec(
    filters={
        "state": Filter(choices=tuple(MessageState)),
        "source_id": Filter(),
        "webhook_id": Filter(),
        "message_type": Filter(),
        "received_at": Filter(datetime, ("gte", "lte")),
    },
    sorts=("received_at",),
    default_sort="-received_at",
)

SOURCE_CREATED = EventType(
    "inbound_source.created",
    SourceRead,
    "A source of messages was made",
    "入站来源已创建",
    description_en="A source of messages was made. Its secret is not in the event.",
    description_zh="新增一个入站来源；事件不含密钥。",
)
SOURCE_UPDATED = EventType(
    "inbound_source.updated",
    SourceRead,
    "A source of messages changed",
    "入站来源变更",
    description_en="A source's name, scopes, limit, status, mapping or secret changed.",
    description_zh="入站来源的名称、权限范围、限额、状态、映射或密钥变更。",
)
MESSAGE_QUARANTINED = EventType(
    "inbound_message.quarantined",
    MessageRead,
    "A message was not applied",
    "入站消息被隔离",
    description_en="A message could not be applied; `problems` says why. It waits for a repair.",
    description_zh="消息无法应用，原因见 `problems`，等待修正。",
)
MESSAGE_DISCARDED = EventType(
    "inbound_message.discarded",
    MessageRead,
    "A message was given up",
    "入站消息已作废",
    description_en="A message in quarantine was given up, with a reason.",
    description_zh="隔离中的消息已作废，并附原因。",
)
