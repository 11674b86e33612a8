"""What a message becomes by a mapping: pure, from a document to the draft of a command."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import to_json

from services.registry.inbound import pointers
from services.registry.inbound.errors import UnmappedMessage
from services.registry.inbound.schemas import MappingCreate, MappingRule
from shared.errors import FieldError, Unprocessable

MAX_TYPE = 200


@dataclass(frozen=True)
class Draft:
    """A command as a message states it; ``sources`` tells which pointer filled which target."""

    command: str
    body: dict[str, Any]
    sources: Mapping[str, str]
    record: tuple[str, str] | None


class Definition:
    """One version of a mapping, with its rules by the type they are for."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._type_pointer: str = document["type_pointer"]
        self._rules: dict[str, Mapping[str, Any]] = {rule["type"]: rule for rule in document["rules"]}

    def type_of(self, message: Any) -> str | None:
        """Return the type a message states, shortened to what is kept of it."""
        stated = pointers.read(message, self._type_pointer)
        return stated[:MAX_TYPE] if isinstance(stated, str) else None

    def draft(self, message: Any) -> Draft:
        """Return what a message becomes, or raise what is wrong with it."""
        stated = pointers.read(message, self._type_pointer)
        rule = self._rules.get(stated) if isinstance(stated, str) else None
        if rule is None:
            raise UnmappedMessage(
                errors=[
                    _problem("unknown_type", "no rule has this type", "没有该类型的规则", self._type_pointer)
                ]
            )
        problems: list[FieldError] = []
        body: dict[str, Any] = {}
        for field in rule["fields"]:
            value = _value(field, message, problems)
            if value is not pointers.MISSING:
                pointers.write(body, field["target"], value)
        record = _record(rule.get("record"), message, problems)
        if problems:
            raise Unprocessable(errors=problems)
        sources = {field["target"]: field["source"] for field in rule["fields"] if field.get("source")}
        return Draft(rule["command"], body, sources, record)


def _value(field: Mapping[str, Any], message: Any, problems: list[FieldError]) -> Any:
    if field.get("source") is None:
        return field["constant"]
    value = pointers.read(message, field["source"])
    if value is pointers.MISSING:
        return field.get("default", pointers.MISSING)
    if (values := field.get("values")) is None:
        return value
    key = value if isinstance(value, str) else to_json(value).decode()
    if key in values:
        return values[key]
    if "default" not in field:
        problems.append(
            _problem(
                "unmapped_value",
                "has a value without a translation",
                "取值没有对应的映射",
                field["source"],
                field["target"],
            )
        )
    return field.get("default", pointers.MISSING)


def _record(
    rule: Mapping[str, Any] | None, message: Any, problems: list[FieldError]
) -> tuple[str, str] | None:
    if rule is None:
        return None
    value = pointers.read(message, rule["source"])
    named = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    if not named:
        problems.append(_problem("missing_record", "names no record", "未指明记录", rule["source"]))
    return rule["by"], str(value)


def _problem(code: str, detail_en: str, detail_zh: str, source: str, target: str | None = None) -> FieldError:
    return FieldError(code, detail_en, detail_zh, pointer=target, params={"source": source})


# -- when a mapping is made


@dataclass(frozen=True)
class Target:
    """What a mapping may fill of a command; ``record`` is whether its project is named apart."""

    model: type[BaseModel]
    needs_record: bool
    takes_record: bool


def faults(data: MappingCreate, targets: Mapping[str, Target]) -> Iterator[FieldError]:
    """Yield what a mapping names that its commands do not have; pointers lead into the mapping."""
    seen: set[str] = set()
    for number, rule in enumerate(data.rules):
        place, target = f"/rules/{number}", targets[rule.command]
        if rule.type in seen:
            yield FieldError(
                "duplicate_type", "has a rule already", "该类型已有规则", pointer=f"{place}/type"
            )
        seen.add(rule.type)
        if target.needs_record and rule.record is None:
            yield FieldError("missing_field", "is required", "必填", pointer=f"{place}/record")
        if rule.record is not None and not target.takes_record:
            yield FieldError(
                "record_misplaced", "makes a record of its own", "该命令新建记录", pointer=f"{place}/record"
            )
        yield from _field_faults(rule, target.model, place)


def _field_faults(rule: MappingRule, model: type[BaseModel], place: str) -> Iterator[FieldError]:
    filled: list[str] = []
    for number, field in enumerate(rule.fields):
        at = f"{place}/fields/{number}"
        if not _has(model, pointers.steps_of(field.target)):
            yield FieldError(
                "unknown_target", "is no field of the command", "命令没有该字段", pointer=f"{at}/target"
            )
        if any(_overlap(field.target, other) for other in filled):
            yield FieldError("duplicate_target", "is filled twice", "重复赋值", pointer=f"{at}/target")
        filled.append(field.target)
        given = field.model_fields_set
        if (field.source is None) == ("constant" not in given):
            yield FieldError(
                "source_or_constant", "has a source or a constant", "须有来源或常量之一", pointer=at
            )
        if field.source is None and {"values", "default"} & given:
            yield FieldError("constant_alone", "is constant", "常量不取映射或默认值", pointer=at)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _has(model: type[BaseModel], steps: list[str]) -> bool:
    field = model.model_fields.get(steps[0])
    if field is None or len(steps) == 1:
        return field is not None
    inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_model(kind)]
    return any(_has(kind, steps[1:]) for kind in inner)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
