"""What others do with the same instance: `FEIDI_VENV=.venv-peers ./dev peers NAME FILE.npz`.

Runs in an environment of its own and knows nothing of the project. Prints seconds of solving alone, the value
it reached and the versions.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

Instance = dict[str, Any]


def ortools(instance: Instance) -> dict[str, Any]:
    """OR-Tools' flow of least cost: a project goes to a home unit it is worth something at, or nowhere."""
    from ortools.graph.python import min_cost_flow

    weights, quotas = instance["weights"].astype(np.int64), instance["quotas"].astype(np.int64)
    projects, homes = weights.shape
    sink, every = projects + homes, np.arange(projects)
    at, home = np.nonzero(weights > 0)
    tails = np.concatenate((at, every, projects + np.arange(homes)))
    heads = np.concatenate((projects + home, np.full(projects + homes, sink)))
    most = np.concatenate((np.ones(len(at) + projects, np.int64), quotas))
    # The bulk call cuts floats off without a word: these are whole numbers.
    costs = np.concatenate((-weights[at, home], np.zeros(projects + homes, np.int64)))
    supplies = np.zeros(sink + 1, np.int64)
    supplies[:projects], supplies[sink] = 1, -projects
    begun = time.perf_counter()
    flow = min_cost_flow.SimpleMinCostFlow()
    flow.add_arcs_with_capacity_and_unit_cost(tails, heads, most, costs)
    flow.set_nodes_supplies(np.arange(sink + 1), supplies)
    status = flow.solve()
    seconds = time.perf_counter() - begun
    if status != flow.OPTIMAL:
        raise SystemExit(f"OR-Tools ended with status {status}")
    versions = {name: version(name) for name in ("ortools", "numpy")}
    return {"seconds": seconds, "value": -flow.optimal_cost(), "versions": versions}


PEERS: dict[str, Callable[[Instance], dict[str, Any]]] = {"ortools": ortools}


if __name__ == "__main__":
    name, path = sys.argv[1:]
    with np.load(path) as file:
        given = dict(file)
    print(json.dumps(PEERS[name](given)))
