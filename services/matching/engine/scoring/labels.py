"""Chinese and English words of the explanation. Chinese terms are those of the trade."""

from functools import lru_cache
from typing import NamedTuple


class Label(NamedTuple):
    zh: str
    en: str


CRITERIA = {
    "industry_fit": Label("产业契合", "Industry fit"),
    "text_similarity": Label("文本相似", "Text similarity"),
    "plant_and_space": Label("厂房与空间", "Plant and space"),
    "fund_within_caps": Label("资金额度", "Fund within caps"),
    "distance": Label("距离", "Distance"),
    "city_cluster": Label("城市群", "City cluster"),
    "track_record": Label("落地业绩", "Track record"),
    "team_preference": Label("团队意愿", "Team's preference"),
    "talent": Label("人才", "Talent"),
    "own_enclave": Label("本地飞地在孵", "Own enclave"),
}
GATES = {
    "stage": Label("项目阶段", "Stage"),
    "plant_class": Label("厂房类别", "Plant class"),
    "policy": Label("政策支持领域", "Policy eligibility"),
    "fund": Label("资金上限", "Fund caps"),
    "space": Label("可用空间", "Space capacity"),
    "legal_lock": Label("股权锁定", "Legal lock"),
    "max_distance": Label("最远距离", "Maximum distance"),
}
FAILURES = {
    "stage": Label(
        "项目所处阶段不在飞出地接受范围内", "The home unit does not accept projects at this stage"
    ),
    "plant_class": Label("没有所需类别", "The home unit has no plant of the class needed"),
    "policy": Label(
        "项目产业不在政策支持领域内", "The project's industries are outside the supported fields"
    ),
    "fund": Label("申请资金超过上限或剩余预算", "The request exceeds the cap or the remaining budget"),
    "space": Label("可用空间小于所需面积", "The space available is less than the space needed"),
    "legal_lock": Label(
        "项目因股权约定只能落地其他飞出地", "An equity agreement binds the project to another home unit"
    ),
    "max_distance": Label("超出团队可接受的最远距离", "The distance exceeds the farthest the team accepts"),
}
QUESTIONS = {
    "accepted_stages": Label("贵地接受哪些阶段的项目？", "Which stages do you accept?"),
    "accepted_plant_classes": Label("贵地可提供哪些类别的厂房？", "Which classes of plant can you offer?"),
    "policy_supported_fields": Label(
        "贵地政策支持哪些产业领域？", "Which industries do your policies support?"
    ),
    "max_fund_amount_cny": Label(
        "单个项目的资金上限是多少（元）？", "What is your cap for one project (CNY)?"
    ),
    "remaining_budget_cny": Label("剩余预算是多少（元）？", "How much budget remains (CNY)?"),
    "available_space_m2": Label("可用厂房面积是多少（平方米）？", "How much space is available (m²)?"),
    "home_place": Label("贵地的位置在哪里？", "Where is the home unit?"),
    "plant_class": Label("项目需要哪类厂房？", "Which class of plant does the project need?"),
    "industry_codes": Label(
        "项目属于哪些行业（GB/T 4754）？", "Which industries is the project in (GB/T 4754)?"
    ),
    "fund_amount_cny": Label("项目申请多少资金（元）？", "How much funding does the project ask for (CNY)?"),
    "space_m2": Label("项目需要多少面积（平方米）？", "How much space does the project need (m²)?"),
    "host_place": Label("项目现在所在的飞入地在哪里？", "Where in the host city is the project now?"),
}
STRATEGIC_FIELDS = {
    "new_generation_it": Label("新一代信息技术", "New-generation information technology"),
    "high_end_equipment": Label("高端装备制造", "High-end equipment manufacturing"),
    "new_materials": Label("新材料", "New materials"),
    "biotechnology": Label("生物", "Biotechnology"),
    "new_energy_vehicles": Label("新能源汽车", "New energy vehicles"),
    "new_energy": Label("新能源", "New energy"),
    "energy_saving_and_environment": Label("节能环保", "Energy saving and environmental protection"),
    "digital_creative": Label("数字创意", "Digital creative industries"),
    "related_services": Label("相关服务", "Related services"),
}
"""The fields of 战略性新兴产业分类 (2018), as registry names them."""

_LEVELS = {
    1: Label("门类", "section"),
    2: Label("大类", "division"),
    3: Label("中类", "group"),
    4: Label("小类", "class"),
}
NO_SHARED_INDUSTRY = Label(
    "项目与主导产业没有共同门类", "Project and leading industries have no section in common"
)


@lru_cache(maxsize=4096)
def shared_industry(node: str) -> Label:
    """Say which node of the industry tree, or which strategic field, both sides are in."""
    if node.isascii() and (node.isdigit() or len(node) == 1):
        zh, en = _LEVELS[len(node)]
        return Label(
            f"项目与主导产业同属{zh} {node}", f"Project and leading industries are in one {en}, {node}"
        )
    field = STRATEGIC_FIELDS.get(node, Label(node, node))
    return Label(
        f"项目与主导产业同属战略性新兴产业「{field.zh}」",
        f"Project and leading industries are in one strategic field, {field.en}",
    )


class Comparison(NamedTuple):
    """What a criterion says of better, equal and worse than the median city."""

    better: Label
    equal: Label
    worse: Label


COMPARISON = Comparison(
    Label("优于中位水平", "better than the median city"),
    Label("与中位水平持平", "level with the median city"),
    Label("低于中位水平", "behind the median city"),
)
COMPARISONS = {
    "distance": Comparison(
        Label("近于中位水平", "nearer than the median city"),
        COMPARISON.equal,
        Label("远于中位水平", "farther than the median city"),
    ),
    "city_cluster": Comparison(
        Label("而半数以上飞出地不在同一城市群", "which at least half of the home units are not"),
        Label("半数以上飞出地亦然", "as are at least half of the home units"),
        Label(
            "而半数以上飞出地与其同属一个城市群", "while at least half of the home units are in one with it"
        ),
    ),
}
"""Where lower is better, or where there is no more or less."""

UNKNOWN = Label("数据未知，暂计零分", "not known, counted as zero for now")
UNSTATED_WISH = Label("团队未填报意愿", "the team stated no wish")
