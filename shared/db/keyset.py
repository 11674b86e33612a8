"""What may be asked of a list, parsed and checked: allow-listed filters and sorts, and signed cursors."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from shared.errors import FieldError, InvalidCursor, InvalidParameter

MAX_INTEGER = 10**18 - 1
MAX_TEXT = 200
MAX_LIST = 4000
"""Characters of one filter value, and of the values of one ``[in]``."""

_DAY = r"\d{4}-\d\d-\d\d"
_INSTANT = _DAY + r"[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)"
Operator = Literal["eq", "in", "gte", "lte", "gt", "lt", "contains"]


@dataclass(frozen=True)
class Filter:
    """One field a list may be filtered by: its type, its operators and the values an enum allows.

    ``schema`` is what the contract says of a text whose form the service itself checks. A text shorter than
    ``min_length`` is refused.
    """

    type: type = str
    operators: tuple[Operator, ...] = ("eq", "in")
    choices: tuple[str, ...] | None = None
    description: str = ""
    schema: Mapping[str, Any] | None = None
    min_length: int = 0


@dataclass(frozen=True)
class ListSpec:
    """What callers may ask of one list. Names are the fields of the record; order always ends in id."""

    filters: Mapping[str, Filter] = field(default_factory=dict)
    sorts: tuple[str, ...] = ("created_at",)
    default_sort: str = "-created_at"


@dataclass(frozen=True)
class Condition:
    """A parsed filter."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True)
class ListQuery:
    """A parsed and validated list request. ``caller`` binds cursors to who asked."""

    limit: int
    sort: str
    conditions: tuple[Condition, ...]
    cursor: str | None
    include_total: bool
    caller: str

    @property
    def descending(self) -> bool:
        """Whether the sort runs downwards."""
        return self.sort.startswith("-")

    @property
    def sort_field(self) -> str:
        """The field sorted by."""
        return self.sort.lstrip("-")

    def fingerprint(self) -> str:
        """Return what a cursor is bound to: sort, filters and caller."""
        text = repr((self.sort, [(c.field, c.operator, str(c.value)) for c in self.conditions], self.caller))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_list_query(spec: ListSpec, params: Sequence[tuple[str, str]], caller: str) -> ListQuery:
    """Parse query parameters against ``spec``; anything unknown or malformed is a 400 that names it."""
    limit, sort, cursor, include_total = 50, spec.default_sort, None, False
    conditions: list[Condition] = []
    seen: set[str] = set()
    for name, value in params:
        if name in seen:
            raise bad_parameter(name, "duplicate_parameter", "is given twice", "重复")
        seen.add(name)
        if name == "limit":
            limit = _parse_limit(value)
        elif name == "sort":
            sort = _parse_sort(spec, value)
        elif name == "cursor":
            cursor = value
        elif name == "include_total":
            include_total = _convert(name, value, bool)
        else:
            conditions.append(_parse_condition(spec, name, value))
    return ListQuery(limit, sort, tuple(conditions), cursor, include_total, caller)


def bad_parameter(name: str, code: str, detail_en: str, detail_zh: str) -> InvalidParameter:
    """Return the error for one query parameter; its value is never echoed."""
    return InvalidParameter(
        f"The parameter {name[:60]!r} {detail_en}.",
        f"参数 {name[:60]!r} {detail_zh}。",
        errors=[FieldError(code, detail_en, detail_zh, parameter=name[:60])],
    )


