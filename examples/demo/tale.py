"""What the chapters share: who acts, on which day, and where the project stands."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

from examples.demo.cast import Cast
from examples.demo.checks import Checks
from examples.demo.client import Client, Json
from examples.demo.figures import Reading
from examples.demo.screen import Screen

CHINA = timezone(timedelta(hours=8))
TITLE = "【示例】长效吸入蛋白制剂"
TEAM = "【示例】启航团队"
COMPANY = "【示例】启航生物科技有限公司"
USCC = "913311020DEM900101"
LIANDU = "331102"
PUDONG = "310115"
EVIDENCE_TITLES = {
    "gate_review_minutes": "评审会议纪要",
    "technology_maturity_review": "核心技术研发成熟评审意见",
    "pilot_report": "中试验收报告",
    "tax_registration": "税务登记证明",
    "paid_in_capital": "实缴资本凭证",
    "works_start": "开工证明",
    "output_statistics": "首期产值统计表",
}


class Calendar:
    """Days before today, in months, so that the story has had its years whenever it is told."""

    def __init__(self, today: date) -> None:
        self.today = today

    def on(self, months_ago: int, day: int = 15) -> date:
        """Return a day of the month so many months ago."""
        years, month = divmod(self.today.year * 12 + self.today.month - 1 - months_ago, 12)
        return date(years, month + 1, day)

    def at(self, months_ago: int, day: int = 15) -> str:
        """Return the morning of such a day."""
        return datetime.combine(self.on(months_ago, day), time(10), CHINA).isoformat()


@dataclass
class Tale:
    """The state of the story; files that it downloads lie in ``folder``."""

    screen: Screen
    checks: Checks
    cast: Cast
    calendar: Calendar
    folder: Path
    project_id: str = ""
    version: int | None = None
    score: float | None = None
    landing_id: str = ""
    landing_version: int | None = None
    residency_id: str = ""
    residency_version: int | None = None
    readings: dict[str, tuple[Reading, Reading]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Return where the project is."""
        return f"/v1/projects/{self.project_id}"

    async def move(self, to: str, effective_at: str, note: str = "") -> Json:
        """Let the operator take one step of the stage track."""
        body = {"to": to, "effective_at": effective_at}
        path = f"{self.path}/transitions"
        answer = await self.cast.operator.post(
            "registry", path, body, version=self.version, note=note or f"stage {to}"
        )
        self.version = answer.version
        self.checks.equal("stage", answer.body["stage"], to)
        return answer.body

    async def file(self, kind: str, issued_on: date) -> str:
        """Let the operator file evidence."""
        body = {"kind": kind, "title": f"【示例】{EVIDENCE_TITLES[kind]}", "issued_on": issued_on.isoformat()}
        filed = await self.cast.operator.post(
            "registry", f"{self.path}/evidence", body, note=EVIDENCE_TITLES[kind]
        )
        evidence_id: str = filed.body["id"]
        return evidence_id

    async def review(self, gate: str, kind: str, held_on: date) -> None:
        """Let the home unit record a passed review on the operator's evidence."""
        evidence_id = await self.file(kind, held_on)
        body = {
            "gate": gate,
            "outcome": "passed",
            "held_on": held_on.isoformat(),
            "annual_grade": "A",
            "evidence_ids": [evidence_id],
        }
        await self.cast.home_unit.post("registry", f"{self.path}/reviews", body, note=f"{gate} passed")

    async def place(self, function: str, adcode: str, starts_on: date) -> None:
        """Record where a function sits."""
        body = {"function": function, "adcode": adcode, "starts_on": starts_on.isoformat()}
        placed = await self.cast.operator.post(
            "registry", f"{self.path}/function-places", body, note=f"{function} {adcode}"
        )
        self.checks.equal(f"adcode of {function}", placed.body["adcode"], adcode)

    async def land(self, to: str, effective_at: str, **given: Any) -> Json:
        """Let the home unit take one step of the landing track."""
        answer = await self.cast.home_unit.post(
            "registry",
            f"/v1/landings/{self.landing_id}/transitions",
            {"to": to, "effective_at": effective_at, **given},
            version=self.landing_version,
            note=f"landing {to}",
        )
        self.landing_version = answer.version
        self.checks.equal("landing", answer.body["state"], to)
        return answer.body

    async def stay(self, to: str, effective_at: str) -> None:
        """Let the operator take one step of the residency track."""
        path = f"/v1/residencies/{self.residency_id}"
        moved = await self.cast.operator.post(
            "registry",
            f"{path}/transitions",
            {"to": to, "effective_at": effective_at},
            version=self.residency_version,
            note=f"residency {to}",
        )
        self.residency_version = moved.version
        self.checks.equal("residency", moved.body["state"], to)

    @property
    def parties(self) -> tuple[Client, Client]:
        """Return the two who hold a key each."""
        return self.cast.operator, self.cast.home_unit
