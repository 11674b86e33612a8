"""One lottery for all ties, committed to before anybody knows what it decides."""

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.markets.canonical import sha256


def commitment(seed: str, snapshot_hash: str) -> str:
    """Return what is published before the round: it binds the seed to the snapshot."""
    return sha256(seed + snapshot_hash)


def numbers(seed: str, project_ids: tuple[str, ...]) -> NDArray[np.int64]:
    """Return each project's place, 0 first, in the order of SHA-256(seed ‖ project id)."""
    drawn = [sha256(seed + project_id) for project_id in project_ids]
    places = np.empty(len(drawn), np.int64)
    places[sorted(range(len(drawn)), key=drawn.__getitem__)] = np.arange(len(drawn))
    return places
