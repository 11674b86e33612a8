"""What came back: answers to offers from the rounds, landings from the directory."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from services.matching.directory.records import Admission, Landing
from services.matching.evaluation.schemas import FeedbackCounts, HomeUnitFeedback, RefusalCount
from services.matching.rounds import service as rounds
from shared.db.engine import ReadSession


class OfferOutcome(Protocol):
    """What became of one offer of a round, whoever of the two parties decided it."""

    @property
    def round_id(self) -> str: ...

    @property
    def project_id(self) -> str: ...

    @property
    def home_unit_id(self) -> str: ...

    @property
    def decision(self) -> Literal["accepted", "refused", "expired"]: ...

    @property
    def reason(self) -> str | None: ...

    @property
    def decided_at(self) -> datetime: ...


async def offer_outcomes(session: ReadSession) -> Sequence[OfferOutcome]:
    """Return the offers decided so far, of every round."""
    return await rounds.offer_outcomes(session)


def counts(
    outcomes: Sequence[OfferOutcome], admissions: Iterable[Admission], landings: Iterable[Landing]
) -> FeedbackCounts:
    """Return what became of offers and projects; a project counts once however often it landed."""
    decisions = Counter(outcome.decision for outcome in outcomes)
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.decision == "refused")
    return FeedbackCounts(
        offered=len(outcomes),
        accepted=decisions["accepted"],
        refused=decisions["refused"],
        expired=decisions["expired"],
        refusals=[
            RefusalCount(reason=reason, count=count)
            for reason, count in sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0] or ""))
        ],
        admitted=len({entry.project_id for entry in admissions}),
        landed=len({entry.project_id for entry in landings if entry.landed_day is not None}),
    )


def by_home_unit(
    outcomes: Sequence[OfferOutcome], admissions: Sequence[Admission], landings: Sequence[Landing]
) -> list[HomeUnitFeedback]:
    """Return the same for each home unit of which there is anything to tell, by id."""
    offered: dict[str, list[OfferOutcome]] = {}
    admitted: dict[str, list[Admission]] = {}
    landed: dict[str, list[Landing]] = {}
    for outcome in outcomes:
        offered.setdefault(outcome.home_unit_id, []).append(outcome)
    for admission in admissions:
        if admission.home_unit_id is not None:
            admitted.setdefault(admission.home_unit_id, []).append(admission)
    for landing in landings:
        landed.setdefault(landing.home_unit_id, []).append(landing)
    return [
        HomeUnitFeedback(
            home_unit_id=home,
            **dict(counts(offered.get(home, []), admitted.get(home, []), landed.get(home, []))),
        )
        for home in sorted(offered.keys() | admitted.keys() | landed.keys())
    ]
