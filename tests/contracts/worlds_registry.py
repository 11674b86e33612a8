"""A project of an enclave with everything that can be recorded about it, made through HTTP."""

from typing import Any

from tests.contracts.worlds import CONSUMER, DELETED, World, make_consumer
from tests.registry.inbound_world import make_partner
from tests.registry.project_walk import apply_for_space, file_evidence, review, sign_commitments, walk_to
from tests.registry.project_world import World as Parties
from tests.registry.project_world import build_world, make
from tests.registry.webhook_world import make_webhooks
from tests.support.services import ServiceUnderTest

ELSEWHERE = "别家飞地"
PLACE = {"function": "rnd", "adcode": "310112", "starts_on": "2026-03-01"}


async def build(service: ServiceUnderTest) -> World:
    parties = await build_world(service, seat_capacity=100, area_capacity_m2=5000)
    ids = await _records(parties)
    await service.sequence()
    proposed_to = await _propose(parties, ids["project_id"])
    [event, *_] = await parties.events("project.*")
    outsiders = await _outsiders(parties)
    await make_consumer(parties.operator)
    await service.sequence()
    return World(
        service=service,
        ids={
            **ids,
            "record_id": event["id"],
            "organisation_id": parties.operator_id,
            "code": "331100",
            "event_type": "project.created",
            "name": CONSUMER,
            "field_id": "biotechnology",
            "cluster_id": "yangtze_river_delta",
        },
        bodies=_bodies(parties, ids),
        paths={
            "getIndustry": "/v1/industries/3581",
            "getInboundMapping": f"/v1/inbound-sources/{ids['source_id']}/mappings/1",
            **DELETED,
        },
        queries={"streamEvents": "after=earliest"},
        secrets=frozenset({*ids.values(), event["id"], CONSUMER}),
        party=parties.operator_id,
        parties={
            "verifyEvidence": parties.home_unit_id,
            "createApproval": parties.home_unit_id,
            "updateEnclave": parties.home_unit_id,
        },
        outsiders=outsiders,
        markers=dict.fromkeys(("foreign", "sibling"), ELSEWHERE),
        onlookers=(parties.park_id, proposed_to),
    )


async def _records(parties: Parties) -> dict[str, str]:
    operator = parties.operator
    project_id = (await walk_to(parties, "reserve", team_name="示例神经工程团队"))["id"]
    evidence_id = await file_evidence(parties, project_id, "tax_registration")
    stay = await apply_for_space(parties, project_id)
    await sign_commitments(parties, project_id)
    await make(operator, f"/v1/projects/{project_id}/approvals", {})
    await make(operator, f"/v1/projects/{project_id}/function-places", PLACE)
    await review(parties, project_id, "acceleration", "gate_review_minutes")
    landing = {"project_id": project_id, "home_unit_id": parties.home_unit_id}
    draft = {
        "kind": "residency",
        "title": "入驻协议草案",
        "party_ids": [parties.operator_id, parties.home_unit_id],
        "project_id": project_id,
    }
    claim = {
        "subject_type": "project",
        "subject_id": project_id,
        "metric": "area",
        "value": "21",
        "source": "示例",
    }
    network = {
        "name": "示例飞地网络",
        "centre_enclave_id": parties.enclave_id,
        "operator_id": parties.operator_id,
    }
    client = {"name": "示例客户端", "scopes": ["registry:projects:read"]}
    receiver_id = (await make(operator, "/v1/sandbox/receivers", {"name": "练习"}))["id"]
    partner = await make_partner(parties)
    return {
        "receiver_id": receiver_id,
        "hit_id": await _hit(parties, receiver_id),
        "source_id": partner.source_id,
        "message_id": await partner.taken(b"no JSON"),
        **await make_webhooks(parties),
        "project_id": project_id,
        "enclave_id": parties.enclave_id,
        "evidence_id": evidence_id,
        "residency_id": stay["id"],
        "landing_id": (await make(operator, "/v1/landings", landing))["id"],
        "agreement_id": (await make(operator, "/v1/agreements", draft))["id"],
        "claim_id": (await make(operator, "/v1/claims", claim))["id"],
        "network_id": (await make(operator, "/v1/networks", network))["id"],
        "client_id": (await make(operator, "/v1/clients", client))["id"],
        "key_id": (await make(operator, "/v1/api-keys", client))["id"],
    }


