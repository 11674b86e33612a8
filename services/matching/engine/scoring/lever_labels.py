"""Chinese and English words of the counterfactuals: what could change, and what it would do."""

from decimal import Decimal

from services.matching.engine.scoring import labels
from services.matching.engine.scoring.features import Number
from services.matching.engine.scoring.labels import Label

LEVERS = {
    "fund_amount_cny": Label("申请资金", "Funding requested"),
    "space_m2": Label("所需面积", "Space needed"),
    "max_distance_km": Label("团队可接受的最远距离", "Farthest distance the team accepts"),
    "preferred_place": Label("团队意愿", "The team's wish"),
    "available_space_m2": Label("可用厂房面积", "Space available"),
    "max_fund_amount_cny": Label("单个项目的资金上限", "Cap for one project"),
    "remaining_budget_cny": Label("剩余预算", "Remaining budget"),
    "fund_cap_and_budget_cny": Label("资金上限与剩余预算（同时）", "Cap and remaining budget together"),
    "talent_count": Label("持证人才", "Certified talents"),
    "accepted_stages": Label("接受的项目阶段", "Stages accepted"),
    "accepted_plant_classes": Label("可提供的厂房类别", "Plant classes offered"),
    "policy_supported_fields": Label("政策支持领域", "Fields supported by policy"),
    "leading_industries": Label("主导产业", "Leading industries"),
}
STAGES = {
    "lead": Label("线索", "lead"),
    "screening": Label("筛选", "screening"),
    "reserve": Label("储备", "reserve"),
    "admitted": Label("准入", "admitted"),
    "incubation": Label("孵化", "incubation"),
    "acceleration": Label("加速", "acceleration"),
    "rnd": Label("研发", "R&D"),
    "pilot": Label("中试", "pilot"),
    "industrialisation": Label("产业化", "industrialisation"),
}
PLANT_CLASSES = {
    "none": Label("不需要厂房", "none"),
    "office": Label("办公", "office"),
    "laboratory": Label("实验室", "laboratory"),
    "clean_room": Label("洁净车间", "clean room"),
    "light_industrial": Label("轻工厂房", "light industrial"),
    "heavy_industrial": Label("重工厂房", "heavy industrial"),
    "hazardous": Label("危化厂房", "hazardous"),
}
NOT_DISCLOSED = Label("属飞出地内部数据，不对外披露", "the home unit's own figure, not disclosed")

_UNITS = {"CNY": Label(" 元", "CNY {}"), "m2": Label(" 平方米", "{} m²"), "km": Label(" 公里", "{} km")}
_UNITS["persons"] = Label(" 人", "{} persons")


def changed(lever: str, unit: str, current: Number | str | None, needed: Number | str) -> Label:
    """Say what a lever would have to be instead of what it is."""
    name = LEVERS[lever]
    if lever == "preferred_place":
        if current is None:
            return Label(f"团队将该地填报为第 {needed} 志愿", f"The team names it as wish number {needed}")
        return Label(
            f"团队将该地由第 {current} 志愿提前到第 {needed} 志愿",
            f"The team moves it from wish number {current} to {needed}",
        )
    if unit == "code":
        what = _code(lever, str(needed))
        return Label(f"{name.zh}增加「{what.zh}」", f"{name.en}: add {what.en}")
    to = _amount(unit, needed)
    if lever == "fund_amount_cny" and needed == 0:
        return Label("项目不申请资金", "The project asks for no funding")
    if current is None:
        bound = ("不超过", "at most") if lever in _DOWN else ("不少于", "at least")
        return Label(f"{name.zh}尚未填报，填报{bound[0]} {to.zh}", f"{name.en}: state {bound[1]} {to.en}")
    of, word = _amount(unit, current), "降至" if lever in _DOWN else "增至"
    return Label(f"{name.zh}由 {of.zh}{word} {to.zh}", f"{name.en}: from {of.en} to {to.en}")


_DOWN = ("fund_amount_cny", "space_m2")


def opens(change: Label, gate: str, sufficient: bool) -> Label:
    """Say that a change opens its gate, and whether that is enough."""
    if sufficient:
        return Label(f"{change.zh}，即可通过全部条件。", f"{change.en}: then every gate passes.")
    name = labels.GATES[gate]
    return Label(
        f"{change.zh}，可通过「{name.zh}」，但还有其他条件未通过。",
        f"{change.en}: then “{name.en}” passes, but other gates do not.",
    )


def cannot_open(lever: str, gate: str) -> Label:
    """Say that a lever cannot open its gate."""
    name, label = labels.GATES[gate], LEVERS[lever]
    return Label(
        f"仅调整{label.zh}不能通过「{name.zh}」。", f"{label.en} alone cannot make “{name.en}” pass."
    )


def reaches(change: Label, rank: int) -> Label:
    """Say that a change is enough for a rank."""
    return Label(f"{change.zh}，即可排到第 {rank} 位。", f"{change.en}: then it ranks {rank} or better.")


def cannot_reach(lever: str, rank: int) -> Label:
    """Say that a lever alone is not enough for a rank."""
    label = LEVERS[lever]
    return Label(
        f"仅调整{label.zh}排不到第 {rank} 位。", f"{label.en} alone does not bring it to rank {rank}."
    )


def withheld(lever: str) -> Label:
    """Say that a lever is not for this caller to see."""
    label = LEVERS[lever]
    return Label(f"{label.zh}：{NOT_DISCLOSED.zh}。", f"{label.en}: {NOT_DISCLOSED.en}.")


def _amount(unit: str, value: Number | str) -> Label:
    zh, en = _UNITS[unit]
    exact = Decimal(str(value))
    said = f"{int(exact):,}" if exact == int(exact) else f"{exact:,}"
    return Label(said + zh, en.format(said))


def _code(lever: str, code: str) -> Label:
    names = {"accepted_stages": STAGES, "accepted_plant_classes": PLANT_CLASSES}
    return names.get(lever, labels.STRATEGIC_FIELDS).get(code, Label(code, code))
