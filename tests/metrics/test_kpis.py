"""KPIs through HTTP: figures, why there is none, and the records behind them."""

from typing import Any

from services.metrics.kpis import rollup
from shared.messaging.received import Event
from tests.metrics.conftest import Metrics

ADMISSION = ("screening", "reserve", "admitted")


async def figure(metrics: Metrics, kpi: str, **params: Any) -> dict[str, Any]:
    response = await metrics.as_admin().get(f"/v1/kpis/{kpi}", params=params)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def admit(metrics: Metrics, id: str, at: str, recorded: str | None = None, **values: Any) -> None:
    metrics.feed.project(id, at, **{"enclave_id": "enc_1", **values})
    for stage in ADMISSION:
        metrics.feed.stage(id, stage, at, recorded)


def land(metrics: Metrics, id: str, at: str, state: str = "registered") -> None:
    metrics.feed.landing(f"lnd_{id}", id, at)
    metrics.feed.landing_state(f"lnd_{id}", state, at)


async def test_incubating_counts_each_stage_from_incubation_to_pilot(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    for number, stage in enumerate(("incubation", "pilot", "industrialisation", "failed", "admitted")):
        admit(metrics, f"prj_{number}", "2024-01-01")
        metrics.feed.stage(f"prj_{number}", stage, "2024-02-01")
    await metrics.read_feed()
    assert (await figure(metrics, "incubating"))["figure"]["value"] == 2
    assert (await figure(metrics, "incubating", as_of="2024-01-31"))["figure"]["value"] == 0


async def test_a_slice_without_records_is_unknown_and_not_zero(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2024-01-01")
    await metrics.read_feed()
    for params in ({"as_of": "2023-12-31"}, {"enclave_id": "enc_other"}):
        answer = (await figure(metrics, "incubating", **params))["figure"]
        assert (answer["value"], answer["reason"]["code"]) == (None, "nothing_on_file")
        assert (answer["numerator"], answer["n"]) == (0, 0)


NOTHING_COUNTED: dict[str, Any] = {
    "value": None,
    "numerator": None,
    "denominator": None,
    "n": None,
    "censored": None,
    "beside": {"registered": None, "started": None, "producing": None},
}


async def test_nothing_is_counted_in_the_future(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2024-01-01")
    await metrics.read_feed()
    later = await figure(metrics, "landing_rate", as_of="2990-01-01", group_by="section")
    assert later["figure"]["reason"]["code"] == "in_the_future"
    assert {name: later["figure"][name] for name in NOTHING_COUNTED} == NOTHING_COUNTED
    assert later["groups"] is None
    reserve = (await figure(metrics, "reserve", as_of="2990-01-01"))["figure"]
    assert set(reserve["beside"].values()) == {None}


async def test_nothing_is_claimed_before_the_feed_was_read_to_its_end(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2024-01-01")
    async with metrics.database.write() as tx:
        await rollup.apply_events(tx, [Event.parse(event) for event in metrics.feed.events])
    answer = await figure(metrics, "landing_rate")
    assert answer["figure"]["reason"]["code"] == "not_loaded"
    assert {name: answer["figure"][name] for name in NOTHING_COUNTED} == NOTHING_COUNTED
    assert answer["freshness"] == {"data_as_of": None, "lag_seconds": None, "unapplied_events": 0}
    for link in answer["figure"]["links"].values():
        assert (await metrics.as_admin().get(link)).json()["items"] == []


async def test_late_fact_changes_what_was_true_but_not_what_was_known(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2024-01-01")
    metrics.feed.stage("prj_1", "incubation", "2024-02-01", recorded="2024-06-01")
    await metrics.read_feed()
    assert (await figure(metrics, "incubating", as_of="2024-03-01"))["figure"]["value"] == 1
    then = await figure(metrics, "incubating", as_of="2024-03-01", known_at="2024-05-31T00:00:00Z")
    assert then["figure"]["value"] == 0
    before = await figure(metrics, "incubating", as_of="2024-03-01", known_at="2023-05-31T00:00:00Z")
    assert before["figure"]["reason"]["code"] == "nothing_on_file"


async def test_a_history_older_than_its_record_stands(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    metrics.feed.project("prj_1", "2026-06-01", enclave_id="enc_1")
    for stage, at in (("admitted", "2021-01-05"), ("incubation", "2021-02-01")):
        metrics.feed.stage("prj_1", stage, at, recorded="2026-06-02")
    await metrics.read_feed()
    assert (await figure(metrics, "incubating"))["figure"]["value"] == 1
    rate = await figure(metrics, "landing_rate")
    assert (rate["figure"]["numerator"], rate["figure"]["denominator"]) == (0, 1)


async def test_landing_rate_leaves_out_who_is_too_young(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_in_time", "2022-01-10")
    land(metrics, "prj_in_time", "2024-01-10")
    admit(metrics, "prj_too_late", "2022-01-10")
    land(metrics, "prj_too_late", "2024-01-11")
    admit(metrics, "prj_never", "2022-03-01")
    admit(metrics, "prj_young", "2024-05-01")
    land(metrics, "prj_young", "2024-06-01")
    await metrics.read_feed()
    answer = await figure(metrics, "landing_rate", as_of="2025-01-01")
    got = answer["figure"]
    assert (got["numerator"], got["denominator"], got["censored"]) == (1, 3, 1)
    assert got["value"] == 1 / 3
    assert got["beside"] == {"registered": 1, "started": 0, "producing": 0}
    third_year = (await figure(metrics, "landing_rate", as_of="2025-01-10", months=36))["figure"]
    assert (third_year["numerator"], third_year["denominator"]) == (2, 2)
    press = (await figure(metrics, "press_rate", as_of="2025-01-01"))["figure"]
    assert (press["numerator"], press["denominator"]) == (3, 4)


async def test_no_mature_admission_is_said_in_both_languages(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2024-01-10")
    await metrics.read_feed()
    got = (await figure(metrics, "landing_rate", as_of="2024-06-01"))["figure"]
    assert (got["value"], got["denominator"], got["censored"]) == (None, 0, 1)
    assert got["reason"] == {
        "code": "no_mature_admissions",
        "zh": "截至 2024-06-01，该范围内没有准入满 24 个月的项目。",
        "en": "No project of this slice was admitted at least 24 months before 2024-06-01.",
    }
    assert got["estimate"] == {"value": 0.0, "reason": None}


async def test_a_step_back_takes_the_landing_back_but_a_failure_does_not(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    for id, next_state in (("prj_1", "signed"), ("prj_2", "breached")):
        admit(metrics, id, "2022-01-10")
        land(metrics, id, "2022-05-01")
        metrics.feed.landing_state(f"lnd_{id}", next_state, "2023-01-01")
    await metrics.read_feed()
    assert (await figure(metrics, "landing_rate"))["figure"]["numerator"] == 1
    assert (await figure(metrics, "landing_rate", as_of="2024-02-01"))["figure"]["numerator"] == 1
    assert (await figure(metrics, "press_rate", as_of="2022-12-31"))["figure"]["numerator"] == 2


async def test_one_project_landed_twice_counts_once(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2022-01-10")
    for home in ("org_a", "org_b"):
        metrics.feed.landing(f"lnd_{home}", "prj_1", "2022-02-01", home)
        metrics.feed.landing_state(f"lnd_{home}", "registered", "2022-03-01")
    await metrics.read_feed()
    assert (await figure(metrics, "landing_rate"))["figure"]["numerator"] == 1


async def test_reserve_is_fresh_or_stale_and_says_why(metrics: Metrics) -> None:
    contacts = {"fresh": "2024-10-03", "old": "2024-10-02", "never": None, "hopeless": "2024-12-01"}
    for name, contact in contacts.items():
        score = None if name == "hopeless" else 71.5
        metrics.feed.project(f"prj_{name}", "2024-09-01", last_contact_on=contact, reserve_score=score)
        metrics.feed.stage(f"prj_{name}", "reserve", "2024-09-02")
    await metrics.read_feed()
    got = (await figure(metrics, "reserve", as_of="2025-01-01"))["figure"]
    assert got["value"] == 1
    assert got["beside"] == {"stale": 3, "never_contacted": 1, "contact_too_old": 1, "not_feasible": 1}
    stale = await metrics.as_admin().get(got["links"]["stale"])
    assert [item["id"] for item in stale.json()["items"]] == ["prj_hopeless", "prj_never", "prj_old"]


async def test_earlier_contacts_answer_for_earlier_days(metrics: Metrics) -> None:
    metrics.feed.project("prj_1", "2024-01-01", reserve_score=70, last_contact_on="2024-01-01")
    metrics.feed.stage("prj_1", "reserve", "2024-01-02")
    metrics.feed.update("prj_1", "2024-06-01", last_contact_on="2024-06-01")
    await metrics.read_feed()
    for day, expected in (("2024-03-31", 1), ("2024-04-01", 0), ("2024-06-01", 1)):
        assert (await figure(metrics, "reserve", as_of=day))["figure"]["value"] == expected, day


async def test_slices_combine_and_groups_answer_each_value(metrics: Metrics) -> None:
    metrics.feed.organisation("org_home", name="丽水经开区")
    metrics.feed.enclave(
        "enc_1", operating_mode="commissioned", operator_id="org_op", carrier_type="workstation"
    )
    metrics.feed.enclave(
        "enc_2", home_unit_id="org_other", host_place={"adcode": "110108", "city_adcode": "110000"}
    )
    for number, (enclave, codes) in enumerate(
        (("enc_1", ["2710", "6513"]), ("enc_1", ["3562"]), ("enc_2", ["2720"]))
    ):
        admit(metrics, f"prj_{number}", f"202{number}-01-01", enclave_id=enclave, industry_codes=codes)
        metrics.feed.stage(f"prj_{number}", "incubation", "2024-01-01")
    await metrics.read_feed()
    expected = [
        ({"enclave_id": "enc_1"}, 2),
        ({"home_unit_id[in]": "org_home,org_other"}, 3),
        ({"host_city_adcode": "110000"}, 1),
        ({"operator_id": "org_op", "industry": "27"}, 1),
        ({"section": "C"}, 3),
        ({"section": "I"}, 1),
        ({"operating_mode": "commissioned", "carrier_type": "workstation", "cohort": "2021"}, 1),
    ]
    for params, count in expected:
        assert (await figure(metrics, "incubating", **params))["figure"]["value"] == count, params
    grouped = await figure(metrics, "incubating", group_by="home_unit_id")
    assert {row["key"]: row["figure"]["value"] for row in grouped["groups"]} == {
        "org_home": 2,
        "org_other": 1,
    }
    assert grouped["groups"][0]["name"] == "丽水经开区"
    by_section = await figure(metrics, "incubating", group_by="section")
    assert {row["key"]: row["figure"]["value"] for row in by_section["groups"]} == {"C": 3, "I": 1}
    assert by_section["figure"]["value"] == 3
    by_cohort = await figure(metrics, "incubating", group_by="cohort")
    assert {row["key"]: row["figure"]["value"] for row in by_cohort["groups"]} == {
        "2020": 1,
        "2021": 1,
        "2022": 1,
    }


async def test_a_member_sees_only_its_own_records(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    for number, parties in enumerate((["org_home", "org_team"], ["org_home"])):
        admit(metrics, f"prj_{number}", "2024-01-01", party_ids=parties)
        metrics.feed.stage(f"prj_{number}", "rnd", "2024-02-01")
    await metrics.read_feed()
    for organisation, count in (("org_home", 2), ("org_team", 1)):
        response = await metrics.as_org(organisation).get("/v1/kpis/incubating")
        assert response.json()["figure"]["value"] == count
    stranger = (await metrics.as_org("org_stranger").get("/v1/kpis/incubating")).json()
    assert stranger["figure"]["reason"]["code"] == "nothing_on_file"
    records = await metrics.as_org("org_team").get("/v1/kpis/incubating/records")
    assert [item["id"] for item in records.json()["items"]] == ["prj_0"]


async def test_an_enclave_is_named_to_its_parties_only(metrics: Metrics) -> None:
    metrics.feed.organisation("org_home", name="丽水经开区")
    metrics.feed.enclave("enc_1", party_ids=["org_home"])
    metrics.feed.project("prj_1", "2024-01-01", enclave_id="enc_1", party_ids=["org_home", "org_rival"])
    await metrics.read_feed()
    for caller, name in (("org_home", "飞地 enc_1"), ("org_rival", None)):
        client = metrics.as_org(caller)
        (row,) = (await client.get("/v1/kpis/incubating?group_by=enclave_id")).json()["groups"]
        assert (row["key"], row["name"]) == ("enc_1", name)
        (row,) = (await client.get("/v1/kpis/incubating?group_by=home_unit_id")).json()["groups"]
        assert (row["key"], row["name"]) == ("org_home", "丽水经开区")
    (row,) = (await figure(metrics, "incubating", group_by="enclave_id"))["groups"]
    assert row["name"] == "飞地 enc_1"


async def test_records_are_paged_and_cursors_bound_to_the_question(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    for number in range(5):
        admit(metrics, f"prj_{number}", "2024-01-01")
        metrics.feed.stage(f"prj_{number}", "pilot", "2024-02-01")
    await metrics.read_feed()
    admin, seen = metrics.as_admin(), []
    url = "/v1/kpis/incubating/records?limit=2&as_of=2024-03-01"
    while url:
        page = await admin.get(url)
        seen += [item["id"] for item in page.json()["items"]]
        url = page.links.get("next", {}).get("url", "")
    assert seen == [f"prj_{number}" for number in range(5)]
    cursor = (await admin.get("/v1/kpis/incubating/records?limit=2")).json()["next_cursor"]
    other = await admin.get("/v1/kpis/incubating/records", params={"cursor": cursor, "as_of": "2024-03-01"})
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")


async def test_what_cannot_be_asked_is_refused_by_name(metrics: Metrics) -> None:
    admin = metrics.as_admin()
    for query in (
        "months=12",
        "as_of=soon",
        "known_at=2024-01-01",
        "group_by=name",
        "industry=C",
        "limit=3",
        "x=1",
        "strategic_field=",
        "host_city_adcode=",
        "host_city_adcode[in]=310000,",
    ):
        response = await admin.get(f"/v1/kpis/landing_rate?{query}")
        assert response.status_code == 400, query
        assert response.json()["errors"][0]["parameter"] == query.split("=")[0]
    assert (await admin.get("/v1/kpis/happiness")).json()["code"] == "unknown_kpi"
    assert (await admin.get("/v1/kpis/incubating/records?set=censored")).status_code == 400
    assert (await metrics.as_org("org_1", "metrics:events:read").get("/v1/kpis")).status_code == 403


async def test_the_three_yardsticks_come_at_once(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2022-01-01")
    await metrics.read_feed()
    response = await metrics.as_admin().get("/v1/kpis:yardsticks")
    assert response.status_code == 200
    assert {name: part["figure"]["value"] for name, part in response.json().items()} == {
        "incubating": 0,
        "reserve": 0,
        "landing_rate_24": 0.0,
        "landing_rate_36": 0.0,
    }
    assert response.headers["x-data-as-of"] == response.json()["reserve"]["freshness"]["data_as_of"]
    listed = (await metrics.as_admin().get("/v1/kpis")).json()["items"]
    assert [entry["id"] for entry in listed] == ["incubating", "reserve", "landing_rate", "press_rate"]


async def test_figures_stay_while_the_registry_is_down(metrics: Metrics) -> None:
    metrics.feed.enclave("enc_1")
    admit(metrics, "prj_1", "2022-01-01")
    await metrics.read_feed()
    metrics.feed.broken = True
    assert (await figure(metrics, "landing_rate"))["figure"]["denominator"] == 1
