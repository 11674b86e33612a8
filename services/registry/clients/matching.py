"""Matching as registry sees it: whether some home unit fits a project, how well, and why."""

from dataclasses import dataclass
from typing import Any

from shared.http import ServiceClient, TransportError
from shared.logging import get_logger

_log = get_logger(__name__)


class MatchingUnavailable(Exception):
    """Matching gave no usable answer; the question can be asked again."""


@dataclass(frozen=True)
class Recommendation:
    """How many home units pass every hard filter, and the best of them with its score and reasons."""

    feasible_count: int
    home_unit_id: str | None
    score: float | None
    reasons: tuple[dict[str, Any], ...]


class MatchingClient:
    """Asks matching with registry's own credential. Never call it inside a transaction."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def best_home_unit(self, project_id: str) -> Recommendation:
        """Return what matching recommends for a project, or raise ``MatchingUnavailable``."""
        try:
            answer = await self._client.get(f"/v1/projects/{project_id}/recommendations", params={"limit": 1})
            if answer.status_code != 200:
                raise MatchingUnavailable(f"status {answer.status_code}")
            return _recommendation(answer.json())
        except (TransportError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("matching_unavailable", error=type(error).__name__)
            raise MatchingUnavailable(type(error).__name__) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _recommendation(document: dict[str, Any]) -> Recommendation:
    feasible, items = int(document["feasible_count"]), document["items"]
    if not feasible or not items:
        return Recommendation(feasible if items else 0, None, None, ())
    best = items[0]
    reasons = tuple(_reason(criterion) for criterion in best.get("criteria", ()))
    return Recommendation(feasible, str(best["home_unit_id"]), float(best["score"]), reasons)


def _reason(criterion: dict[str, Any]) -> dict[str, Any]:
    text = criterion.get("text") or {}
    return {
        "criterion": str(criterion["criterion"]),
        "score": criterion.get("score"),
        "zh": text.get("zh"),
        "en": text.get("en"),
    }
