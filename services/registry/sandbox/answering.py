"""What a receiver answers: its script, one step a hit, the last one for ever; handshakes apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic_core import to_json

from services.registry.sandbox.observation import Hit


class Handshake(StrEnum):
    """How a receiver meets a handshake: the challenge, 403, or as any other hit, by the script."""

    ANSWER = "answer"
    REFUSE = "refuse"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Answer:
    """An answer and how long it is held back. ``challenge_answered``: it is the challenge of the hit."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    retry_after: int | None = None
    delay_ms: int = 0
    challenge_answered: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers beside what every answer has."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def row(self) -> dict[str, Any]:
        """Return the columns of a hit that keep its answer."""
        return {
            "status": self.status,
            "retry_after": self.retry_after,
            "delay_ms": self.delay_ms,
            "challenge_answered": self.challenge_answered,
        }


_WITHOUT_BODY = frozenset({204, 205, 304})


def takes_step(handshake: str, hit: Hit) -> bool:
    """Tell whether a hit uses up a step of the script."""
    return not hit.is_handshake or handshake == Handshake.IGNORE


def answer_to(hit: Hit, handshake: str, script: Sequence[Mapping[str, Any]], steps_taken: int) -> Answer:
    """Return the answer to a hit; ``steps_taken`` counts the step it uses up itself."""
    if not takes_step(handshake, hit):
        if handshake == Handshake.REFUSE:
            return Answer(403)
        return _with_challenge(hit, Answer(200))
    step = script[min(max(steps_taken, 1), len(script)) - 1]
    plain = Answer(
        status=step["status"],
        body=b"" if step["status"] in _WITHOUT_BODY else (step["body"] or "").encode(),
        retry_after=step["retry_after"],
        delay_ms=step["delay_ms"],
    )
    return _with_challenge(hit, plain) if step["echo"] and hit.is_handshake else plain


def _with_challenge(hit: Hit, plain: Answer) -> Answer:
    if hit.challenge is None or plain.status in _WITHOUT_BODY:
        return plain
    return Answer(
        status=plain.status,
        body=to_json({"challenge": hit.challenge}),
        media_type="application/json",
        retry_after=plain.retry_after,
        delay_ms=plain.delay_ms,
        challenge_answered=True,
    )
