"""Sandbox receivers on the wire: their scripts, what arrived, and what is asserted of it."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.config import JsonDict

from services.registry.sandbox.answering import Handshake
from services.registry.signatures.standard_webhooks import Verdict, key_of
from shared.db.keyset import Filter, ListSpec
from shared.types import Id, Input, Instant, Name, Output

MAX_DELAY_MS = 20_000
_KEY = (
    r"^whsec_(([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
    r"|([A-Za-z0-9+/]{4}){21}([A-Za-z0-9+/]{2}==)?)$"
)


def _usable(secret: str) -> str:
    key_of(secret)
    return secret


Secret = Annotated[
    str,
    Field(pattern=_KEY, description="Verifies the hits; kept sealed and never shown again."),
    AfterValidator(_usable),
]
TypePattern = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,60}\.([a-z][a-z0-9_]{0,60}|\*)$",
        description="A type of event, or all of a kind as `project.*`.",
        examples=["project.created"],
    ),
]


class SandboxStep(Input):
    """One answer of a script."""

    status: Annotated[int, Field(ge=200, le=599)] = 200
    retry_after: Annotated[int, Field(ge=0, le=86_400)] | None = Field(
        None, description="Seconds, as the header Retry-After."
    )
    delay_ms: Annotated[int, Field(ge=0, le=MAX_DELAY_MS)] = Field(
        0, description="How long the answer is held back."
    )
    body: Annotated[str, Field(max_length=4096)] | None = Field(None, description="Answered as plain text.")
    echo: bool = Field(
        False, description="Answers a handshake that comes to this step with its challenge instead of `body`."
    )


Script = Annotated[
    list[SandboxStep],
    Field(min_length=1, max_length=50, description="Applied hit after hit; the last step repeats."),
]
_SCRIPT_EXAMPLE: JsonDict = {
    "name": "先失败，再限流，后成功",
    "script": [{"status": 500}, {"status": 429, "retry_after": 30}, {"status": 200}],
}
_HANDSHAKE = (
    "`answer` gives a handshake its challenge and `refuse` gives it 403, both without using up a step; "
    "`ignore` lets the script answer it."
)


class SandboxReceiverCreate(Input):
    """A new receiver. Without a secret, hits are verified with those of the organisation's own endpoints."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SCRIPT_EXAMPLE]})

    name: Name
    script: Script = Field(default_factory=lambda: [SandboxStep.model_validate({})])
    handshake: Handshake = Field(Handshake.ANSWER, description=_HANDSHAKE)
    secret: Secret | None = None
    organisation_id: Id | None = Field(None, description="Only the network administration names another.")


class SandboxReceiverUpdate(Input):
    """A merge patch. A new script starts at its first step."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"script": [{"status": 200}]}]})

    name: Name = ""
    script: Script = Field(default_factory=list)
    handshake: Handshake = Field(Handshake.ANSWER, description=_HANDSHAKE)


class SandboxStepRead(Output):
    """One answer of a script."""

    status: int
    retry_after: int | None
    delay_ms: int
    body: str | None
    echo: bool


class SandboxReceiverRead(Output):
    """A receiver. It and its hits are gone 30 days after it was last used."""

    id: str
    organisation_id: str
    name: str
    url: str = Field(description="Where hits are sent. Whoever knows it may send.")
    script: list[SandboxStepRead]
    handshake: str
    has_secret: bool
    version: int
    created_at: Instant
    updated_at: Instant


class SandboxAnswerRead(Output):
    """What a hit was answered; whether the sender still listened is not known."""

    status: int
    retry_after: int | None
    delay_ms: int
    challenge_answered: bool


class SandboxHitRead(Output):
    """One request that arrived. What it did not say, or not in the form it should have, is null."""

    id: str
    number: int = Field(description="From 1 since the receiver was made or reset.")
    received_at: Instant
    message_id: str | None
    type: str | None
    delivery_id: str | None
    endpoint_id: str | None
    sequence: int | None
    attempt: int | None
    verdict: Verdict | None = Field(description="Null where there was no key to verify with.")
    duplicate: bool = Field(description="A hit with the same webhook-id arrived before.")
    handshake: bool
    headers: dict[str, str] = Field(description="Those of webhooks, the content type and the user agent.")
    body_bytes: int
    body_sha256: str
    answer: SandboxAnswerRead


class SandboxHitContent(SandboxHitRead):
    """A hit with its body."""

    body_base64: str
    body_text: str | None = Field(description="Null where the body is not UTF-8.")


class SandboxExpectation(Input):
    """What is expected of the hits that are kept. Handshakes are no hits here, except for their signature."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"min_hits": 3, "delivered_after_retries": 2, "max_seconds": 3600}]}
    )

    min_hits: Annotated[int, Field(ge=0, le=10_000)] = 1
    all_valid: bool = True
    no_gaps: bool = True
    no_unknown_duplicates: bool = True
    in_order: bool = False
    types: Annotated[list[TypePattern], Field(max_length=50)] = Field(default_factory=list)
    delivered_after_retries: Annotated[int, Field(ge=1, le=100)] | None = None
    max_seconds: Annotated[int, Field(ge=0, le=2_592_000)] | None = None


class SandboxCheckRead(Output):
    """One check; ``hits`` are the numbers of up to 20 hits that it rests on or fails by."""

    check: str
    passed: bool
    detail_en: str
    detail_zh: str
    hits: list[int]


class SandboxExerciseRead(Output):
    """One exercise of the certification."""

    exercise: str
    required: bool
    passed: bool | None = Field(description="Null where nothing that arrived tells.")
    detail_en: str
    detail_zh: str
    hits: list[int]


class SandboxGapRead(Output):
    """Sequences of an endpoint that never arrived, between two that did; both ends included."""

    endpoint_id: str | None
    first: int
    last: int


class SandboxVerdictRead(Output):
    """What holds of the hits that are kept."""

    passed: bool
    certified: bool = Field(description="Every required exercise was passed, none failed, in one hour.")
    hits: int = Field(description="Since the receiver was made or reset, handshakes included.")
    dropped: int = Field(description="Of these, how many are no longer kept and not judged.")
    elapsed_s: float | None = Field(description="From the first to the last hit that is kept.")
    gaps: list[SandboxGapRead] = Field(description="The first 20.")
    checks: list[SandboxCheckRead]
    certification: list[SandboxExerciseRead]


RECEIVER_LIST = ListSpec(filters={"name": Filter(operators=("eq", "contains"))}, sorts=("created_at",))

HIT_LIST = ListSpec(
    filters={
        "type": Filter(),
        "verdict": Filter(choices=tuple(Verdict)),
        "message_id": Filter(),
        "delivery_id": Filter(),
        "endpoint_id": Filter(),
        "sequence": Filter(int, ("eq", "gte", "lte")),
        "duplicate": Filter(bool, ("eq",)),
        "handshake": Filter(bool, ("eq",)),
    },
    sorts=("number",),
    default_sort="-number",
)
