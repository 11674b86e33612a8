"""Chapters from the lead to the admission: screening, recommendations, a refusal, two keys."""

from examples.demo.client import Json
from examples.demo.figures import counted, read
from examples.demo.tale import PUDONG, TEAM, TITLE, Tale
from examples.demo.waiting import known_to_matching

_SHOWN_CRITERIA = ("industry_fit", "plant_and_space", "distance")


async def lead(tale: Tale) -> None:
    """Register the project and screen it."""
    cast, calendar = tale.cast, tale.calendar
    tale.screen.chapter(
        "A lead in Shanghai 线索 → 筛选",
        "丽水经开区 files a team found in 上海浦东 and names its operator. From here on this is one project "
        "under one id. The story is told in a minute but spans three years: every step says when it took "
        "effect.",
    )
    earlier = await cast.home_unit.get(
        "registry", "/v1/projects", **{"title[contains]": TITLE}, limit=200, quiet=True
    )
    number = len(earlier["items"]) + 1
    body = {
        "title": TITLE,
        "summary": "示例数据：吸入给药的重组蛋白制剂，需洁净厂房。团队、企业与数字均为虚构。",
        "team_name": TEAM if number == 1 else f"{TEAM} {number}",
        "enclave_id": cast.enclave["id"],
        "operator_id": cast.operator_id,
        "owner_name": "示例招商专员",
        "industry_codes": ["2761"],
        "needs": {
            "plant_class": "clean_room",
            "space_m2": 3000,
            "seats": 3,
            "fund_amount_cny": "8000000.00",
            "max_distance_km": 800,
        },
        "host_adcode": PUDONG,
        "last_contact_on": calendar.today.isoformat(),
        "synthetic": True,
    }
    created = await cast.home_unit.post("registry", "/v1/projects", body)
    tale.project_id, tale.version = created.body["id"], created.version
    tale.screen.point("project", f"{body['title']} — {body['team_name']}, {tale.project_id}")
    tale.screen.point("needs", "洁净厂房 3,000 m², fund CNY 8,000,000, home within 800 km")
    tale.checks.equal("stage", created.body["stage"], "lead")
    tale.checks.holds("biotechnology follows from 2761", "biotechnology" in created.body["strategic_fields"])
    await tale.move("screening", calendar.at(34))


async def recommendations(tale: Tale) -> None:
    """Ask matching which home units fit, and why."""
    tale.screen.chapter(
        "Which home city fits, and why 推荐与理由",
        "Matching first applies hard gates, then scores. A fact nobody has stated is not a pass: it becomes "
        "the question to ask next.",
    )
    await known_to_matching(tale.cast.operator, tale.project_id)
    found = await tale.cast.operator.get("matching", f"{tale.path}/recommendations", lang="zh")
    for item in found["items"][:3]:
        _show(tale, item)
    for item in found["open_items"][:1]:
        gates = "；".join(gate["text"]["zh"] for gate in item["unknown_gates"])
        tale.screen.point(f"? {item['home_unit_name']}", gates, style="yellow")
    for question in found["questions"][:1]:
        tale.screen.point("  ask next", f"{question['text']['zh']} (asked of: {question['asked_of']})")
    for item in found["refused_items"][:3]:
        refusal = "；".join(gate["text"]["zh"] for gate in item["gates"] if gate["outcome"] == "fail")
        tale.screen.point(f"✗ {item['home_unit_name']}", refusal, style="dim")
    counts = [found[name] for name in ("considered_count", "feasible_count", "open_count", "refused_count")]
    tale.screen.point("", "{} considered: {} feasible, {} open, {} refused".format(*counts))
    tale.checks.equal("the counts add up", sum(counts[1:]), counts[0])
    tale.checks.equal("the best home unit", found["items"][0]["home_unit_id"], tale.cast.home_unit_id)
    tale.checks.holds("an unknown budget leaves 惠山 open", counts[2] >= 1)


def _show(tale: Tale, item: Json) -> None:
    reasons = {entry["criterion"]: entry["text"]["zh"] for entry in item["criteria"]}
    tale.screen.point(f"{item['rank']}. {item['home_unit_name']}", f"score {item['score']:.2f}", style="bold")
    for criterion in _SHOWN_CRITERIA:
        tale.screen.point("", reasons[criterion])
    tale.checks.holds(f"{item['home_unit_name']} has reasons", all(reasons.values()))