async def _hit(parties: Parties, receiver_id: str) -> str:
    url = f"/v1/sandbox/receivers/{receiver_id}/hits"
    await parties.registry.anonymous().post(url, content=b"{}")
    return str((await parties.operator.get(url)).json()["items"][0]["id"])


def _bodies(parties: Parties, ids: dict[str, str]) -> dict[str, Any]:
    operator_id, home_unit_id, project_id = parties.operator_id, parties.home_unit_id, ids["project_id"]
    enclave_id = parties.enclave_id
    credential = {"name": "另一个", "scopes": ["registry:projects:read"], "organisation_id": operator_id}
    return {
        "createProject": parties.lead(title="另一个项目"),
        "updateProject": {"summary": "改写"},
        "proposeProject": {"home_unit_ids": [home_unit_id]},
        "createFunctionPlace": {**PLACE, "starts_on": "2026-08-01"},
        "updateOrganisation": {"name": "改名"},
        "createEnclave": {"name": "又一飞地", "home_unit_id": home_unit_id, "operator_id": operator_id},
        "updateEnclave": {"name": "改名飞地"},
        "createNetwork": {"name": "又一网络", "centre_enclave_id": enclave_id, "operator_id": operator_id},
        "updateNetwork": {"name": "改名网络"},
        "addNetworkMember": {"enclave_id": enclave_id},
        "removeNetworkMember": {"enclave_id": enclave_id},
        "updateResidency": {"seats": 5},
        "moveResidency": {"to": "left"},
        "createAgreement": {
            "kind": "residency",
            "title": "又一协议",
            "party_ids": [operator_id, home_unit_id],
            "project_id": project_id,
        },
        "updateAgreement": {"title": "改名协议"},
        "createClaim": {
            "subject_type": "project",
            "subject_id": project_id,
            "metric": "jobs",
            "value": "3",
            "source": "示例",
        },
        "withdrawClaim": {"reason": "有误"},
        "createLanding": {"project_id": project_id, "home_unit_id": home_unit_id},
        "moveProject": {"to": "withdrawn", "reason": "退出"},
        "createReview": {"gate": "rnd", "outcome": "passed", "held_on": "2026-10-15"},
        "updateClient": {"name": "改名"},
        "createClient": credential,
        "createApiKey": credential,
        "createWebhookEndpoint": {
            "name": "又一端点",
            "url": "https://partner.example/another",
            "event_types": ["*"],
            "organisation_id": operator_id,
        },
        "updateWebhookEndpoint": {"name": "改名端点"},
        "rotateWebhookSecret": {"overlap_hours": 1},
        "enableWebhookEndpoint": {"resume": "all"},
        "createWebhookReplay": {"endpoint_id": ids["endpoint_id"]},
        "createInboundSource": {
            "name": "又一来源",
            "scopes": ["registry:projects:write"],
            "organisation_id": operator_id,
        },
    }


async def _propose(parties: Parties, project_id: str) -> str:
    """Show the project to one more home unit; return which."""
    body = {"kind": "home_unit", "name": "金华示例区", "adcode": "330700"}
    home_unit_id = str((await make(parties.admin, "/v1/organisations", body))["id"])
    version = (await parties.read_project(project_id))["version"]
    path = f"/v1/projects/{project_id}:propose"
    await make(parties.operator, path, {"home_unit_ids": [home_unit_id]}, version)
    return home_unit_id


async def _outsiders(parties: Parties) -> dict[str, str | None]:
    """A home unit elsewhere and an operator in the same city, each with records, and nobody."""
    rival = (await make(parties.admin, "/v1/organisations", {"kind": "operator", "name": "同城运营商"}))["id"]
    home = {"kind": "home_unit", "name": "衢州示例区", "adcode": "330800"}
    home_id = (await make(parties.admin, "/v1/organisations", home))["id"]
    for organisation_id, enclave in (
        (parties.stranger_id, {"home_unit_id": parties.stranger_id}),
        (rival, {"home_unit_id": home_id, "operator_id": rival, "host_adcode": "310112"}),
    ):
        client = parties.registry.as_org(organisation_id)
        made = await make(client, "/v1/enclaves", {"name": ELSEWHERE, **enclave})
        await make(client, "/v1/projects", parties.lead(enclave_id=made["id"], team_name=organisation_id))
    return {"foreign": parties.stranger_id, "sibling": rival, "without organisation": None}
