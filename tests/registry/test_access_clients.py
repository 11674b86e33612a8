"""Clients and API keys through HTTP: who gives what to whom, and how it is taken away again."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from services.registry.base import idempotency_keys, messaging
from tests.registry.access_world import (
    ADMIN,
    ADMIN_SECRET,
    KEY_ADMIN,
    MATCHING_SECRET,
    Secured,
    secured_registry,
)

READ = "registry:organisations:read"


@pytest.fixture
async def secured(registry_url: str) -> AsyncIterator[Secured]:
    async with secured_registry(registry_url) as world:
        yield world


async def test_new_client_gets_tokens_and_its_secret_is_shown_once(secured: Secured) -> None:
    home = await secured.organisation()
    issued = await secured.new_client(home, READ)
    assert issued["secret"].startswith("fs_")
    caller = await secured.caller(issued["id"], issued["secret"])
    assert (await caller.get("/v1/organisations")).status_code == 200
    read = await (await secured.admin()).get(f"/v1/clients/{issued['id']}")
    assert "secret" not in read.json()
    assert read.json() == {name: value for name, value in issued.items() if name != "secret"}


async def test_repeated_creation_answers_without_the_secret(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    body = {"name": "客户端", "scopes": [READ], "organisation_id": home}
    for path in ("/v1/clients", "/v1/api-keys"):
        first = await admin.post(path, json=body, headers={"idempotency-key": "k-1"})
        again = await admin.post(path, json=body, headers={"idempotency-key": "k-1"})
        assert again.headers["idempotency-replayed"] == "true"
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == {**first.json(), "secret": None}
        assert again.headers["location"] == first.headers["location"]


async def test_no_secret_is_kept_or_told_anywhere(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    body = {"name": "客户端", "scopes": [READ], "organisation_id": home}
    client = await admin.post("/v1/clients", json=body, headers={"idempotency-key": "a"})
    rotated = await admin.post(
        f"/v1/clients/{client.json()['id']}:rotate-secret",
        headers={"if-match": '"1"', "idempotency-key": "b"},
    )
    key = await admin.post("/v1/api-keys", json=body, headers={"idempotency-key": "c"})
    secrets = [answer.json()["secret"] for answer in (client, rotated, key)]
    assert len(set(secrets)) == 3
    async with secured.service.database.read() as session:
        stored = [bytes(row["body"]) for row in await session.rows(select(idempotency_keys))]
        told = [row["payload"].encode() for row in await session.rows(select(messaging.events))]
    assert len(stored) == 3
    for secret in (*secrets, ADMIN_SECRET):
        assert not any(secret.encode() in text for text in (*stored, *told))
    assert not any(b"hash" in text for text in (*stored, *told))


async def test_rotation_ends_the_old_secret(secured: Secured) -> None:
    issued = await secured.new_client(await secured.organisation(), READ)
    admin, url = await secured.admin(), f"/v1/clients/{issued['id']}"
    assert (await admin.post(f"{url}:rotate-secret")).status_code == 428
    rotated = await admin.post(f"{url}:rotate-secret", headers={"if-match": '"1"'})
    assert (rotated.status_code, rotated.headers["etag"]) == (200, '"2"')
    assert (await secured.token(issued["id"], issued["secret"])).status_code == 401
    assert (await secured.token(issued["id"], rotated.json()["secret"])).status_code == 200
    stale = await admin.post(f"{url}:rotate-secret", headers={"if-match": '"1"'})
    assert stale.status_code == 412


async def test_disabled_client_is_out_at_once_and_back_when_enabled(secured: Secured) -> None:
    issued = await secured.new_client(await secured.organisation(), READ)
    admin, caller = await secured.admin(), await secured.caller(issued["id"], issued["secret"])
    key = (
        await admin.post(
            "/v1/api-keys",
            json={
                "name": "k",
                "scopes": [READ],
                "client_id": issued["id"],
                "organisation_id": issued["organisation_id"],
            },
        )
    ).json()["secret"]
    by_key = secured.service.client(key)
    assert (await by_key.get("/v1/organisations")).status_code == 200
    url = f"/v1/clients/{issued['id']}"
    disabled = await admin.patch(url, json={"status": "disabled"}, headers={"if-match": '"1"'})
    assert disabled.json()["status"] == "disabled"
    for client in (caller, by_key):
        refused = await client.get("/v1/organisations")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
    assert (await secured.token(issued["id"], issued["secret"])).json()["error"] == "invalid_client"
    await admin.patch(url, json={"status": "active"}, headers={"if-match": '"2"'})
    assert (await caller.get("/v1/organisations")).status_code == 200
    assert (await by_key.get("/v1/organisations")).status_code == 200


async def test_a_stronger_client_is_enabled_by_who_could_grant_it(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    issued = await secured.new_client(home, READ, "registry:projects:approve")
    url = f"/v1/clients/{issued['id']}"
    await admin.patch(url, json={"status": "disabled"}, headers={"if-match": '"1"'})
    member, match = await secured.member(home, KEY_ADMIN, READ), {"if-match": '"2"'}
    refused = await member.patch(url, json={"status": "active"}, headers=match)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_grantable")
    weaker = await member.patch(url, json={"status": "active", "scopes": [READ]}, headers=match)
    assert (weaker.status_code, weaker.json()["status"]) == (200, "active")


async def test_narrower_scopes_bind_tokens_already_issued(secured: Secured) -> None:
    issued = await secured.new_client(await secured.organisation(), "registry:*:read", "registry:*:write")
    caller, admin = await secured.caller(issued["id"], issued["secret"]), await secured.admin()
    body = {"kind": "operator", "name": "运营商"}
    assert (await caller.post("/v1/organisations", json=body)).status_code == 201
    narrowed = await admin.patch(
        f"/v1/clients/{issued['id']}", json={"scopes": [READ]}, headers={"if-match": '"1"'}
    )
    assert narrowed.status_code == 200
    assert (await caller.post("/v1/organisations", json=body)).json()["code"] == "insufficient_scope"
    assert (await caller.get("/v1/organisations")).status_code == 200
    assert (await caller.get("/v1/divisions")).json()["code"] == "insufficient_scope"


async def test_own_administrator_serves_only_its_organisation(secured: Secured) -> None:
    home, other = await secured.organisation("甲"), await secured.organisation("乙")
    theirs = await secured.new_client(other, READ)
    admin = await secured.admin()
    their_key = await admin.post(
        "/v1/api-keys", json={"name": "k", "scopes": [READ], "organisation_id": other}
    )
    member = await secured.member(home, KEY_ADMIN, READ)
    own = await member.post("/v1/clients", json={"name": "自己的", "scopes": [READ]})
    assert (own.status_code, own.json()["organisation_id"]) == (201, home)
    listed = [item["organisation_id"] for item in (await member.get("/v1/clients")).json()["items"]]
    assert set(listed) == {home}
    for path in (f"/v1/clients/{theirs['id']}", f"/v1/api-keys/{their_key.json()['id']}"):
        assert (await member.get(path)).status_code == 404
    match = {"if-match": '"1"'}
    answers = [
        await member.patch(f"/v1/clients/{theirs['id']}", json={"status": "disabled"}, headers=match),
        await member.post(f"/v1/clients/{theirs['id']}:rotate-secret", headers=match),
        await member.delete(f"/v1/api-keys/{their_key.json()['id']}", headers=match),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    unchanged = await admin.get(f"/v1/clients/{theirs['id']}")
    assert (unchanged.json()["version"], unchanged.json()["status"]) == (1, "active")
    assert (await admin.get("/v1/api-keys?organisation_id=" + home)).json()["items"] == []


@pytest.mark.parametrize("path", ["/v1/clients", "/v1/api-keys"])
async def test_nobody_grants_what_they_do_not_have(secured: Secured, path: str) -> None:
    home, other = await secured.organisation("甲"), await secured.organisation("乙")
    member = await secured.member(home, KEY_ADMIN, READ)
    grabs = [
        {"scopes": ["registry:*:read"]},
        {"scopes": [READ, "registry:projects:approve"]},
        {"scopes": ["matching:rounds:write"]},
        {"scopes": [READ], "organisation_id": other},
    ]
    if path == "/v1/clients":
        grabs.append({"scopes": [READ], "reach": "network"})
    for grab in grabs:
        answer = await member.post(path, json={"name": "x", **grab})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_not_grantable"), grab
    assert (await member.post(path, json={"name": "x", "scopes": [READ, KEY_ADMIN]})).status_code == 201


async def test_stronger_client_of_the_same_organisation_is_no_ladder(secured: Secured) -> None:
    """Neither a new secret, nor more scopes, nor a key of a stronger client is to be had."""
    home = await secured.organisation()
    strong = await secured.new_client(home, "registry:*:read", reach="network")
    member, match = await secured.member(home, KEY_ADMIN, READ), {"if-match": '"1"'}
    url = f"/v1/clients/{strong['id']}"
    weak = await member.post("/v1/clients", json={"name": "弱", "scopes": [READ]})
    answers = [
        await member.post(f"{url}:rotate-secret", headers=match),
        await member.patch(
            weak.headers["location"], json={"scopes": [READ, "registry:*:write"]}, headers=match
        ),
        await member.post("/v1/api-keys", json={"name": "x", "scopes": [READ], "client_id": strong["id"]}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "scope_not_grantable")
    ] * 3
    narrowed = await member.patch(url, json={"scopes": [READ]}, headers=match)
    assert (narrowed.status_code, narrowed.json()["code"]) == (403, "scope_not_grantable")


async def test_configured_clients_are_changed_by_configuration(secured: Secured) -> None:
    admin, match = await secured.admin(), {"if-match": '"1"'}
    rotated = await admin.post("/v1/clients/cli_matching:rotate-secret", headers=match)
    widened = await admin.patch("/v1/clients/cli_matching", json={"scopes": [KEY_ADMIN]}, headers=match)
    assert (rotated.json()["code"], widened.json()["code"]) == ("managed_by_configuration",) * 2
    renamed = await admin.patch("/v1/clients/cli_matching", json={"name": "Matching"}, headers=match)
    assert renamed.status_code == 200


async def test_api_key_works_until_it_is_revoked(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    created = await admin.post("/v1/api-keys", json={"name": "k", "scopes": [READ], "organisation_id": home})
    secret, url = created.json()["secret"], created.headers["location"]
    assert secret.startswith(created.json()["prefix"])
    caller = secured.service.client(secret)
    assert (await caller.get("/v1/organisations")).status_code == 200
    assert (await caller.get("/v1/clients")).json()["code"] == "insufficient_scope"
    assert "secret" not in (await admin.get(url)).json()
    assert (await admin.delete(url)).status_code == 428
    assert (await admin.delete(url, headers={"if-match": '"1"'})).status_code == 204
    refused = await caller.get("/v1/organisations")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
    again = await admin.delete(url, headers={"if-match": '"2"'})
    read = (await admin.get(url)).json()
    assert (again.status_code, read["version"]) == (204, 2)
    assert read["revoked_at"] is not None


async def test_made_up_api_keys_are_refused(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    created = await admin.post("/v1/api-keys", json={"name": "k", "scopes": [READ], "organisation_id": home})
    secret = created.json()["secret"]
    last = "a" if secret[-1] != "a" else "q"
    from shared.credentials import new_secret

    for made_up in (
        "fk_",
        "fk_x",
        secret[:-1],
        secret[:-1] + last,
        secret + "a",
        secret.upper(),
        new_secret("fk_"),
    ):
        refused = await secured.service.client(made_up).get("/v1/organisations")
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token"), made_up


@pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"])
async def test_api_key_must_end_in_time(secured: Secured, expires_at: str) -> None:
    body = {"name": "k", "scopes": [READ], "organisation_id": await secured.organisation()}
    answer = await (await secured.admin()).post("/v1/api-keys", json={**body, "expires_at": expires_at})
    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_expiry")


async def test_api_key_of_a_client_is_bounded_by_it(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    client = await secured.new_client(home, READ)
    body = {"name": "k", "organisation_id": home, "client_id": client["id"]}
    wider = await admin.post("/v1/api-keys", json={**body, "scopes": ["registry:*:read"]})
    assert (wider.status_code, wider.json()["code"]) == (403, "scope_not_grantable")
    absent = await admin.post("/v1/api-keys", json={**body, "scopes": [READ], "client_id": "cli_nobody"})
    assert (absent.status_code, absent.json()["code"]) == (409, "unknown_client")
    foreign = await admin.post("/v1/api-keys", json={**body, "scopes": [READ], "client_id": ADMIN})
    assert (foreign.status_code, foreign.json()["code"]) == (409, "unknown_client")


async def test_use_is_noted_after_the_request(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    client = await secured.new_client(home, READ)
    key = await admin.post("/v1/api-keys", json={"name": "k", "scopes": [READ], "organisation_id": home})
    await secured.caller(client["id"], client["secret"])
    await secured.service.client(key.json()["secret"]).get("/v1/organisations")
    await secured.service.app.state.service.extra["access"].usage.write()
    for url in (f"/v1/clients/{client['id']}", key.headers["location"]):
        read = (await admin.get(url)).json()
        assert read["last_used_at"] is not None
        assert read["version"] == 1


async def test_other_services_hear_of_every_change(secured: Secured) -> None:
    home, admin = await secured.organisation(), await secured.admin()
    client = await secured.new_client(home, READ)
    url = f"/v1/clients/{client['id']}"
    await admin.patch(url, json={"status": "disabled"}, headers={"if-match": '"1"'})
    same = await admin.patch(url, json={"status": "disabled"}, headers={"if-match": '"2"'})
    assert same.headers["etag"] == '"2"'
    await admin.post(f"{url}:rotate-secret", headers={"if-match": '"2"'})
    await secured.service.sequence()
    events = (await admin.get(f"/v1/events?subject_id={client['id']}")).json()["items"]
    assert [event["type"] for event in events] == ["client.created", "client.updated", "client.updated"]
    assert events[1]["data"]["object"]["status"] == "disabled"
    assert events[1]["data"]["previous"] == {"status": "active"}
    assert events[2]["data"]["changed"] == ["secret"]
    assert events[2]["data"]["previous"] == {}
    assert set(events[0]["data"]["object"]) == {
        "id", "organisation_id", "name", "scopes", "reach", "status", "managed", "last_used_at", "version",
        "created_at", "updated_at",
    }  # fmt: skip


async def test_events_of_credentials_reach_only_who_may_read_credentials(secured: Secured) -> None:
    home, follow = await secured.organisation(), "registry:events:read"
    reader, keeper = await secured.member(home, follow), await secured.member(home, follow, KEY_ADMIN)
    service = await secured.caller("cli_matching", MATCHING_SECRET)
    body = {"name": "k", "scopes": [READ], "organisation_id": home}
    assert (await (await secured.admin()).post("/v1/api-keys", json=body)).status_code == 201
    await secured.service.sequence()
    for query in ("", "?types=client.*,api_key.*,organisation.*"):
        seen = [
            {event["type"] for event in (await caller.get(f"/v1/events{query}")).json()["items"]}
            for caller in (reader, keeper, service)
        ]
        assert seen[0] == {"organisation.created"}
        assert seen[1] == seen[2] == {"organisation.created", "client.created", "api_key.created"}
    lines = await reader.get("/v1/events", headers={"accept": "application/jsonl"})
    assert b"api_key" not in lines.content


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["*"]},
        {"name": "x", "scopes": ["*:*:read"]},
        {"name": "x", "scopes": ["registry:projects:everything"]},
        {"name": "x", "scopes": [READ] * 51},
        {"name": "x", "scopes": [READ], "secret": "mine"},
        {"name": "x", "scopes": [READ], "reach": "everything"},
        {"name": "", "scopes": [READ]},
    ],
)
async def test_malformed_clients_are_refused(secured: Secured, body: dict[str, object]) -> None:
    assert (await (await secured.admin()).post("/v1/clients", json=body)).status_code == 422


async def test_organisation_must_be_named_and_exist(secured: Secured) -> None:
    admin = await secured.admin()
    body = {"name": "x", "scopes": [READ], "organisation_id": "org_01jd3v9w8xk4m7q2r5t6y8z0ab"}
    assert (await admin.post("/v1/clients", json=body)).json()["code"] == "unknown_organisation"


async def test_addresses_with_control_characters_are_not_found(secured: Secured) -> None:
    admin = await secured.admin()
    for path in (
        "/v1/clients/%00",
        "/v1/api-keys/%00",
        "/v1/clients/%FF",
        "/v1/clients?name=%00",
        "/v1/events?subject_id=%00",
    ):
        assert (await admin.get(path)).status_code in (400, 404), path
