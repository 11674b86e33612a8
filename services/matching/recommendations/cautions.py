"""What a home unit should think over before it sets a profile; pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.comparison import Comparison
from services.matching.engine.scoring.criteria import CRITERIA, normalised
from services.matching.profiles.schemas import ProfileRead

_LAST_MONTH = {"H1": 6, "H2": 12, "Q1": 3, "Q2": 6, "Q3": 9, "Q4": 12}
_FACTS = {
    "industry_fit": ("leading_industries",),
    "text_similarity": ("description",),
    "plant_and_space": ("available_space_m2",),
    "fund_within_caps": ("max_fund_amount_cny", "remaining_budget_cny"),
    "talent": ("talent_count",),
}


class Caution(NamedTuple):
    """Something a home unit may not have meant; ``about`` names the entries, or how many projects."""

    code: str
    field: str
    about: tuple[str, ...]
    zh: str
    en: str


@dataclass(frozen=True)
class Look:
    """What the caller is shown of the projects: those it sees, and the comparison over them."""

    visible: Collection[str]
    comparison: Comparison


def cautions_of(profile: ProfileRead, look: Look, today: date) -> list[Caution]:
    """Return what a home unit should think over before it sets this profile."""
    return [
        *_of_weights(profile),
        *_of_quotas(profile, look.comparison.after.feasible, today),
        *_of_budgets(profile, today),
        *_of_preferences(profile, look),
        *_of_the_whole(profile, look.comparison),
    ]


def _of_weights(profile: ProfileRead) -> Iterator[Caution]:
    stated = profile.weights.model_dump() if profile.weights else None
    shares = dict(zip(CRITERIA, normalised(stated), strict=True))
    if nothing := tuple(name for name, share in shares.items() if not share):
        yield Caution(
            "criterion_without_effect",
            "weights",
            nothing,
            f"下列指标权重为零或不足千分之一，不影响排序：{_names_zh(nothing)}。",
            "These criteria weigh nothing, or less than a thousandth, and change no rank: "
            f"{_names_en(nothing)}.",
        )
    blind = tuple(
        name
        for name, fields in _FACTS.items()
        if shares[name] and not all(_is_known(profile, field) for field in fields)
    )
    if blind:
        yield Caution(
            "criterion_without_facts",
            "weights",
            blind,
            f"下列指标有权重，但画像缺少相应信息，一律计零分：{_names_zh(blind)}。",
            "These criteria have a weight, but the profile lacks their facts, so all score 0: "
            f"{_names_en(blind)}.",
        )


def _of_quotas(profile: ProfileRead, feasible: int, today: date) -> Iterator[Caution]:
    quotas = profile.quotas or []
    if closed := tuple(quota.period for quota in quotas if quota.projects == 0):
        yield Caution(
            "quota_zero",
            "quotas",
            closed,
            f"下列期间名额为零，届时不接收任何项目：{'、'.join(closed)}。",
            f"The quota is 0, so no project is taken in {', '.join(closed)}.",
        )
    if over := tuple(quota.period for quota in quotas if last_day(quota.period) < today):
        yield Caution(
            "quota_in_past",
            "quotas",
            over,
            f"下列期间已结束：{'、'.join(over)}。",
            f"These periods are over: {', '.join(over)}.",
        )
    if beyond := tuple(quota.period for quota in quotas if quota.at_least > feasible):
        yield Caution(
            "lower_quota_out_of_reach",
            "quotas",
            beyond,
            f"下列期间的最低名额多于目前可行的 {feasible} 个项目：{'、'.join(beyond)}。",
            f"The lower quota is more than the {feasible} projects feasible now in {', '.join(beyond)}.",
        )


def _of_budgets(profile: ProfileRead, today: date) -> Iterator[Caution]:
    budgets = profile.budgets or []
    if over := tuple(budget.name for budget in budgets if budget.valid_to and budget.valid_to < today):
        yield Caution(
            "budget_over",
            "budgets",
            over,
            f"下列资金已过有效期：{'、'.join(over)}。",
            f"These budgets are past their last day: {', '.join(over)}.",
        )
    if empty := tuple(budget.name for budget in budgets if not budget.remaining_cny):
        yield Caution(
            "budget_empty",
            "budgets",
            empty,
            f"下列资金余额为零：{'、'.join(empty)}。",
            f"Nothing is left of these budgets: {', '.join(empty)}.",
        )
    total = profile.remaining_budget_cny
    if total is not None and sum(budget.remaining_cny for budget in budgets) > total:
        yield Caution(
            "budgets_above_total",
            "budgets",
            (),
            "各项资金余额之和大于剩余预算；分配时以剩余预算为限。",
            "The budgets add up to more than the remaining budget, which stays the limit of all of them.",
        )


def _of_preferences(profile: ProfileRead, look: Look) -> Iterator[Caution]:
    wanted = [preference.project_id for preference in profile.preferences or ()]
    if hidden := sum(project_id not in look.visible for project_id in wanted):
        yield Caution(
            "preference_without_project",
            "preferences",
            (),
            f"有 {hidden} 个意向项目不在可见的在办项目之列，暂不起作用。",
            f"{hidden} of the preferred projects are not among the open projects seen here and count for "
            "nothing.",
        )
    refused = tuple(
        project_id
        for project_id in wanted
        if project_id in look.visible and project_id not in look.comparison.feasible_ids
    )
    if refused:
        yield Caution(
            "preference_not_feasible",
            "preferences",
            refused,
            f"有 {len(refused)} 个意向项目未满足全部硬性条件。",
            f"{len(refused)} of the preferred projects do not pass every hard filter.",
        )


def _of_the_whole(profile: ProfileRead, comparison: Comparison) -> Iterator[Caution]:
    leading = {key[:2] for key in profile.leading_industries if key.isdigit()}
    caps = profile.industry_caps or []
    if shut := tuple(cap.industry for cap in caps if not cap.projects and cap.industry in leading):
        yield Caution(
            "leading_industry_capped_at_zero",
            "industry_caps",
            shut,
            f"下列主导产业的项目上限为零：{'、'.join(shut)}。",
            f"These leading industries have a cap of 0 projects: {', '.join(shut)}.",
        )
    if comparison.before.feasible and not comparison.after.feasible:
        yield Caution(
            "nothing_feasible",
            "",
            (),
            "变更后没有任何可行项目。",
            "After the change no project is feasible.",
        )


def last_day(period: str) -> date:
    """Return the last day of a year, half-year or quarter."""
    year, _, part = period.partition("-")
    month = _LAST_MONTH[part] if part else 12
    return date(int(year), month, 30 if month in (6, 9) else 31)


def _is_known(profile: ProfileRead, field: str) -> bool:
    return getattr(profile, field) not in (None, [], "")


def _names_zh(criteria: Iterable[str]) -> str:
    return "、".join(labels.CRITERIA[name].zh for name in criteria)


def _names_en(criteria: Iterable[str]) -> str:
    return ", ".join(labels.CRITERIA[name].en for name in criteria)
