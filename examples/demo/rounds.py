"""Chapters of a round: many projects and home units at once, committed to first and checked by anybody."""

from dataclasses import dataclass, field

from examples.demo.cast import HOME_UNIT
from examples.demo.client import Client, Json
from examples.demo.figures import Reading, read
from examples.demo.tale import Tale
from examples.demo.waiting import PATIENCE_S, until

_HOME_UNITS = (HOME_UNIT, "锡山经济技术开发区", "太仓市")
_NAME = "【示例】2027 年上半年撮合"
_STAGES = ("screening", "reserve")
_WELFARE = {"configuration": {"mechanism": "welfare"}}


@dataclass
class Round:
    """A round as its administration follows it; ``homes`` and ``titles`` say what ids are called."""

    id: str
    projects: dict[str, Json]
    homes: dict[str, str]
    yardsticks: Reading
    commitments: list[str] = field(default_factory=list)
    configuration_hash: str = ""

    @property
    def path(self) -> str:
        """Return where the round is."""
        return f"/v1/rounds/{self.id}"

    def title(self, project_id: str) -> str:
        """Return what a project is called."""
        return str(self.projects[project_id]["title"])

    def note(self, run: Json) -> None:
        """Keep what a run committed to, as anybody should who wants to check it afterwards."""
        self.commitments.append(run["commitment"])
        self.configuration_hash = run["configuration_hash"]


async def matched_at_once(tale: Tale) -> Round | None:
    """Draft, freeze and run a round, and ask what came of it; None when earlier runs left nobody to match."""
    tale.screen.chapter(
        "Many at once: a round 撮合轮次",
        "A recommendation is about one project. A round matches all that wait with all places at once. What "
        "it will use is frozen, and its lottery committed to, before anything is worked out.",
    )
    administration = tale.cast.administration
    found = await _draft(tale)
    await _freeze(tale, found)
    await administration.post("matching", f"{found.path}:run", {}, note="worked out in the background")
    certificate = await proposed(administration, found)
    _show_result(tale, found, certificate)
    if not pairs_in(certificate):
        await administration.post("matching", f"{found.path}:cancel", {}, note="cancelled")
        tale.screen.say("Earlier runs have left nobody for these three; ./dev demo --fresh starts over.")
        return None
    checked = await administration.post("matching", f"{found.path}:verify", {})
    told = "；".join(f"{check['name']} {'✓' if check['passed'] else '✗'}" for check in checked.body["checks"])
    tale.screen.point("checked", told)
    tale.checks.holds("the verifier passes the proposal", checked.body["passed"])
    await _explain(tale, found, certificate)
    await _compare(tale, found)
    return found


async def proposed(administration: Client, found: Round) -> Json:
    """Wait until a run is proposed and return the whole of it, without its seed."""

    async def is_proposed() -> bool:
        state = (await administration.get("matching", found.path, quiet=True))["state"]
        return bool(state == "proposed")

    await until("the round is worked out", is_proposed, PATIENCE_S * 2, 0.05)
    return await administration.get("matching", f"{found.path}/certificate", quiet=True)


def pairs_in(certificate: Json) -> dict[str, str]:
    """Return the home unit of every project that has one, by id."""
    snapshot = certificate["snapshot"]
    return {
        project_id: snapshot["home_units"][home]
        for project_id, home in zip(snapshot["projects"], certificate["assignment"], strict=True)
        if home >= 0
    }


async def _draft(tale: Tale) -> Round:
    administration = tale.cast.administration
    projects = await _waiting(administration)
    homes = {tale.cast.organisations[name]: name for name in _HOME_UNITS}
    body = {
        "name": _NAME,
        "period": "2027-H1",
        "projects": {"project_ids": list(projects), "only_named": True},
        "home_unit_ids": list(homes),
        "quotas": [{"home_unit_id": home_unit_id, "projects": 1} for home_unit_id in homes],
        "configuration": {"mechanism": "stable", "priority_step": 10_000},
    }
    yardsticks = await read(administration, quiet=True)
    drafted = await administration.post("matching", "/v1/rounds", body, note=_NAME)
    tale.screen.point(
        "takes part", f"{len(projects)} projects 筛选／储备, {'、'.join(_HOME_UNITS)}: one place each"
    )
    hidden = await tale.cast.home_unit.send(
        "GET", "matching", f"/v1/rounds/{drafted.body['id']}", expect=(200, 404), quiet=True
    )
    tale.checks.equal("a draft shown to a home unit", hidden.status, 404)
    return Round(drafted.body["id"], projects, homes, yardsticks)


