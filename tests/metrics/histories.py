"""Random histories: late facts, facts out of order, steps back, records entered long after they began."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.metrics.feed import HandmadeFeed
from tests.metrics.naive import LANDINGS, STAGES

FIRST = date(2020, 2, 1)
DAYS = st.integers(0, 1500).map(lambda number: (FIRST + timedelta(number)).isoformat())
ENCLAVES = ("enc_1", "enc_2")


def _attributes() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "enclave_id": st.sampled_from([*ENCLAVES, None]),
            "home_unit_ids": st.sampled_from([[], ["org_home"], ["org_home", "org_b"]]),
            "industry_codes": st.sampled_from([[], ["2710"], ["2710", "6513"]]),
            "strategic_fields": st.sampled_from([[], ["biotechnology"]]),
            "operator_id": st.sampled_from([None, "org_op"]),
            "last_contact_on": st.none() | DAYS,
            "reserve_score": st.sampled_from([None, 70]),
        },
    )


@st.composite
def histories(draw: st.DrawFn) -> HandmadeFeed:
    """A feed of a few projects in two enclaves. What one record tells is recorded in order."""
    feed = HandmadeFeed()
    clock = FIRST
    for enclave in ENCLAVES:
        feed.enclave(
            enclave, operating_mode=draw(st.sampled_from([None, "commissioned"])), operator_id="org_x"
        )
    projects = [f"prj_{number}" for number in range(draw(st.integers(1, 4)))]
    for project in projects:
        feed.project(project, draw(DAYS), recorded=FIRST.isoformat(), **draw(_attributes()))
    landings: dict[str, str] = {}
    for _ in range(draw(st.integers(0, 14))):
        clock += timedelta(days=draw(st.integers(0, 200)))
        learned, when, project = clock.isoformat(), draw(DAYS), draw(st.sampled_from(projects))
        match draw(
            st.sampled_from(["stage", "stage", "stage", "update", "landing", "state", "state", "enclave"])
        ):
            case "stage":
                feed.stage(
                    project, draw(st.sampled_from([*STAGES[1:7], "admitted", "failed"])), when, learned
                )
            case "update":
                feed.update(project, learned, learned, **draw(_attributes()))
            case "landing":
                landings[f"lnd_{len(landings)}"] = project
                feed.landing(f"lnd_{len(landings) - 1}", project, when)
                feed.events[-1]["timestamp"] = f"{learned}T04:00:00.000Z"
            case "state" if landings:
                landing = draw(st.sampled_from(sorted(landings)))
                feed.landing_state(
                    landing, draw(st.sampled_from([*LANDINGS[1:], "lapsed", "registered"])), when, learned
                )
            case "enclave":
                mode = draw(st.sampled_from([None, "commissioned", "self_operated"]))
                feed.enclave(draw(st.sampled_from(ENCLAVES)), learned, operating_mode=mode)
            case _:
                pass
    return feed
