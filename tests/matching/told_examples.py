"""The examples of docs/recommendations.md, told from matching's own answers.

``python -m tests.matching.told_examples`` writes them anew.
"""

import asyncio
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.registry.seed import keys
from tests.matching.conftest import MatchingUnderTest
from tests.matching.demo_network import demo_matching, seeded_project

PAGE = Path(__file__).parents[2] / "docs/recommendations.md"
BLOCK = re.compile(r"(<!-- example: (\w+) -->\n```text\n)(.*?)(```\n)", re.DOTALL)
Json = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A project of the seed, who asks, and of which home unit it is asked what would have to change."""

    project: int
    caller: str
    asked_about: str
    rank: int


EXAMPLES = {
    "chips": Example(20, "jiangyin-hi-tech", "jiangyin-hi-tech", 2),
    "surgery": Example(1, "jiashan", "jiashan", 1),
}


async def examples(matching: MatchingUnderTest) -> dict[str, str]:
    return {name: "\n".join(await told(matching, example)) + "\n" for name, example in EXAMPLES.items()}


async def told(matching: MatchingUnderTest, example: Example) -> list[str]:
    url = f"/v1/projects/{seeded_project(example.project)}/recommendations"
    caller = matching.as_org(keys.organisation_id(example.caller))
    answer = (await caller.get(f"{url}?lang=zh&limit=1&refused_limit=3")).json()
    names = {item["home_unit_id"]: item["home_unit_name"] for item in answer["open_items"]}
    body = {"home_unit_id": keys.organisation_id(example.asked_about), "rank": example.rank}
    asked = await caller.post(f"{url}:counterfactual", json=body)
    return [
        *(line for item in answer["items"] for line in ranked(item)),
        *(f"待确认 {item['home_unit_name']}" for item in answer["open_items"]),
        *(question(entry, names) for entry in answer["questions"]),
        *(refused(item) for item in answer["refused_items"]),
        *counterfactual(asked.json()),
    ]


def ranked(item: Json) -> list[str]:
    own = f"第 {item['rank']} 位 {item['home_unit_name']} 得分 {item['score']:.3f}"
    both = item["two_sided"]
    if both["reciprocal_score"] is not None:
        own += f" 团队一侧 {both['project_score']:.3f} 双向 {both['reciprocal_score']:.3f}"
    return [own, *(f"  {entry['text']['zh']}" for entry in item["criteria"])]


def question(entry: Json, names: dict[str, str]) -> str:
    return f"  问{names.get(entry['record_id'], '团队')}：{entry['text']['zh']}"


def refused(item: Json) -> str:
    reasons = "；".join(gate["text"]["zh"] for gate in item["gates"])
    return f"不符合 {item['home_unit_name']} {reasons}"


def counterfactual(answer: Json) -> list[str]:
    goals = [lever[goal] for lever in answer["levers"] for goal in ("to_pass_gate", "to_reach_rank")]
    texts = [goal["text"]["zh"] for goal in goals if goal and goal["feasible"]]
    head = f"{answer['home_unit_name']}怎样才能排到第 {answer['wanted_rank']} 位？"
    return [head, *(f"  {text}" for text in texts)]


def written(page: str, blocks: dict[str, str]) -> str:
    return BLOCK.sub(lambda m: m[1] + blocks[m[2]] + m[4], page)


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with demo_matching(Path(folder)) as matching:
            blocks = await examples(matching)
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