async def reserve(tale: Tale) -> None:
    """Enter the reserve: registry asks matching itself."""
    tale.screen.chapter(
        "Into the reserve 储备",
        "For this step the registry asks matching itself and keeps the score with its reasons.",
    )
    project = await tale.move("reserve", tale.calendar.at(33))
    tale.screen.point("reserve score", f"{project['reserve_score']:.2f}")
    await counted(tale.cast.home_unit, "reserve", tale.project_id)
    before, now = tale.readings["before"][0], await read(tale.cast.home_unit)
    tale.screen.point("yardstick", f"reserve projects {before.reserve} → {now.reserve}", style="green")
    tale.checks.holds("the score is kept", project["reserve_score"] is not None)
    tale.checks.equal("reserve", now.since(before)["reserve"], 1)
    tale.checks.equal("incubating", now.since(before)["incubating"], 0)


async def refusal(tale: Tale) -> None:
    """Try to admit too early, and to turn a key that is not one's own."""
    tale.screen.chapter(
        "A refusal, and why 拒绝及原因",
        "The operator tries to admit the project at once. The answer names every guard that failed.",
    )
    body = {"to": "admitted", "effective_at": tale.calendar.at(32)}
    path = f"{tale.path}/transitions"
    refused = await tale.cast.operator.send(
        "POST", "registry", path, body=body, version=tale.version, expect=(409,), note="refused"
    )
    failures = [(f"✗ {error['code']}", error["detail"]) for error in refused.body["errors"]]
    tale.screen.points(failures, style="yellow")
    chinese = await tale.cast.operator.send(
        "POST", "registry", path, body=body, version=tale.version, expect=(409,), language="zh-CN", quiet=True
    )
    tale.screen.point("in Chinese", f"{chinese.body['title']}：{chinese.body['errors'][0]['detail']} …")
    tale.checks.equal("the code", refused.body["code"], "invalid_transition")
    failed = {error["code"] for error in refused.body["errors"]}
    expected = {"operator_approved", "home_unit_approved", "space_free", "agreement_with_commitments"}
    tale.checks.equal("the guards that failed", failed, expected)


async def two_keys(tale: Tale) -> None:
    """Bring what was missing, turn both keys, and admit."""
    cast, calendar = tale.cast, tale.calendar
    tale.screen.chapter(
        "Two keys, space and an agreement 双钥匙准入",
        "Operator and home unit each approve with their own credential: nobody turns both keys, not even the "
        "network administration. Space must be free for the whole term.",
    )
    approvals = f"{tale.path}/approvals"
    outsider = await cast.administration.send(
        "POST", "registry", approvals, body={}, expect=(403,), note="network administration"
    )
    tale.checks.equal("who sees all holds no key", outsider.body["code"], "not_a_key_holder")
    for client in tale.parties:
        given = {"effective_at": calendar.at(31)}
        await _turn_key(tale, approvals, given, client.name)
    stay = {
        "seats": 3,
        "area_m2": 30,
        "starts_on": calendar.on(30).isoformat(),
        "ends_on": calendar.on(-6).isoformat(),
    }
    applied = await cast.operator.post(
        "registry", f"{tale.path}/residencies", stay, note="3 seats, 36 months"
    )
    await cast.home_unit.post(
        "registry", "/v1/agreements", _agreement(tale), note="入驻协议 with commitments"
    )
    project = await tale.move("admitted", calendar.at(30))
    tale.checks.holds("admitted when it took effect", project["admitted_at"] < calendar.at(29))
    residency = await cast.operator.get("registry", f"/v1/residencies/{applied.body['id']}", quiet=True)
    tale.residency_id, tale.residency_version = residency["id"], residency["version"]
    tale.screen.point("residency", f"{residency['state']} — the space is taken in the same transaction")
    tale.checks.equal("residency", residency["state"], "approved")
    await tale.stay("resident", calendar.at(30, 20))


async def _turn_key(tale: Tale, path: str, body: Json, name: str) -> None:
    """Turn the key of one organisation."""
    client = next(client for client in tale.parties if client.name == name)
    approved = await client.post("registry", path, body, note=name)
    tale.checks.holds("the key is its own", approved.body["role"] in ("operator", "home_unit"))


def _agreement(tale: Tale) -> Json:
    calendar = tale.calendar
    return {
        "kind": "residency",
        "title": "【示例】入驻协议",
        "party_ids": [tale.cast.operator_id, tale.cast.home_unit_id],
        "project_id": tale.project_id,
        "enclave_id": tale.cast.enclave["id"],
        "signed_on": calendar.on(31, 20).isoformat(),
        "valid_from": calendar.on(30).isoformat(),
        "valid_to": calendar.on(-6).isoformat(),
        "commitments": {
            "amount_cny": "8000000.00",
            "start_on": calendar.on(10).isoformat(),
            "annual_output_cny": "30000000.00",
            "annual_tax_cny": "1500000.00",
            "jobs": 40,
        },
        "synthetic": True,
    }
