"""Chapters after the landing: the timeline, the yardsticks, the two times, the feed."""

from datetime import UTC, datetime, timedelta

from examples.demo.client import Json
from examples.demo.figures import Reading, change, counted_ids, read, shown
from examples.demo.tale import CHINA, Tale

_WORDS = {
    "lead": "线索",
    "screening": "筛选",
    "reserve": "储备",
    "admitted": "准入",
    "incubation": "孵化",
    "acceleration": "加速",
    "rnd": "研发",
    "pilot": "中试",
    "industrialisation": "产业化",
    "intent": "意向",
    "signed": "签约",
    "registered": "注册",
    "started": "开工",
    "producing": "投产",
    "approved": "批准",
    "resident": "入驻",
    "left": "迁出",
}


async def timeline(tale: Tale) -> None:
    """Show the whole history under one id."""
    tale.screen.chapter(
        "One project, one id, one timeline 时间线",
        "Stage, landing and residency are three tracks of the same project. The log is never rewritten.",
    )
    found = await tale.cast.home_unit.get("registry", f"{tale.path}/timeline")
    rows = [["effective", "stage 阶段", "landing 落地", "residency 入驻"]]
    for entry in found["items"]:
        if entry["kind"] in ("stage", "landing", "residency"):
            rows.append(_timeline_row(entry))
    tale.screen.table(rows)
    kinds = {entry["kind"] for entry in found["items"]}
    tale.screen.say(
        f"… and {len(found['items']) - len(rows) + 1} approvals, reviews and places.", style="dim"
    )
    expected = {"stage", "landing", "residency", "approval", "review", "function_place"}
    tale.checks.equal("what the timeline holds", kinds, expected)
    stages = [entry["what"] for entry in found["items"] if entry["kind"] == "stage"]
    tale.checks.equal("the stages in order", stages, list(_WORDS)[:9])


def _timeline_row(entry: Json) -> list[str]:
    day = datetime.fromisoformat(entry["effective_at"]).astimezone(CHINA).date().isoformat()
    what = f"{entry['what']} {_WORDS.get(entry['what'], '')}".strip()
    return [day, *(what if entry["kind"] == track else "" for track in ("stage", "landing", "residency"))]


async def after(tale: Tale) -> None:
    """Show the yardsticks and what has changed."""
    screen = tale.screen
    screen.chapter(
        "The three yardsticks, after 前后对比",
        "The project went through reserve and incubation, so both are as before. It was admitted 30 months "
        "ago and registered 16 months later: one more matured admission, and one more that landed in time.",
    )
    mine, whole = await read(tale.cast.home_unit), await read(tale.cast.administration, quiet=True)
    for name, now, then in (
        ("丽水经开区", mine, tale.readings["before"][0]),
        ("whole network", whole, tale.readings["before"][1]),
    ):
        screen.table(_comparison(name, then, now), marked=3)
        _check_deltas(tale, name, now.since(then))
    records = await counted_ids(tale.cast.home_unit, "landing_rate", quiet=False)
    screen.point("counted", f"{len(records)} records behind the figure, {tale.project_id} among them")
    tale.checks.equal("records behind the landing rate", len(records), mine.landing_24.landed)
    tale.checks.holds("the project is among them", tale.project_id in records)
    press = await tale.cast.home_unit.get("metrics", "/v1/kpis/press_rate")
    figure = press["figure"]
    screen.point(
        "press_rate",
        f"{figure['value']:.1%} ({figure['numerator']}/{figure['denominator']}) — what press releases quote: "
        "all ever landed by all ever admitted. It is kept apart and never called a landing rate.",
    )
    matured = mine.landing_24.matured
    tale.checks.holds(
        "the press rate counts differently", matured is not None and figure["denominator"] > matured
    )


def _comparison(name: str, then: Reading, now: Reading) -> list[list[str]]:
    return [
        [name, "before", "after", "change"],
        [
            "projects incubated 在孵",
            shown(then.incubating),
            shown(now.incubating),
            _sign(change(then.incubating, now.incubating)),
        ],
        [
            "reserve projects 储备",
            shown(then.reserve),
            shown(now.reserve),
            _sign(change(then.reserve, now.reserve)),
        ],
        [
            "landing rate 24 months 落地率",
            str(then.landing_24),
            str(now.landing_24),
            f"{_sign(change(then.landing_24.landed, now.landing_24.landed))} landed",
        ],
    ]


