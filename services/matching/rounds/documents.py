"""The documents of a run as they are stored: canonical JSON, compressed; and the way back to a market."""

import json
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.canonical import canonical_json
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.result import Result

Document = dict[str, Any]


def packed(document: Mapping[str, Any]) -> bytes:
    """Return a document as it is stored."""
    return zlib.compress(canonical_json(document).encode(), 6)


def unpacked(content: bytes) -> Document:
    """Return a stored document."""
    document: Document = json.loads(zlib.decompress(content))
    return document


class Stored(NamedTuple):
    """The documents of a run as they are stored, and the seed, which they do not hold."""

    snapshot: bytes
    result: bytes
    seed: str | None

    def document(self) -> Document:
        """Return the document of the run as it is published; its seed is null where none is given."""
        return {**self.added(), "snapshot": unpacked(self.snapshot)}

    def added(self) -> Document:
        """Return what the result adds to its snapshot."""
        return {**unpacked(self.result), "seed": self.seed}


def without_snapshot(result: Result) -> Document:
    """Return what a result adds to its snapshot, with the hash of the whole."""
    document = result.document()
    del document["snapshot"]
    return document


def market_from(document: Document) -> Market:
    """Return the market of a snapshot; the same market as was frozen, with the same hash."""
    projects, homes = document["projects"], document["home_units"]
    u = np.full((len(projects), len(homes)), NONE, np.int32)
    v = u.copy()
    for row, pairs in enumerate(document["pairs"]):
        if pairs:
            at, ours, theirs = np.array(pairs, np.int32).T
            u[row, at], v[row, at] = ours, theirs
    return market_of(
        project_ids=projects,
        home_unit_ids=homes,
        u=u,
        v=v,
        quotas=document["quotas"],
        lower_quotas=document["lower_quotas"],
        industries=document["industries"],
        project_industry=document["project_industry"],
        regions=document["regions"],
        home_region=document["home_unit_region"],
        industry_caps=document["industry_caps"],
        region_caps=document["region_caps"],
        demand_names=document["demand_names"],
        demands=document["demands"],
        resources=document["resources"],
        commitments=document["commitments"],
        previous=document["previous"],
    )


def configuration_from(document: Mapping[str, Any]) -> Configuration:
    """Return a configuration from its published form."""
    return Configuration(**document)
