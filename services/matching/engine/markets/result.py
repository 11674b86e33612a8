"""What a round found, with what anybody needs to check it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.canonical import digest
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.lottery import commitment
from services.matching.engine.markets.market import Market

FORMAT = "feidi-round/1"
ENGINE_VERSION = "1.0.0"


@dataclass(frozen=True, eq=False)
class Result:
    """``assignment[p]`` is the home unit of project p, −1 for none; the certificate is whole numbers only."""

    market: Market
    configuration: Configuration
    seed: str
    assignment: NDArray[np.int64]
    certificate: dict[str, Any]
    figures: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the result as it is published, ending in the hash of all the rest."""
        content = {
            "format": FORMAT,
            "engine_version": ENGINE_VERSION,
            "seed": self.seed,
            "commitment": commitment(self.seed, self.market.hash),
            "snapshot_hash": self.market.hash,
            "configuration_hash": self.configuration.hash,
            "snapshot": self.market.document(),
            "configuration": self.configuration.document(),
            "assignment": self.assignment.tolist(),
            "certificate": self.certificate,
            "figures": self.figures,
        }
        return {**content, "result_hash": digest(content)}
