"""What a profile says, checked and in its canonical form; pure."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from services.matching.engine.scoring.industries import division_exists
from services.matching.engine.scoring.labels import STRATEGIC_FIELDS
from services.matching.profiles.errors import (
    DuplicateEntry,
    InvalidPeriod,
    LowerQuotaAboveQuota,
    UnknownIndustry,
    WeightsAllZero,
)
from services.matching.profiles.schemas import ProfilePut, ProfileRead
from shared.errors import FieldError

Content = dict[str, Any]

_FEN = Decimal("0.01")
_AMOUNTS = ("max_fund_amount_cny", "remaining_budget_cny")
_BUDGET_AMOUNTS = ("remaining_cny", "per_project_cap_cny")
_SETS = ("leading_industries", "accepted_stages", "accepted_plant_classes", "policy_supported_fields")
_KEYS: dict[str, Callable[[Content], tuple[Any, ...]]] = {
    "quotas": lambda entry: (entry["period"],),
    "industry_caps": lambda entry: (entry["industry"],),
    "budgets": lambda entry: (entry["name"],),
    "preferences": lambda entry: (entry["priority"], entry["project_id"]),
}
_UNIQUE = {
    "quotas": "period",
    "industry_caps": "industry",
    "budgets": "name",
    "preferences": "project_id",
}
_UNSTATED: Content = dict.fromkeys(_KEYS)


def content_of(data: ProfilePut) -> Content:
    """Return the columns of a profile, or raise a refusal; equal profiles have equal columns."""
    _check(data)
    content = data.model_dump(exclude=set(_KEYS))
    for name in _AMOUNTS:
        if content[name] is not None:
            content[name] = content[name].quantize(_FEN)
    for name in _SETS:
        if content[name] is not None:
            content[name] = list(dict.fromkeys(str(entry) for entry in content[name]))
    return {**content, **_documents(data)}


def read_before(stored: Content) -> ProfileRead:
    """Return a version as it is read now: what profiles could not say when it was set is not known."""
    return ProfileRead.of({**_UNSTATED, **stored})


def _documents(data: ProfilePut) -> Content:
    documents = data.model_dump(mode="json", include=set(_KEYS))
    for budget in documents["budgets"] or ():
        for name in _BUDGET_AMOUNTS:
            if budget[name] is not None:
                budget[name] = str(Decimal(budget[name]).quantize(_FEN))
        if budget["supported_fields"] is not None:
            budget["supported_fields"] = list(dict.fromkeys(budget["supported_fields"]))
    return {
        name: None if documents[name] is None else sorted(documents[name], key=key)
        for name, key in _KEYS.items()
    }


def _check(data: ProfilePut) -> None:
    if data.weights is not None and not any(data.weights.model_dump().values()):
        raise WeightsAllZero()
    if repeated := _at(_repetitions(data), "appears twice", "重复出现"):
        raise DuplicateEntry(errors=repeated)
    if unknown := _at(_unknown_industries(data), "is not known", "不存在"):
        raise UnknownIndustry(errors=unknown)
    quotas = enumerate(data.quotas or ())
    above = [f"/quotas/{place}/at_least" for place, quota in quotas if quota.at_least > quota.projects]
    if above:
        raise LowerQuotaAboveQuota(errors=_at(above, "is more than the quota", "大于名额"))
    budgets = enumerate(data.budgets or ())
    inverted = [
        f"/budgets/{place}/valid_to"
        for place, budget in budgets
        if budget.valid_from and budget.valid_to and budget.valid_to < budget.valid_from
    ]
    if inverted:
        raise InvalidPeriod(errors=_at(inverted, "is before valid_from", "早于 valid_from"))


def _at(pointers: Iterable[str], detail_en: str, detail_zh: str) -> list[FieldError]:
    return [FieldError("invalid", detail_en, detail_zh, pointer=pointer) for pointer in pointers]


def _repetitions(data: ProfilePut) -> Iterator[str]:
    for name, field in _UNIQUE.items():
        seen: set[str] = set()
        for place, entry in enumerate(getattr(data, name) or ()):
            value = getattr(entry, field)
            if value in seen:
                yield f"/{name}/{place}/{field}"
            seen.add(value)


def _unknown_industries(data: ProfilePut) -> Iterator[str]:
    for place, cap in enumerate(data.industry_caps or ()):
        if not division_exists(cap.industry):
            yield f"/industry_caps/{place}/industry"
    lists = {
        "/leading_industries": data.leading_industries,
        "/policy_supported_fields": data.policy_supported_fields,
        **{
            f"/budgets/{place}/supported_fields": budget.supported_fields
            for place, budget in enumerate(data.budgets or ())
        },
    }
    for pointer, keys in lists.items():
        yield from (f"{pointer}/{place}" for place, key in enumerate(keys or ()) if not _industry_exists(key))


def _industry_exists(key: str) -> bool:
    if key.isdigit():
        return division_exists(key)
    return key in STRATEGIC_FIELDS or len(key) == 1
