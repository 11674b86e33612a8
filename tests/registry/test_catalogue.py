import pytest

from services.registry.reference.catalogue import Catalogue

CATALOGUE = Catalogue.load()


def test_load_reads_the_files_once_per_process() -> None:
    assert Catalogue.load() is CATALOGUE
    assert len(CATALOGUE.divisions) == 3214
    assert len([item for item in CATALOGUE.industries if item.level == "class"]) == 1381


@pytest.mark.parametrize(
    ("code", "city", "province"),
    [
        ("330421", "330400", "330000"),
        ("330400", "330400", "330000"),
        ("310112", "310000", "310000"),
        ("310000", "310000", "310000"),
        ("500101", "500000", "500000"),
        ("419001", "419001", "410000"),
        ("654003", "654000", "650000"),
        ("441900", "441900", "440000"),
        ("810000", "810000", "810000"),
    ],
)
def test_city_and_province(code: str, city: str, province: str) -> None:
    found_city, found_province = CATALOGUE.city_of(code), CATALOGUE.province_of(code)
    assert found_city is not None
    assert found_province is not None
    assert (found_city.code, found_province.code) == (city, province)


def test_a_province_has_no_city_and_an_unknown_code_has_nothing() -> None:
    assert CATALOGUE.city_of("320000") is None
    assert CATALOGUE.city_of("999999") is None
    assert CATALOGUE.province_of("") is None
    assert CATALOGUE.clusters_of("999999") == ()
    assert CATALOGUE.industry("9999") is None
    assert CATALOGUE.section_of("9999") is None


def test_every_division_has_coordinates_in_china_and_a_known_parent() -> None:
    for item in CATALOGUE.divisions:
        assert 73 < item.lon < 136, item
        assert 3 < item.lat < 54, item
        assert item.parent is None or CATALOGUE.division(item.parent) is not None


def test_is_within_follows_parents_not_prefixes() -> None:
    assert CATALOGUE.is_within("330421", "330400")
    assert CATALOGUE.is_within("330421", "330421")
    assert not CATALOGUE.is_within("330400", "330421")
    assert not CATALOGUE.is_within("999999", "999999")


def test_there_are_19_clusters_and_one_corridor_of_nine() -> None:
    kinds = [cluster.kind for cluster in CATALOGUE.clusters]
    assert (kinds.count("cluster"), kinds.count("corridor")) == (19, 1)
    assert len({cluster.id for cluster in CATALOGUE.clusters}) == 20
    corridor = CATALOGUE.cluster("g60_corridor")
    assert corridor is not None
    members = [CATALOGUE.division(code) for code in corridor.member_codes]
    names = {member.name.removesuffix("市").removesuffix("区") for member in members if member}
    assert names == {"松江", "嘉兴", "杭州", "金华", "苏州", "湖州", "宣城", "芜湖", "合肥"}


def test_cluster_members_exist_and_contain_the_cores() -> None:
    for cluster in CATALOGUE.clusters:
        assert set(cluster.core_codes) <= set(cluster.member_codes), cluster.id
        assert len(set(cluster.member_codes)) == len(cluster.member_codes), cluster.id
        for code in cluster.member_codes:
            city = CATALOGUE.city_of(code)
            assert city is not None, code
            assert cluster.kind == "corridor" or city.level != 1 or city.code == code, code


def test_clusters_of_goes_through_the_city_and_takes_counties_named_themselves() -> None:
    assert {item.id for item in CATALOGUE.clusters_of("310117")} == {"yangtze_river_delta", "g60_corridor"}
    assert {item.id for item in CATALOGUE.clusters_of("310112")} == {"yangtze_river_delta"}
    assert [item.id for item in CATALOGUE.clusters_of("654003", "cluster")] == ["northern_tianshan"]
    assert CATALOGUE.clusters_of("654002") == ()
    assert [item.id for item in CATALOGUE.clusters_of("310117", "corridor")] == ["g60_corridor"]


@pytest.mark.parametrize(
    ("home", "host", "pattern"),
    [
        ("330421", "310000", "intra_cluster"),
        ("331100", "310115", "intra_cluster"),
        ("320206", "440305", "inter_cluster"),
        ("410300", "440300", "inter_cluster"),
        ("654002", "310000", "inter_cluster"),
        ("999999", "310000", None),
        ("320000", "310000", None),
        (None, "310000", None),
        ("330421", None, None),
    ],
)
def test_siting_pattern(home: str | None, host: str | None, pattern: str | None) -> None:
    assert CATALOGUE.siting_pattern(home, host) == pattern


@pytest.mark.parametrize(("code", "section"), [("C", "C"), ("39", "C"), ("3973", "C"), ("6513", "I")])
def test_industry_accepts_section_division_and_class(code: str, section: str) -> None:
    industry, found = CATALOGUE.industry(code), CATALOGUE.section_of(code)
    assert industry is not None
    assert industry.code == code
    assert found is not None
    assert found.code == section


def test_strategic_fields_are_nine_and_every_prefix_means_something() -> None:
    names = [field.name_zh for field in CATALOGUE.strategic_fields]
    expected = "新一代信息技术 高端装备制造 新材料 生物 新能源汽车 新能源 节能环保 数字创意 相关服务"
    assert " ".join(names) == expected
    classes = [item.code for item in CATALOGUE.industries if item.level == "class"]
    for field in CATALOGUE.strategic_fields:
        assert len(set(field.industry_prefixes)) == len(field.industry_prefixes)
        for prefix in field.industry_prefixes:
            assert any(code.startswith(prefix) for code in classes), (field.id, prefix)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("3973", {"new_generation_it"}),
        ("2762", {"biotechnology"}),
        ("3841", {"new_energy", "new_energy_vehicles"}),
        ("42", {"energy_saving_and_environment"}),
        ("0111", set()),
        ("C", set()),
        ("39739", set()),
    ],
)
def test_strategic_fields_of(code: str, fields: set[str]) -> None:
    assert {field.id for field in CATALOGUE.strategic_fields_of(code)} == fields


def test_search_puts_the_exact_name_first() -> None:
    assert next(item.code for item in CATALOGUE.search("江阴市")) == "320281"
    assert {item.code for item in CATALOGUE.search("集成电路")} == {"3973", "6520"}
    assert [item.code for item in CATALOGUE.search("３９７３")] == ["3973"]
    assert next(item.code for item in CATALOGUE.search("农、林、牧、渔业")) == "A"
    assert CATALOGUE.search("  ") == ()
    assert len(CATALOGUE.search("市", limit=7)) == 7
