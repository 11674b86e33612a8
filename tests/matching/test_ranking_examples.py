"""Examples as they occur in practice."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from services.matching.engine.scoring.explanation import CriterionExplanation
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures, Source
from services.matching.engine.scoring.geography import UNKNOWN
from services.matching.engine.scoring.ranking import recommend_home_units, recommend_projects
from services.matching.engine.scoring.snapshot import Snapshot

QUZHOU = HomeUnitFeatures(
    id="org_quzhou",
    name="衢州市",
    description="新材料、新能源电池材料、高端装备制造",
    lon=118.87,
    lat=28.97,
    cluster_ids=frozenset({"yangtze_river_delta"}),
    leading_industries=("3841", "266", "new_materials"),
    accepted_plant_classes=frozenset({"light_industrial", "clean_room"}),
    available_space_m2=12_000,
    accepted_stages=frozenset({"screening", "reserve", "incubation", "pilot"}),
    max_fund_amount_cny=20_000_000,
    remaining_budget_cny=Decimal("150000000.00"),
    policy_supported_fields=frozenset({"C", "new_materials"}),
    talent_count=200,
    landed_count=4,
    admitted_count=10,
    sources={"talent_count": Source("clm_1", "value", date(2026, 6, 30))},
    as_of=date(2026, 11, 1),
)
XIAN = replace(
    QUZHOU,
    id="org_xian",
    name="西安市",
    lon=108.94,
    lat=34.26,
    cluster_ids=frozenset({"guanzhong"}),
    sources={},
)
BATTERY = ProjectFeatures(
    id="prj_battery",
    title="固态电池电解质",
    summary="面向新能源汽车的固态电池材料中试",
    stage="reserve",
    industry_codes=("3841",),
    strategic_fields=("new_materials",),
    plant_class="light_industrial",
    space_m2=3_000,
    fund_amount_cny=5_000_000,
    max_distance_km=1_500,
    preferred_home_unit_ids=("org_quzhou",),
    host_lon=121.47,
    host_lat=31.23,
    host_cluster_ids=frozenset({"yangtze_river_delta"}),
)


def entries(home: HomeUnitFeatures, project: ProjectFeatures) -> dict[str, CriterionExplanation]:
    (ranked,) = recommend_home_units(Snapshot([home, XIAN]), project, 1).ranked
    return {entry.criterion: entry for entry in ranked.explanation}


def test_the_near_city_in_the_cluster_is_first():
    result = recommend_home_units(Snapshot([XIAN, QUZHOU]), BATTERY)
    assert [(r.rank, r.candidate_name) for r in result.ranked] == [(1, "衢州市"), (2, "西安市")]
    assert result.questions == ()


def test_the_explanation_speaks_both_languages():
    got = entries(QUZHOU, BATTERY)
    assert got["industry_fit"].zh == "产业契合：项目与主导产业同属小类 3841，与中位水平持平。"
    assert got["distance"].zh == "距离：距飞入地 355 公里，与中位水平持平。"
    assert got["distance"].unit == "km"
    assert got["track_record"].zh == "落地业绩：10 个到期项目落地 4 个，收缩后落地率 30.0%，与中位水平持平。"
    assert got["plant_and_space"].en == (
        "Plant and space: 12,000 m² available, 3,000 m² needed, level with the median city."
    )
    assert got["city_cluster"].value == "intra_cluster"
    assert got["city_cluster"].comparison == "better"
    assert got["talent"].score == 500_000
    assert got["talent"].sources == (Source("clm_1", "value", date(2026, 6, 30)),)
    assert got["team_preference"].zh == "团队意愿：团队第 1 志愿。"
    assert got["distance"].sources[0] == Source("org_quzhou", "lon", date(2026, 11, 1))


@pytest.mark.parametrize(
    ("change", "criterion", "zh", "en"),
    [
        ({"space_m2": 0}, "plant_and_space", "项目不需要厂房面积。", "The project needs no space."),
        ({"fund_amount_cny": 0}, "fund_within_caps", "项目不申请资金。", "The project asks for no funding."),
        (
            {"industry_codes": ()},
            "industry_fit",
            "项目与主导产业同属战略性新兴产业「新材料」，与中位水平持平。",
            "Project and leading industries are in one strategic field, New materials, "
            "level with the median city.",
        ),
        (
            {"industry_codes": ("3910",), "strategic_fields": ("C",)},
            "industry_fit",
            "项目与主导产业同属门类 C，与中位水平持平。",
            "Project and leading industries are in one section, C, level with the median city.",
        ),
        ({"preferred_home_unit_ids": ()}, "team_preference", "团队未填报意愿。", "the team stated no wish."),
        (
            {"preferred_home_unit_ids": ("org_xian",)},
            "team_preference",
            "不在团队意愿之列。",
            "Not among the team's wishes.",
        ),
        (
            {"enclave_home_unit_id": "org_quzhou"},
            "own_enclave",
            "项目在该地自己的飞地内。",
            "The project sits in this home unit's enclave.",
        ),
        (
            {"host_cluster_ids": frozenset({"greater_bay_area"})},
            "city_cluster",
            "与飞入地不在同一城市群（跨区域），半数以上飞出地亦然。",
            "In another city cluster than the host, as are at least half of the home units.",
        ),
        (
            {"title": "", "summary": "高端装备"},
            "text_similarity",
            "项目简介与飞出地产业描述的相似度为 100.0%，与中位水平持平。",
            "Similarity of the two descriptions is 100.0%, level with the median city.",
        ),
    ],
)
def test_each_statement_has_its_sentence(change, criterion, zh, en):
    entry = entries(QUZHOU, replace(BATTERY, **change))[criterion]
    assert entry.zh.split("：", 1)[1] == zh
    assert entry.en.split(": ", 1)[1] == en


def test_an_unknown_plant_is_a_question_to_the_home_unit():
    silent = replace(QUZHOU, accepted_plant_classes=None)
    result = recommend_home_units(Snapshot([silent]), BATTERY)
    assert result.ranked == ()
    assert result.open_candidates[0].unknown_gates == ("plant_class",)
    (question,) = result.questions
    assert (question.asked, question.party_id, question.zh) == (
        "home_unit",
        "org_quzhou",
        "贵地可提供哪些类别的厂房？",
    )


def test_an_unknown_need_is_one_question_to_the_team():
    result = recommend_home_units(Snapshot([QUZHOU, XIAN]), replace(BATTERY, space_m2=None))
    (question,) = result.questions
    assert (question.asked, question.party_id, question.field) == ("project_team", "prj_battery", "space_m2")
    assert question.candidate_ids == ("org_quzhou", "org_xian")
    assert question.zh == "项目需要多少面积（平方米）？"


def test_a_known_failure_outranks_an_unknown():
    silent = replace(QUZHOU, max_fund_amount_cny=None, remaining_budget_cny=1_000_000)
    result = recommend_home_units(Snapshot([silent]), BATTERY)
    (refusal,) = result.refusals(10)
    assert [(f.gate, f.zh) for f in refusal.failures] == [("fund", "申请资金超过上限或剩余预算")]
    assert result.counts.failed_by_gate["fund"] == 1


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"stage": "lead"}, "stage"),
        ({"plant_class": "hazardous"}, "plant_class"),
        ({"industry_codes": ("7340",), "strategic_fields": ()}, "policy"),
        ({"fund_amount_cny": Decimal("20000000.01")}, "fund"),
        ({"space_m2": 12_000.5}, "space"),
        ({"legal_lock_home_unit_id": "org_xian"}, "legal_lock"),
        ({"max_distance_km": 354}, "max_distance"),
    ],
)
def test_each_gate_refuses(change, gate):
    result = recommend_home_units(Snapshot([QUZHOU]), replace(BATTERY, **change))
    assert [f.gate for f in result.refusals(1)[0].failures] == [gate]


def test_an_exact_fit_passes():
    exact = replace(BATTERY, space_m2=12_000, fund_amount_cny=20_000_000)
    (ranked,) = recommend_home_units(Snapshot([QUZHOU]), exact).ranked
    got = {e.criterion: e.score for e in ranked.explanation}
    assert (got["plant_and_space"], got["fund_within_caps"]) == (0, 0)


def test_equal_scores_are_in_the_order_of_ids():
    twins = [replace(QUZHOU, id=f"org_{n}", name="孪生市") for n in (3, 1, 2)]
    plain = replace(BATTERY, preferred_home_unit_ids=())
    assert [r.candidate_id for r in recommend_home_units(Snapshot(twins), plain, 2).ranked] == [
        "org_1",
        "org_2",
    ]


def test_a_home_unit_that_owns_its_weights_decides_by_them():
    remote = replace(XIAN, weights={"distance": 1})
    (ranked,) = recommend_home_units(Snapshot([remote]), BATTERY).ranked
    assert [e.weight for e in ranked.explanation if e.weight] == [1000]
    with pytest.raises(ValueError, match="weights"):
        Snapshot([replace(QUZHOU, weights={"luck": 1})])


def test_the_projects_of_a_city_follow_each_change():
    other = replace(BATTERY, id="prj_other", title="检测服务", summary="", preferred_home_unit_ids=())
    snapshot = Snapshot([QUZHOU], [other, BATTERY])
    assert [r.candidate_id for r in recommend_projects(snapshot, "org_quzhou").ranked] == [
        "prj_battery",
        "prj_other",
    ]
    snapshot.upsert_project(replace(BATTERY, stage="withdrawn"))
    result = recommend_projects(snapshot, "org_quzhou")
    assert [r.candidate_id for r in result.ranked] == ["prj_other"]
    assert [r.candidate_name for r in result.refusals(5)] == ["固态电池电解质"]


def test_nobody_on_file_is_an_empty_answer():
    result = recommend_home_units(Snapshot(), BATTERY)
    assert (result.ranked, result.questions, result.counts.considered) == ((), (), 0)
    assert recommend_projects(Snapshot([QUZHOU]), "org_quzhou").ranked == ()


def test_a_place_not_known_is_no_distance():
    snapshot = Snapshot([replace(QUZHOU, lon=None)])
    assert snapshot.distance_column((121.47, 31.23)).tolist() == [UNKNOWN]
    (ranked,) = recommend_home_units(snapshot, replace(BATTERY, max_distance_km=None)).ranked
    distance = next(e for e in ranked.explanation if e.criterion == "distance")
    assert (distance.known, distance.points) == (False, 0)
    assert distance.zh == "距离：数据未知，暂计零分。"
