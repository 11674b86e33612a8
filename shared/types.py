"""Base model of inputs and the bounded types that fields of every service are made of."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from shared.clock import to_rfc3339
from shared.ids import ID_PATTERN


class Input(BaseModel):
    """Base of request bodies: unknown fields are refused, texts are trimmed, floats must be finite."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    def changes(self) -> dict[str, Any]:
        """Return only the fields the caller sent, for a merge patch."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Output(BaseModel):
    """Base of answers: every field is required in the contract."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, row: Any) -> Self:
        """Build from a database row or mapping whose columns carry the fields' names."""
        return cls.model_validate(row if isinstance(row, dict) else dict(row))


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs an offset")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("an instant out of range") from None


def _fen(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))


Id = Annotated[str, Field(pattern=ID_PATTERN, examples=["prj_01jd3v9w8xk4m7q2r5t6y8z0ab"])]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=4000)]
ExternalId = Annotated[str, Field(min_length=1, max_length=100)]
Adcode = Annotated[str, Field(pattern=r"^[1-9]\d{5}$", examples=["331100"])]
Area = Annotated[float, Field(ge=0, le=1e8)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]

Instant = Annotated[
    datetime,
    AfterValidator(_utc),
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T01:02:03.456Z"]}),
]
"""An aware instant; answered in UTC with milliseconds and a ``Z``."""

Amount = Annotated[
    Decimal,
    Field(ge=0, max_digits=18, decimal_places=2),
    AfterValidator(_fen),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d{1,16}(\.\d{1,2})?$", "examples": ["12000000.00"]},
        mode="serialization",
    ),
]
"""An amount in CNY, answered as a decimal text."""
