"""Chinese and English words of the explanation. Chinese terms are those of the trade."""

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
LEVELS = {
    1_000_000: Label("同一小类", "the same class"),
    850_000: Label("同一中类", "the same group"),
    600_000: Label("同一大类或战略性新兴产业领域", "the same division or strategic field"),
    250_000: Label("同一门类", "the same section"),
    0: Label("没有共同门类", "no common section"),
}
COMPARISONS = {
    "better": Label("优于中位城市", "better than the median city"),
    "equal": Label("与中位城市持平", "level with the median city"),
    "worse": Label("不及中位城市", "behind the median city"),
}
UNKNOWN = Label("数据未知，暂计零分", "not known, counted as zero for now")
