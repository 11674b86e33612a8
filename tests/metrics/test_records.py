"""A figure and the list of its records count the same records, however it is sliced and grouped."""

from collections.abc import Iterator
from typing import Any

import pytest

from services.metrics.kpis.questions import GROUPINGS
from tests.metrics.conftest import Metrics
from tests.metrics.test_kpis import admit, figure, land

PLACES = {
    "sh": {"adcode": "310115", "city_adcode": "310000"},
    "bj": {"adcode": "110108", "city_adcode": "110000"},
}
SLICES: list[dict[str, str]] = [
    {"enclave_id[in]": "enc_1,enc_2"},
    {"home_unit_id": "org_b"},
    {"host_city_adcode": "310000", "industry": "27"},
    {"operator_id": "org_op"},
    {"operating_mode": "commissioned", "siting_pattern[in]": "inter_cluster,intra_cluster"},
    {"carrier_type[in]": "workstation,cloud"},
    {"section[in]": "C,I"},
    {"strategic_field": "biotechnology"},
    {"strategic_field": "new_materials", "strategic_field[in]": "biotechnology,new_energy"},
    {"section": "C", "cohort": "2021"},
]


@pytest.fixture
async def world(metrics: Metrics) -> Metrics:
    """Projects with several values of what may have several, with one, and with none."""
    feed = metrics.feed
    feed.enclave(
        "enc_1",
        home_unit_id="org_a",
        operator_id="org_op",
        operating_mode="commissioned",
        carrier_type="workstation",
        host_place=PLACES["sh"],
    )
    feed.enclave(
        "enc_2",
        home_unit_id="org_b",
        operating_mode="self_operated",
        carrier_type="cloud",
        siting_pattern="inter_cluster",
        host_place=PLACES["bj"],
    )
    feed.enclave("enc_3", home_unit_id=None, host_place=None)
    kinds: list[dict[str, Any]] = [
        {"industry_codes": ["2710", "6513"], "strategic_fields": ["biotechnology", "new_materials"]},
        {"industry_codes": ["2720"], "strategic_fields": ["biotechnology"]},
        {
            "industry_codes": ["6513"],
            "strategic_fields": ["new_energy", "new_materials"],
            "operator_id": "org_op",
        },
        {"industry_codes": [], "strategic_fields": []},
    ]
    for number, enclave in enumerate(["enc_1", "enc_2", "enc_3", "enc_1", None, None, "enc_2", "enc_1"]):
        homes = ["org_a", "org_b"] if number == 4 else []
        values = {**kinds[number % 4], "enclave_id": enclave, "home_unit_ids": homes}
        id = f"prj_{number}"
        parties = ["org_member"] if number % 3 == 0 else []
        if number == 5:
            feed.project(id, "2021-01-01", **values, party_ids=parties)
        else:
            admit(metrics, id, f"202{number % 3}-03-01", **values, party_ids=parties)
        feed.stage(id, "incubation", "2023-01-01")
    land(metrics, "prj_0", "2021-03-01")
    await metrics.read_feed()
    return metrics


def counts(answer: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Each count of an answer with the link to its records, of the whole and of every group."""
    for part in [answer["figure"], *(row["figure"] for row in answer["groups"] or ())]:
        for name, link in part["links"].items():
            yield part[name] if name in part else part["beside"][name], link


@pytest.mark.parametrize("group_by", [None, *GROUPINGS])
async def test_each_group_of_each_slice_lists_the_records_it_counted(
    world: Metrics, group_by: str | None
) -> None:
    grouping = {} if group_by is None else {"group_by": group_by}
    for number, sliced in enumerate(SLICES):
        kpi = "incubating" if number % 4 else "press_rate"
        client = world.as_admin() if number % 3 else world.as_org("org_member")
        response = await client.get(f"/v1/kpis/{kpi}", params={**sliced, **grouping})
        assert response.status_code == 200, response.text
        for count, link in counts(response.json()):
            page = (await client.get(link)).json()
            assert len(page["items"]) == count, link


async def test_a_group_outside_the_slice_lists_what_is_in_both(world: Metrics) -> None:
    answer = await figure(world, "incubating", group_by="strategic_field", strategic_field="biotechnology")
    listed = {}
    for row in answer["groups"]:
        page = await world.as_admin().get(row["figure"]["links"]["numerator"])
        listed[row["key"]] = [item["id"] for item in page.json()["items"]]
    assert listed == {
        "biotechnology": ["prj_0", "prj_1", "prj_4", "prj_5"],
        "new_materials": ["prj_0", "prj_4"],
    }


async def test_what_has_no_value_yet_can_be_listed_too(world: Metrics) -> None:
    answer = await figure(world, "incubating", group_by="section")
    bare = answer["groups"][-1]
    assert (bare["key"], bare["figure"]["value"]) == (None, 2)
    page = await world.as_admin().get(bare["figure"]["links"]["numerator"])
    assert [item["id"] for item in page.json()["items"]] == ["prj_3", "prj_7"]


async def test_a_group_is_asked_for_with_its_dimension(world: Metrics) -> None:
    for query in ("group=enc_1", "group_by=cohort&group=soon"):
        response = await world.as_admin().get(f"/v1/kpis/incubating/records?{query}")
        assert response.status_code == 400
        assert response.json()["errors"][0]["parameter"] == "group"
