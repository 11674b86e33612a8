"""Claims on the wire: figures that somebody states, each with its source."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.agreements.schemas import Figure
from shared.db.keyset import Filter, ListSpec
from shared.messaging.outbox import EventType
from shared.types import Adcode, ExternalId, Id, Input, Instant, Name, Output, Text


class SubjectType(StrEnum):
    """What a claim is about; a place is a division or a city cluster."""

    ORGANISATION = "organisation"
    ENCLAVE = "enclave"
    NETWORK = "network"
    PROJECT = "project"
    DIVISION = "division"
    CLUSTER = "cluster"


class Comparator(StrEnum):
    """How the source words the figure."""

    EXACT = "exact"
    APPROXIMATELY = "approximately"
    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"


class ClaimState(StrEnum):
    """Whether the claim still stands."""

    STATED = "stated"
    WITHDRAWN = "withdrawn"


Metric = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$", examples=["projects_introduced_cumulative"])]
SubjectId = Annotated[str, Field(pattern=r"^[a-z0-9_]{2,40}$")]
Unit = Annotated[str, Field(min_length=1, max_length=40)]


class ClaimCreate(Input):
    """A new claim. Two sources may disagree: both are kept, neither is corrected."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "subject_type": "enclave",
                    "subject_id": "enc_01jd3v9w8xk4m7q2r5t6y8z0ab",
                    "metric": "area",
                    "value": "21000",
                    "comparator": "approximately",
                    "unit": "m2",
                    "quote": "总建筑面积约2.1万平方米",
                    "source": "东滩智库",
                }
            ]
        }
    )

    subject_type: SubjectType
    subject_id: SubjectId
    metric: Metric
    value: Figure | None = None
    value_text: Text | None = None
    comparator: Comparator | None = None
    unit: Unit | None = None
    place_adcode: Adcode | None = None
    quote: Text | None = None
    source: Name
    as_of: date | None = None
    note: Text | None = None
    stated_by_id: Id | None = None
    external_id: ExternalId | None = None
    synthetic: bool = False


class ClaimWithdrawal(Input):
    """Why a claim no longer stands."""

    reason: Annotated[str, Field(min_length=1, max_length=4000)]


class ClaimRead(Output):
    """A figure somebody states. It is never changed; it may be withdrawn. `as_of` null is unknown."""

    id: str
    subject_type: str
    subject_id: str
    metric: str
    value: Figure | None
    value_text: str | None
    comparator: str | None
    unit: str | None
    place_adcode: str | None
    quote: str | None
    source: str
    as_of: date | None
    note: str | None
    stated_by_id: str | None
    state: str
    withdrawn_reason: str | None
    withdrawn_at: Instant | None
    external_id: str | None
    synthetic: bool
    version: int
    created_at: Instant
    updated_at: Instant


CLAIM_LIST = ListSpec(
    filters={
        "subject_type": Filter(choices=tuple(SubjectType)),
        "subject_id": Filter(),
        "metric": Filter(),
        "source": Filter(operators=("eq", "contains")),
        "stated_by_id": Filter(),
        "state": Filter(choices=tuple(ClaimState)),
        "as_of": Filter(date, ("gte", "lte")),
        "external_id": Filter(),
        "synthetic": Filter(bool, ("eq",)),
    },
    sorts=("created_at",),
)

CLAIM_CREATED = EventType(
    "claim.created",
    ClaimRead,
    "A figure was stated",
    "数据声明登记",
    description_en="Somebody stated a figure with its source.",
    description_zh="有一项数据声明及其来源被登记。",
)
CLAIM_WITHDRAWN = EventType(
    "claim.withdrawn",
    ClaimRead,
    "A stated figure was withdrawn",
    "数据声明撤回",
    description_en="A stated figure was withdrawn; figures are never corrected in place.",
    description_zh="一项数据声明已撤回；声明不作就地更正。",
)
