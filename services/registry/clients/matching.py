"""Matching as registry sees it: whether some home unit fits a project, how well, and why."""

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.http import ServiceClient, TransportError
from shared.ids import ID_PATTERN
from shared.logging import get_logger

_CATCHING_UP_S = (0.05, 0.1, 0.2, 0.4, 0.8)
_RUBBISH = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What reading an answer raises that is none."""

_REASONS = 50
_log = get_logger(__name__)


class MatchingUnavailable(Exception):
    """Matching gave no usable answer; the question can be asked again."""


@dataclass(frozen=True)
class Recommendation:
    """How many home units pass every hard filter, and the best of them with its score and reasons.

    ``project_version`` is what was judged: an answer about another version is none about the project.
    """

    project_version: int
    feasible_count: int
    home_unit_id: str | None
    score: float | None
    reasons: tuple[dict[str, Any], ...]


class MatchingClient:
    """Asks matching with registry's own credential. Never call it inside a transaction.

    What matching answers is kept in the project's log, which all its parties read; so it is asked for what it
    shows them, not for what it shows registry.
    """

    def __init__(self, client: ServiceClient, *, pauses_s: Sequence[float] = _CATCHING_UP_S) -> None:
        self._client = client
        self._pauses_s = pauses_s

    async def best_home_unit(self, project_id: str, version: int) -> Recommendation:
        """Return what matching recommends for this version of a project, or raise ``MatchingUnavailable``.

        Matching follows the feed, so it may know of a change a moment later; that moment is waited for.
        """
        for pause_s in (*self._pauses_s, None):
            found = await self._ask(project_id)
            if found.project_version >= version:
                return found
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        raise MatchingUnavailable("behind")

    async def _ask(self, project_id: str) -> Recommendation:
        params = {"limit": 1, "redacted": "true"}
        try:
            answer = await self._client.get(f"/v1/projects/{project_id}/recommendations", params=params)
            if answer.status_code != 200:
                raise MatchingUnavailable(f"status {answer.status_code}")
            return _recommendation(answer.json())
        except (TransportError, OSError, *_RUBBISH) as error:
            _log.warning("matching_unavailable", error=type(error).__name__)
            raise MatchingUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _recommendation(document: dict[str, Any]) -> Recommendation:
    feasible, items = int(document["feasible_count"]), document["items"]
    version = int(document["project_version"])
    if not feasible or not items:
        return Recommendation(version, max(feasible, 0) if items else 0, None, None, ())
    best = items[0]
    reasons = tuple(_reason(criterion) for criterion in best.get("criteria", ())[:_REASONS])
    score, home_unit_id = float(best["score"]), best["home_unit_id"]
    if feasible < 0 or not 0 <= score <= 1 or not re.fullmatch(ID_PATTERN, home_unit_id):
        raise ValueError("no recommendation")
    return Recommendation(version, feasible, home_unit_id, score, reasons)


def _reason(criterion: dict[str, Any]) -> dict[str, Any]:
    text, score = criterion.get("text") or {}, criterion.get("score")
    return {
        "criterion": _text(criterion["criterion"]),
        "score": None if score is None else _finite(score),
        "zh": _text(text.get("zh")),
        "en": _text(text.get("en")),
    }


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("not a number")
    return value


def _text(value: str | None) -> str | None:
    """Refuse what is no text that both databases can keep."""
    if value is not None and "\0" in value.encode().decode():
        raise ValueError("a text with a NUL")
    return value