def _sign(number: int | None) -> str:
    if number is None:
        return "unknown"
    return f"{number:+d}" if number else "±0"


def _check_deltas(tale: Tale, name: str, changed: dict[str, int | None]) -> None:
    expected = {"incubating": 0, "reserve": 0, "landed within 24 months": 1, "admitted 24 months ago": 1}
    for what, number in expected.items():
        tale.checks.equal(f"{name}: change of {what}", changed[what], number)


async def two_times(tale: Tale, told_from: datetime) -> None:
    """Ask what was true on a day, by what is known now and by what was known before the story."""
    day = tale.calendar.on(27)
    tale.screen.chapter(
        "What was true, and what we knew 双时间",
        f"On {day} the project was in incubation, but the registry has learned so only now. Every figure "
        "answers for both times, so a late fact never rewrites what was reported.",
    )
    known_at = told_from.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    client = tale.cast.home_unit
    now = await client.get("metrics", "/v1/kpis/incubating", as_of=day.isoformat())
    then = await client.get("metrics", "/v1/kpis/incubating", as_of=day.isoformat(), known_at=known_at)
    values = now["figure"]["value"], then["figure"]["value"]
    tale.screen.point("known now", f"{values[0]} projects were incubated on {day}")
    tale.screen.point("known before", f"{values[1]} — what a report written before this story said")
    tale.checks.equal("the late fact counts once", values[0] - values[1], 1)


async def feed(tale: Tale) -> None:
    """Show the end of the event feed."""
    tale.screen.chapter(
        "The event feed 事件流",
        "Every change wrote its event in the same transaction. Matching and metrics live from this feed "
        "alone, and so can your own system: the cursor is safe to keep.",
    )
    page = await tale.cast.home_unit.get("registry", "/v1/events", subject_id=tale.project_id, limit=200)
    for event in page["items"][-4:]:
        changed = ", ".join(event["data"]["changed"]) or "—"
        tale.screen.point(
            f"#{event['sequence']}",
            f"{event['type']}  version {event['subject']['version']}, changed: {changed}",
        )
    versions = [event["subject"]["version"] for event in page["items"]]
    tale.screen.point("next_cursor", page["next_cursor"])
    tale.checks.equal("versions in order", versions, list(range(1, len(versions) + 1)))
    taken = [event for event in page["items"] if "stage" in event["data"]["changed"]]
    lead_at, screened_at = (event["effective_at"] for event in (page["items"][0], taken[0]))
    tale.checks.holds("it was a lead before it was screened", lead_at < screened_at)


def farewell(tale: Tale, urls: dict[str, str]) -> None:
    """Say where to look now."""
    screen, credential = tale.screen, tale.cast.home_unit_credential
    screen.chapter("Your turn 请继续")
    for name, url in urls.items():
        screen.point(name, f"{url}/docs")
    screen.gap()
    screen.say("A client of 丽水经开区 and this project, for docs/getting-started.md:")
    readable = "| python3 -m json.tool --no-ensure-ascii"
    lines = (
        f"export B={urls['registry']} M={urls['matching']} X={urls['metrics']}",
        f"export CID={credential.id}",
        f"export SEC={credential.secret}",
        f"export PRJ={tale.project_id}",
        "",
        "export TOKEN=$(curl -s $B/oauth2/token -d grant_type=client_credentials \\",
        "  -d client_id=$CID -d client_secret=$SEC \\",
        "  | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])')",
        f'curl -s -H "Authorization: Bearer $TOKEN" $B/v1/projects/$PRJ/timeline {readable}',
        'curl -s -H "Authorization: Bearer $TOKEN" "$B/v1/events?after=earliest&types=landing.*&limit=3" \\',
        f"  {readable}",
        f'curl -s -H "Authorization: Bearer $TOKEN" $X/v1/kpis:yardsticks {readable}',
    )
    for line in lines:
        screen.verbatim(line)
    screen.gap()


def just_before_now() -> datetime:
    """Return an instant that lies before everything the story records."""
    return datetime.now(UTC) - timedelta(milliseconds=1)