def _parse_limit(value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 4 or not 1 <= int(value) <= 200:
        raise bad_parameter(
            "limit", "invalid_value", "must be a whole number from 1 to 200", "应为 1 至 200 的整数"
        )
    return int(value)


def _parse_sort(spec: ListSpec, value: str) -> str:
    if value.removeprefix("-") not in (*spec.sorts, "id"):
        raise bad_parameter(
            "sort", "invalid_value", "names a field this list is not sorted by", "不支持该排序字段"
        )
    return value


def _parse_condition(spec: ListSpec, name: str, value: str) -> Condition:
    base, bracket, rest = name.partition("[")
    operator = rest.removesuffix("]") if bracket and rest.endswith("]") else ("eq" if not bracket else "")
    rule = spec.filters.get(base)
    if rule is None:
        raise bad_parameter(name, "unknown_parameter", "is not known here", "未知")
    if operator not in rule.operators:
        raise bad_parameter(
            name, "unknown_operator", "has an operator this field does not have", "不支持该运算符"
        )
    if operator == "in":
        if len(value) > MAX_LIST:
            raise bad_parameter(name, "invalid_value", "is too long", "过长")
        parts = value.split(",")
        return Condition(base, "in", tuple(_value(name, part, rule) for part in parts))
    return Condition(base, operator, _value(name, value, rule))


def _value(name: str, text: str, rule: Filter) -> Any:
    if rule.choices is not None and text not in rule.choices:
        raise bad_parameter(name, "invalid_value", "has a value this field never has", "取值无效")
    if len(text) < rule.min_length:
        raise bad_parameter(name, "invalid_value", "must not be empty", "不能为空")
    return _convert(name, text, rule.type)


def _written_as(form: str, text: str) -> str:
    """Return the text; refuse what Python's own parsers would take beyond the contract's form."""
    if not re.fullmatch(form, text, re.ASCII):
        raise ValueError("another form")
    return text


def _parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(_written_as(_INSTANT, text).upper()).astimezone(UTC)


def _parse_day(text: str) -> date:
    return date.fromisoformat(_written_as(_DAY, text))


def _parse_decimal(text: str) -> Decimal:
    return Decimal(_written_as(r"-?\d{1,18}(\.\d{1,6})?", text))


def _parse_flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _parse_text(text: str) -> str:
    if "\x00" in text or len(text) > MAX_TEXT:
        raise ValueError("unusable text")
    text.encode()
    return text


def _parse_integer(text: str) -> int:
    return int(_written_as(r"-?\d{1,18}", text))


_CONVERTERS: dict[type, Callable[[str], Any]] = {
    str: _parse_text,
    int: _parse_integer,
    bool: _parse_flag,
    date: _parse_day,
    datetime: _parse_instant,
    Decimal: _parse_decimal,
}


def _convert(name: str, text: str, kind: type) -> Any:
    try:
        return _CONVERTERS[kind](text)
    except (ValueError, KeyError, InvalidOperation, OverflowError):
        raise bad_parameter(name, "invalid_value", f"is not a valid {kind.__name__}", "格式无效") from None


class CursorSigner:
    """Signs the position after which a page starts, bound to sort, filters and caller."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"cursor\x00" + key).digest()

    def sign(self, query: ListQuery, values: Sequence[Any]) -> str:
        """Return the opaque cursor that continues after ``values`` (sort value and id)."""
        body = json.dumps(
            [query.fingerprint(), *[_dump(value) for value in values]], separators=(",", ":")
        ).encode()
        return _encoded(self._mac(body) + body)

    def read(self, query: ListQuery) -> tuple[Any, str]:
        """Return sort value and id of the query's cursor; anything wrong is ``invalid_cursor``."""
        cursor = query.cursor or ""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            mac, body = raw[:16], raw[16:]
            # Python's decoder passes over what is not of its alphabet, and over the last bits.
            if _encoded(raw) != cursor or not hmac.compare_digest(mac, self._mac(body)):
                raise ValueError("bad signature")
            fingerprint, value, identifier = json.loads(body)
            if fingerprint != query.fingerprint():
                raise ValueError("another list")
        except (ValueError, UnicodeError):
            raise InvalidCursor(
                "The cursor does not belong to this list, sort, filter and caller.",
                "游标与当前列表、排序、筛选或调用方不符。",
                errors=[FieldError("invalid_cursor", "is not valid here", "无效", parameter="cursor")],
            ) from None
        return _load(value), identifier

    def _mac(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:16]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _dump(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, Decimal):
        return {"n": str(value)}
    return value


def _load(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    loaders: dict[str, Callable[[str], Any]] = {
        "t": datetime.fromisoformat,
        "d": date.fromisoformat,
        "n": Decimal,
    }
    return loaders[kind](text)
