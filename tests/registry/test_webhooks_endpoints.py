"""What partners set up: addresses, secrets, filters, and holding and resuming."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from services.registry.webhooks.models import webhook_secrets
from tests.registry.project_world import refusal
from tests.registry.webhook_receiver import Hit, verified
from tests.registry.webhook_world import Partners


async def test_a_secret_is_shown_once_and_stored_sealed(partners: Partners) -> None:
    body = {"name": "一次", "url": partners.receiver.url(), "event_types": ["*"]}
    key = {"idempotency-key": "once"}
    first = (await partners.operator.post("/v1/webhook-endpoints", json=body, headers=key)).json()
    again = (await partners.operator.post("/v1/webhook-endpoints", json=body, headers=key)).json()
    assert first["secret"].startswith("whsec_")
    assert len(base64.b64decode(first["secret"][6:])) == 32
    assert (again["secret"], again["id"]) == (None, first["id"])
    assert "secret" not in (await partners.operator.get(f"/v1/webhook-endpoints/{first['id']}")).json()
    async with partners.registry.database.read() as session:
        sealed = [row["sealed"] for row in await session.rows(select(webhook_secrets))]
    assert sealed
    assert all(first["secret"].encode() not in one for one in sealed)
    feed = (await partners.world.admin.get("/v1/events?types=webhook_endpoint.*&limit=100")).text
    assert first["secret"] not in feed


async def test_after_a_rotation_both_secrets_sign_until_the_overlap_ends(partners: Partners) -> None:
    endpoint = await partners.verified()
    answer = await partners.act(endpoint["id"], "rotate-secret", {"overlap_hours": 24})
    new = answer.json()["secret"]
    assert new != endpoint["secret"]
    await partners.projects(1)
    await partners.deliver()
    hit = partners.receiver.hits[-1]
    assert verified(hit, endpoint["secret"]) == verified(hit, new)
    assert len(hit.headers["webhook-signature"].split(" ")) == 2
    await partners.travel(24 * 3600 + 1)
    await partners.world.create_project(title="之后", team_name="之后")
    await partners.deliver()
    later = partners.receiver.hits[-1]
    assert verified(later, new)
    assert len(later.headers["webhook-signature"].split(" ")) == 1


async def test_at_most_three_secrets_are_live(partners: Partners) -> None:
    endpoint = await partners.verified()
    for _ in range(2):
        assert (await partners.act(endpoint["id"], "rotate-secret", {})).status_code == 200
    assert refusal(await partners.act(endpoint["id"], "rotate-secret", {})) == (409, "too_many_live_secrets")
    assert (await partners.act(endpoint["id"], "rotate-secret", {"overlap_hours": 0})).status_code == 200
    await partners.projects(1)
    await partners.deliver()
    assert len(partners.receiver.hits[-1].headers["webhook-signature"].split(" ")) == 1
    too_long = await partners.act(endpoint["id"], "rotate-secret", {"overlap_hours": 169})
    assert too_long.status_code == 422


async def test_an_endpoint_may_be_signed_for_with_the_published_key(partners: Partners) -> None:
    await partners.verified(signatures=["v1", "v1a"])
    await partners.projects(1)
    await partners.deliver()
    (hit,) = partners.receiver.hits
    (jwk,) = (await partners.registry.anonymous().get("/v1/webhook-jwks")).json()["keys"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))
    versions = dict(part.split(",", 1) for part in hit.headers["webhook-signature"].split(" "))
    content = f"{hit.id}.{hit.headers['webhook-timestamp']}.".encode() + hit.body
    public.verify(base64.b64decode(versions["v1a"]), content)
    assert set(versions) == {"v1", "v1a"}


def subjects(hits: list[Hit]) -> list[str]:
    return [hit.document["subject"]["id"] for hit in hits]


async def test_filters_choose_by_type_party_enclave_and_project(partners: Partners) -> None:
    world = partners.world
    here = await world.create_project(title="在内", team_name="甲")
    other = (
        await world.admin.post(
            "/v1/enclaves",
            json={
                "name": "另一飞地",
                "home_unit_id": world.stranger_id,
                "operator_id": world.operator_id,
                "host_adcode": "310115",
            },
        )
    ).json()["id"]
    await partners.registry.sequence()
    paths: dict[str, dict[str, Any]] = {
        "/types": {"event_types": ["project.updated"]},
        "/enclave": {"enclave_ids": [other]},
        "/home": {"home_unit_ids": [world.stranger_id]},
        "/operator": {"operator_ids": [world.operator_id]},
        "/project": {"project_ids": [here["id"]]},
        "/nothing": {"project_ids": ["prj_01jd3v9w8xk4m7q2r5t6y8z0ab"]},
    }
    for path, fields in paths.items():
        await partners.verified(path, **fields)
    there = await world.create_project(title="在外", team_name="乙", enclave_id=other)
    changed = await world.admin.patch(
        f"/v1/projects/{here['id']}", json={"summary": "新"}, headers={"if-match": '"1"'}
    )
    assert changed.status_code == 200
    await partners.deliver()
    received = {path: subjects(partners.receiver.at(path)) for path in paths}
    assert received == {
        "/types": [here["id"]],
        "/enclave": [there["id"]],
        "/home": [there["id"]],
        "/operator": [there["id"], here["id"]],
        "/project": [here["id"]],
        "/nothing": [],
    }


async def test_nobody_is_sent_what_they_may_not_see(partners: Partners) -> None:
    await partners.verified("/stranger", partners.world.stranger, event_types=["*"])
    project = (await partners.projects(1))[0]
    await partners.deliver()
    told = json.dumps([hit.document for hit in partners.receiver.at("/stranger")], ensure_ascii=False)
    assert project["id"] not in told
    assert not [hit for hit in partners.receiver.at("/stranger") if hit.document["type"] == "client.created"]


async def test_a_narrower_filter_cancels_what_it_no_longer_takes(partners: Partners) -> None:
    partners.receiver.answer_handshakes = False
    endpoint = await partners.create()
    project = (await partners.projects(2))[0]
    await partners.world.admin.patch(
        f"/v1/projects/{project['id']}", json={"summary": "新"}, headers={"if-match": '"1"'}
    )
    await partners.deliver()
    version = (await partners.read(endpoint["id"]))["version"]
    answer = await partners.operator.patch(
        f"/v1/webhook-endpoints/{endpoint['id']}",
        json={"event_types": ["project.updated"]},
        headers={"if-match": f'"{version}"'},
    )
    assert answer.status_code == 200
    await partners.deliver()
    rows = await partners.deliveries(endpoint["id"])
    assert [(row["event_type"], row["state"]) for row in rows] == [
        ("project.created", "cancelled"),
        ("project.created", "cancelled"),
        ("project.updated", "pending"),
    ]


async def test_another_url_must_answer_before_anything_is_sent_there(partners: Partners) -> None:
    endpoint = await partners.verified("/old")
    partners.receiver.answer_handshakes = False
    await partners.operator.patch(
        f"/v1/webhook-endpoints/{endpoint['id']}",
        json={"url": partners.receiver.url("/new")},
        headers={"if-match": f'"{endpoint["version"]}"'},
    )
    await partners.projects(1)
    await partners.deliver()
    assert (await partners.read(endpoint["id"]))["status"] == "unverified"
    assert not partners.receiver.hits
    partners.receiver.answer_handshakes = True
    await partners.travel(6)
    await partners.deliver()
    assert [hit.path for hit in partners.receiver.hits] == ["/new"]


@pytest.mark.parametrize("resume", ["all", "since", "none"])
async def test_what_was_held_is_resumed_as_asked(partners: Partners, resume: str) -> None:
    endpoint = await partners.verified()
    assert (await partners.act(endpoint["id"], "disable")).json()["disabled_reason"] == "owner"
    await partners.projects(2)
    await partners.deliver()
    await partners.travel(3600)
    body: dict[str, Any] = {"resume": resume}
    if resume == "since":
        body["since"] = (await partners.world.admin.get("/v1/sandbox/clock")).json()["now"]
    await partners.world.create_project(title="停用期间", team_name="丙")
    await partners.deliver()
    assert not partners.receiver.hits
    answer = await partners.act(endpoint["id"], "enable", body)
    assert answer.status_code == 200, answer.text
    await partners.world.create_project(title="恢复之后", team_name="丁")
    await partners.deliver()
    kept = {"all": [1, 2, 3, 4], "since": [3, 4], "none": [4]}[resume]
    assert sorted(hit.sequence for hit in partners.receiver.hits) == kept
    states = [row["state"] for row in await partners.deliveries(endpoint["id"])]
    assert states == ["delivered" if number in kept else "cancelled" for number in (1, 2, 3, 4)]


async def test_a_test_event_reaches_its_endpoint_alone_whatever_it_asks_for(partners: Partners) -> None:
    endpoint = await partners.verified("/one", event_types=["landing.*"])
    await partners.verified("/two", event_types=["*"])
    answer = await partners.operator.post(f"/v1/webhook-endpoints/{endpoint['id']}:test")
    assert answer.status_code == 202
    await partners.deliver()
    (hit,) = partners.receiver.at("/one")
    assert hit.id == answer.json()["event_id"]
    assert hit.document["type"] == "webhook.test"
    assert not [one for one in partners.receiver.at("/two") if one.document["type"] == "webhook.test"]


async def test_a_deleted_endpoint_is_sent_nothing_and_its_log_stays(partners: Partners) -> None:
    partners.receiver.answer_handshakes = False
    endpoint = await partners.create()
    await partners.projects(2)
    await partners.deliver()
    version = (await partners.read(endpoint["id"]))["version"]
    gone = await partners.operator.delete(
        f"/v1/webhook-endpoints/{endpoint['id']}", headers={"if-match": f'"{version}"'}
    )
    assert gone.status_code == 204
    await partners.deliver()
    rows = await partners.deliveries(endpoint["id"])
    assert [row["state"] for row in rows] == ["cancelled"] * 2
    again = await partners.operator.post(f"/v1/webhook-endpoints/{endpoint['id']}:verify")
    assert refusal(again) == (404, "not_found")
    retried = await partners.operator.post(f"/v1/webhook-deliveries/{rows[0]['id']}:retry")
    assert refusal(retried) == (404, "not_found")


async def test_endpoints_and_their_log_are_their_organisations(partners: Partners) -> None:
    endpoint = await partners.verified()
    await partners.projects(1)
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    stranger = partners.world.stranger
    one = f"/v1/webhook-endpoints/{endpoint['id']}"
    for path in (one, f"{one}/standing", f"{one}/deliveries", f"{one}/handshakes", f"{one}/reconciliation"):
        assert refusal(await stranger.get(path)) == (404, "not_found"), path
    for path in (f"/v1/webhook-deliveries/{row['id']}", f"/v1/webhook-deliveries/{row['id']}/attempts"):
        assert refusal(await stranger.get(path)) == (404, "not_found"), path
    for path in (f"{one}:verify", f"{one}:test", f"/v1/webhook-deliveries/{row['id']}:retry"):
        assert refusal(await stranger.post(path)) == (404, "not_found"), path
    replay = await stranger.post("/v1/webhook-replays", json={"endpoint_id": endpoint["id"]})
    assert refusal(replay) == (404, "not_found")
    assert (await stranger.get("/v1/webhook-endpoints")).json()["items"] == []


@pytest.mark.parametrize("verb", ["verify", "test", "enable", "disable"])
async def test_what_contradicts_the_status_is_refused(partners: Partners, verb: str) -> None:
    partners.receiver.answer_handshakes = False
    endpoint = await partners.create()
    await partners.deliver()
    expected = {
        "verify": None,
        "test": (409, "endpoint_not_verified"),
        "enable": (409, "endpoint_not_disabled"),
        "disable": None,
    }[verb]
    answer = await partners.act(endpoint["id"], verb, {} if verb == "enable" else None)
    if expected is None:
        assert answer.is_success
    else:
        assert refusal(answer) == expected
    await partners.act(endpoint["id"], "disable")
    for other, code in (("verify", "endpoint_disabled"), ("test", "endpoint_disabled")):
        assert refusal(await partners.act(endpoint["id"], other)) == (409, code)
