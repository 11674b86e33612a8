"""Chapters of a round's end: two keys, the rest again, a result anybody can check, the intents."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.demo.cast import issue, signed_in
from examples.demo.client import Client, Json
from examples.demo.figures import read
from examples.demo.rounds import Round, pairs_in, proposed
from examples.demo.tale import Tale
from examples.demo.waiting import PATIENCE_S, caught_up, until

_VERIFIER = Path("services/matching/verifier.py")
_REFUSAL = {"side": "project", "reason": "distance", "text": "团队核心成员不便长期往返。"}
_ALL = 200


class Desk:
    """Speaks for every organisation that has to answer, each with a credential of its own."""

    def __init__(self, tale: Tale) -> None:
        cast = tale.cast
        self._tale = tale
        self._there = {cast.operator_id: cast.operator, cast.home_unit_id: cast.home_unit}
        self._own: list[Client] = []

    async def of(self, organisation_id: str) -> Client:
        """Return the caller of an organisation."""
        if organisation_id not in self._there:
            administration, screen = self._tale.cast.administration, self._tale.screen
            path = f"/v1/organisations/{organisation_id}"
            name = (await administration.get("registry", path, quiet=True))["name"]
            credential = await issue(administration, name, organisation_id, quiet=True)
            client = await signed_in(administration.urls, screen, name, credential)
            self._there[organisation_id] = client
            self._own.append(client)
        return self._there[organisation_id]

    async def close(self) -> None:
        """Close the connections it opened."""
        for client in self._own:
            await client.close()


async def answered(tale: Tale, found: Round) -> None:
    """Offer, accept one pair by both keys, refuse one with a reason, and match the rest again."""
    tale.screen.chapter(
        "Offers to both sides, and the rest again 要约与再次撮合",
        "A round proposes; the parties decide. Home unit and project each answer with their own credential. "
        "Agreed pairs stay, a refused pair never comes back, and the place goes on to others.",
    )
    administration, desk = tale.cast.administration, Desk(tale)
    offers = await _offers(tale, found)
    agreed, *others = sorted(offers, key=lambda offer: offer["home_unit_id"] != tale.cast.home_unit_id)
    await _two_keys(tale, desk, found, agreed)
    # Whom the operator of the story speaks for comes first, so that an earlier run changes little.
    others.sort(key=lambda offer: tale.cast.operator_id not in offer["party_ids"])
    refused = others[0] if others else None
    if refused is not None:
        await _refuse(tale, desk, found, refused)
    for offer in others[1:]:
        await _agree(desk, found, offer)
    await administration.post("matching", f"{found.path}:rerun", {}, note="the rest again, a new seed")
    await proposed(administration, found)
    again = await administration.get("matching", found.path, quiet=True)
    found.note(again["runs"][-1])
    tale.checks.equal("who lost a place proposed", again["runs"][-1]["displaced_project_ids"], [])
    for offer in await _offers(tale, found, again=True):
        await _agree(desk, found, offer)
    await _check_second(tale, found, agreed, refused)
    await desk.close()


async def _offers(tale: Tale, found: Round, *, again: bool = False) -> list[Json]:
    administration = tale.cast.administration
    await administration.post(
        "matching", f"{found.path}:offer", {}, note="to both sides once more" if again else "to both sides"
    )
    page = await administration.get("matching", f"{found.path}/offers", state="open", limit=_ALL, quiet=True)
    offers: list[Json] = page["items"]
    for offer in offers:
        tale.screen.point(offer["home_unit_name"], offer["project_title"], room=24)
    if again and not offers:
        tale.screen.point("", "no other project may go to the place that was refused")
    return offers


async def _two_keys(tale: Tale, desk: Desk, found: Round, offer: Json) -> None:
    path = f"/v1/offers/{offer['id']}:accept"
    home_unit, project = await _sides(desk, found, offer)
    foreign = await project.send(
        "POST", "matching", path, body={"side": "home_unit"}, expect=(403,), quiet=True
    )
    tale.checks.equal("the key of another", foreign.body["code"], "insufficient_scope")
    half = await home_unit.post("matching", path, {"side": "home_unit"}, note=home_unit.name)
    tale.checks.equal("with one key", half.body["state"], "open")
    whole = await project.post("matching", path, {"side": "project"}, note=project.name)
    tale.screen.point(
        "accepted 双方接受", f"{offer['project_title']} → {offer['home_unit_name']}", style="green"
    )
    tale.checks.equal("with both keys", whole.body["state"], "accepted")


async def _refuse(tale: Tale, desk: Desk, found: Round, offer: Json) -> None:
    _, project = await _sides(desk, found, offer)
    answer = await project.post("matching", f"/v1/offers/{offer['id']}:refuse", _REFUSAL, note=project.name)
    said = answer.body["project_answer"]
    tale.screen.point(
        "refused 拒绝", f"{offer['project_title']}: {said['reason']}，{said['text']}", style="yellow"
    )
    tale.checks.equal("after one refusal", answer.body["state"], "refused")


async def _agree(desk: Desk, found: Round, offer: Json) -> None:
    """Let both sides accept, unseen."""
    home_unit, project = await _sides(desk, found, offer)
    for client, side in ((home_unit, "home_unit"), (project, "project")):
        await client.post("matching", f"/v1/offers/{offer['id']}:accept", {"side": side}, quiet=True)


async def _sides(desk: Desk, found: Round, offer: Json) -> tuple[Client, Client]:
    operator_id = found.projects[offer["project_id"]]["operator_id"]
    return await desk.of(offer["home_unit_id"]), await desk.of(operator_id)


async def _check_second(tale: Tale, found: Round, agreed: Json, refused: Json | None) -> None:
    certificate = await tale.cast.administration.get("matching", f"{found.path}/certificate", quiet=True)
    pairs = pairs_in(certificate)
    tale.checks.equal("the agreed pair", pairs[agreed["project_id"]], agreed["home_unit_id"])
    if refused is not None:
        there = pairs.get(refused["project_id"])
        tale.checks.holds("the refused pair stays away", there != refused["home_unit_id"])


async def published(tale: Tale, found: Round) -> None:
    """Publish, check the result from outside, and see the landing intents in registry."""
    tale.screen.chapter(
        "A result anybody can check, and what came of it 公布与核验",
        "The end reveals the seeds. Whoever noted the commitment checks the file with Python alone, by a "
        "program that shares no code with what made it (docs/verifying-a-round.md).",
    )
    ended = await tale.cast.administration.post("matching", f"{found.path}:publish", {}, note="published")
    for run, commitment in zip(ended.body["runs"], found.commitments, strict=True):
        text = f"{run['seed']}{run['snapshot_hash']}"
        computed = hashlib.sha256(text.encode()).hexdigest()
        tale.checks.equal(f"commitment of run {run['number']}", computed, commitment)
    await _verify(tale, found)
    await _intents(tale, found)
    await caught_up(tale.cast.administration)
    now = await read(tale.cast.administration, quiet=True)
    changed = now.since(found.yardsticks)
    tale.screen.point("yardsticks", "as before: an intent is not a landing")
    tale.checks.equal("what the intents changed", set(changed.values()), {0})


async def _verify(tale: Tale, found: Round) -> None:
    files = []
    for number, commitment in enumerate(found.commitments, start=1):
        result = await tale.cast.administration.get(
            "matching", f"{found.path}/certificate", run=number, quiet=number > 1
        )
        file = tale.folder / f"round-run-{number}.json"
        file.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        noted = ["--commitment", commitment, "--configuration-hash", found.configuration_hash]
        code, lines = await _verifier([str(file), *noted])
        files.append(file)
        if number == 1:
            _show_verified(tale, file, commitment, lines)
        tale.checks.equal(f"verifier on run {number}", (code, lines[-1]), (0, "verified"))
        tale.checks.holds("as noted before", not any("was published before" in line for line in lines))
    await _tamper(tale, json.loads(files[0].read_text(encoding="utf-8")))


def _show_verified(tale: Tale, file: Path, commitment: str, lines: Sequence[str]) -> None:
    tale.screen.verbatim(
        f"$ python {_VERIFIER} {file.name} --commitment {commitment[:8]}… --configuration-hash …"
    )
    for line in lines:
        if line.startswith("ok"):
            tale.screen.verbatim(line)
    tale.screen.verbatim(tale.screen.styled(lines[-1], "green"))


async def _tamper(tale: Tale, result: Json) -> None:
    """Take the first project that has a place its place, and have that found out."""
    placed = next(number for number, home in enumerate(result["assignment"]) if home >= 0)
    result["assignment"][placed] = -1
    file = tale.folder / "round-tampered.json"
    file.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    code, lines = await _verifier([str(file)])
    file.unlink()
    tale.screen.point("one place altered", lines[-1], style="yellow")
    tale.checks.equal("verifier on an altered file", (code, lines[-1]), (1, "REJECTED"))


async def _verifier(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """Run the independent verifier as anybody would, and return its exit code and its lines."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_VERIFIER), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode().splitlines() or [""]


async def _intents(tale: Tale, found: Round) -> None:
    administration = tale.cast.administration
    offers: list[Json] = []

    async def settled() -> bool:
        path = f"{found.path}/offers"
        page = await administration.get("matching", path, state="accepted", limit=_ALL, quiet=True)
        offers[:] = page["items"]
        return all(offer["landing"] and offer["landing"]["state"] != "pending" for offer in offers)

    await until("registry has the intents", settled, PATIENCE_S, 0.1)
    for number, offer in enumerate(offers):
        path = f"/v1/landings/{offer['landing']['landing_id']}"
        intent = await administration.get("registry", path, quiet=number > 0)
        tale.screen.point(
            "intent 落地意向",
            f"{intent['id']}: {offer['project_title']} → {offer['home_unit_name']}",
            style="green",
        )
        pair = intent["project_id"], intent["home_unit_id"], intent["state"]
        tale.checks.equal(
            "the intent in registry", pair, (offer["project_id"], offer["home_unit_id"], "intent")
        )
