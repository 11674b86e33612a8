"""The seeds of lotteries: sealed in the store until their round is published, in the clear afterwards."""

from services.matching.rounds.errors import SeedUnreadable
from shared.db.engine import Row
from shared.sealing import Sealer, Unsealable

_PURPOSE = "seeds of rounds"


class Seeds:
    """Seals and opens seeds under the deployment's secret, each for its run alone."""

    def __init__(self, secret_key: bytes) -> None:
        self._sealer = Sealer(secret_key, _PURPOSE)

    def sealed(self, run_id: str, seed: str) -> bytes:
        """Return a seed of 64 hexadecimal digits as it is stored."""
        return self._sealer.seal(run_id, bytes.fromhex(seed))

    def of(self, run: Row) -> str:
        """Return the seed of a stored run; ``SeedUnreadable`` if the deployment has another secret now."""
        if run["seed"] is not None:
            return str(run["seed"])
        try:
            return self._sealer.open(run["id"], bytes(run["sealed_seed"])).hex()
        except Unsealable:
            raise SeedUnreadable(
                "It was sealed under another FEIDI_MATCHING_SECRET: set that again, or freeze a new round.",
                "FEIDI_MATCHING_SECRET 与封存时不同：请恢复原值，或另行冻结新的一轮。",
            ) from None