async def _waiting(administration: Client) -> dict[str, Json]:
    """Every project in screening or reserve that is not on its way home already."""
    found: dict[str, Json] = {}
    for stage in _STAGES:
        page = await administration.get("registry", "/v1/projects", stage=stage, limit=200, quiet=True)
        found |= {project["id"]: project for project in page["items"]}
    intents = await administration.get("registry", "/v1/landings", state="intent", limit=200, quiet=True)
    landing = {intent["project_id"] for intent in intents["items"]}
    return {project_id: project for project_id, project in found.items() if project_id not in landing}


async def _freeze(tale: Tale, found: Round) -> None:
    frozen = await tale.cast.administration.post("matching", f"{found.path}:freeze", {}, note="frozen")
    run = frozen.body["runs"][-1]
    found.note(run)
    tale.screen.point("snapshot", run["snapshot_hash"])
    tale.screen.point("commitment", f"{run['commitment']}  SHA-256 of a secret seed and the snapshot")
    seen = await tale.cast.home_unit.get("matching", found.path, quiet=True)
    tale.checks.equal("the commitment a home unit sees", seen["runs"][-1]["commitment"], run["commitment"])
    tale.checks.equal("the seed before the end", seen["runs"][-1]["seed"], None)


def _show_result(tale: Tale, found: Round, certificate: Json) -> None:
    snapshot, figures, pairs = certificate["snapshot"], certificate["figures"], pairs_in(certificate)
    for home_unit_id, name in found.homes.items():
        placed = [found.title(project) for project, home in pairs.items() if home == home_unit_id]
        tale.screen.point(f"→ {name}", "；".join(placed) or "无", style="green" if placed else "", room=24)
    nowhere = sum(not permitted for permitted in snapshot["pairs"])
    crowded = figures["unmatched"] - nowhere
    tale.screen.point(
        "matched 已配对",
        f"{figures['matched']}; unmatched 未配对 {figures['unmatched']}: {nowhere} pass the gates of none of "
        f"the three, for {crowded} no place was left",
        room=24,
    )
    tale.checks.equal("matched", len(pairs), figures["matched"])
    tale.checks.equal("everybody is counted", figures["matched"] + figures["unmatched"], len(found.projects))
    tale.checks.holds("one place each is kept", len(set(pairs.values())) == len(pairs))
    tale.checks.equal("the seed of a proposal", certificate["seed"], None)


async def _explain(tale: Tale, found: Round, certificate: Json) -> None:
    """Explain the place of a project that did not get what it ranks first, or else of any."""
    snapshot, pairs = certificate["snapshot"], pairs_in(certificate)
    permitted = [name for name, row in zip(snapshot["projects"], snapshot["pairs"], strict=True) if row]
    if not permitted:
        return
    chosen = next((name for name in permitted if name not in pairs), permitted[0])
    asked = {"project_id": chosen}
    told = (await tale.cast.administration.post("matching", f"{found.path}:explain", asked)).body
    tale.screen.point(found.title(chosen), told["text"]["zh"], style="yellow")
    for obstacle in told["better"]:
        tale.screen.point(
            f"✗ {found.homes[obstacle['home_unit_id']]}", obstacle["text"]["zh"], style="yellow"
        )
    tale.checks.equal("where it is said to be", told["home_unit_id"], pairs.get(chosen))
    tale.checks.holds("what stood against it is named", chosen in pairs or bool(told["better"]))


async def _compare(tale: Tale, found: Round) -> None:
    compared = await tale.cast.administration.post(
        "matching", f"{found.path}:compare", _WELFARE, note="stable beside welfare"
    )
    more, moved = -compared.body["welfare_given_up_ppm"], compared.body["changed_count"]
    price = "none: no result has a greater sum than this one, in which no pair would rather have each other"
    if more:
        price = f"the greatest sum is {more / 10_000:.2f} % more; for it {moved} projects would be elsewhere"
    tale.screen.point("price of stability", price)
    tale.checks.holds("no stable result beats the greatest sum", more >= 0)
