"""Projects of one home unit that every figure counts, and a project of another."""

from tests.contracts.worlds import CONSUMER, DELETED, World, make_consumer
from tests.metrics.conftest import Metrics

HOME, OTHER = "org_home", "org_other"
AS_OF = "as_of=2026-11-15"


async def build(metrics: Metrics) -> World:
    feed = metrics.feed
    for organisation_id, enclave_id in ((HOME, "enc_ours"), (OTHER, "enc_theirs")):
        feed.organisation(organisation_id, name=f"飞出地 {organisation_id}")
        feed.enclave(enclave_id, home_unit_id=organisation_id, party_ids=[organisation_id])
    for project_id, stage in (("prj_waiting", "reserve"), ("prj_growing", "incubation")):
        feed.project(
            project_id,
            "2026-02-01",
            stage=stage,
            enclave_id="enc_ours",
            party_ids=[HOME],
            last_contact_on="2026-11-01",
            reserve_score=0.8,
        )
    feed.project("prj_theirs", "2026-02-01", stage="lead", enclave_id="enc_theirs", party_ids=[OTHER])
    await metrics.read_feed()
    await metrics.sequence()
    await make_consumer(metrics.as_org(HOME))
    return World(
        service=metrics,
        ids={"kpi": "reserve", "name": CONSUMER},
        bodies={},
        paths=DELETED,
        queries={
            "getKpi": f"group_by=enclave_id&{AS_OF}",
            "getYardsticks": f"group_by=home_unit_id&{AS_OF}",
            "listKpiRecords": AS_OF,
            "streamEvents": "after=earliest",
        },
        secrets=frozenset({"prj_waiting", "prj_growing", "enc_ours", f"飞出地 {HOME}", CONSUMER}),
        party=HOME,
        outsiders={"foreign": OTHER, "sibling": "org_rival", "without organisation": None},
    )
