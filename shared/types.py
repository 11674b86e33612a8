"""Base model of inputs and the bounded types that fields of every service are made of."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from shared.clock import to_rfc3339
from shared.ids import ID_PATTERN

YEARS = "^(19|2[0-9])[0-9]{2}-"
"""Days and instants that are taken are of the years 1900 to 2999: beside a year 1 or 9999 there is no room
for an offset from UTC or for a period that begins there."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    _DAY.pattern + r"[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _text_of(form: re.Pattern[str]) -> Any:
    def check(value: object) -> object:
        if isinstance(value, date):
            return value
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError("is not written as RFC 3339 asks")
        if not re.match(YEARS, value):
            raise ValueError("is not from 1900 to 2999")
        return value

    return check


def _number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("is not a number")
    return value


_day = _text_of(_DAY)
_CHECKS = {"date": _day, "datetime": _text_of(_INSTANT), "int": _number, "float": _number}


def _without_conversions(node: Any) -> None:
    """Let only numbers be numbers and only text be dates and instants, everywhere below a core schema."""
    kind = node.get("type") if isinstance(node, dict) else None
    if kind == "bool":
        node["strict"] = True
    elif isinstance(kind, str) and kind in _CHECKS:
        inner = dict(node)
        node.clear()
        node.update(core_schema.no_info_before_validator_function(_CHECKS[kind], inner))
    elif kind != "function-before" or node["function"]["function"] not in _CHECKS.values():
        for child in list(node.values()) if isinstance(node, dict) else node:
            if isinstance(child, dict | list | tuple):
                _without_conversions(child)


def _say_years(node: Any) -> None:
    """Name the years that are taken at every day and instant of a JSON schema."""
    if isinstance(node, dict) and node.get("format") in ("date", "date-time"):
        node["pattern"] = YEARS
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            _say_years(child)


class Input(BaseModel):
    """Base of request bodies: unknown fields are refused, texts are trimmed, floats must be finite.

    A value must have the JSON type its schema names: "1" is no number, 0 no truth value, 86400 no date.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Build the validator and take from it the conversions that JSON does not have."""
        schema = handler(source)
        _without_conversions(schema)
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say in the contract which years days and instants may have."""
        described = handler(schema)
        _say_years(handler.resolve_ref_schema(described))
        return described

    def changes(self) -> dict[str, Any]:
        """Return only the fields the caller sent, for a merge patch."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Output(BaseModel):
    """Base of answers: every field is required in the contract."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @classmethod
    def of(cls, row: Any) -> Self:
        """Build from a database row or mapping whose columns carry the fields' names."""
        return cls.model_validate(row if isinstance(row, dict) else dict(row))


def decimal_text(pattern: str, example: str) -> Any:
    """Return the markers of a decimal that travels as text, so that no digit is lost on the way."""

    def check(value: object) -> object:
        if isinstance(value, Decimal) or (isinstance(value, str) and re.fullmatch(pattern[1:-1], value)):
            return value
        raise ValueError("is not a decimal text of this form")

    return BeforeValidator(check), WithJsonSchema(
        {"type": "string", "pattern": pattern, "examples": [example]}
    )


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
Adcode = Annotated[str, Field(pattern=r"^[1-9][0-9]{5}$", examples=["331100"])]
Area = Annotated[float, Field(ge=0, le=1e8)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]

Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": YEARS}),
]
"""A civil date of a query parameter; in a body every date is read so."""

Instant = Annotated[
    datetime,
    AfterValidator(_utc),
    PlainSerializer(to_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-23T01:02:03.456Z"]}),
]
"""An aware instant; answered in UTC with milliseconds and a ``Z``."""

Amount = Annotated[
    Decimal, *decimal_text(r"^[0-9]{1,16}(\.[0-9]{1,2})?$", "12000000.00"), AfterValidator(_fen)
]
"""An amount in CNY, a decimal text in both directions."""
