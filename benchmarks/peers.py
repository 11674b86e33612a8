"""What others do with the same instance: `FEIDI_VENV=.venv-peers ./dev peers NAME FILE.npz`.

Runs in an environment of its own and knows nothing of the project. Prints the seconds of solving alone,
the versions, and a hash of the assignment (home unit per project, −1 for none) or the value it reached.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

Instance = dict[str, Any]


def matching(instance: Instance) -> dict[str, Any]:
    """`matching`: what has no place or asks nobody is left out, it raises for those."""
    from matching.games import HospitalResident

    projects, homes = preferences(instance)
    places = {h: int(instance["quotas"][h]) for h in homes}
    game = HospitalResident.create_from_dictionaries(projects, homes, places)
    begun = time.perf_counter()
    found = game.solve(optimal="resident")
    seconds = time.perf_counter() - begun
    assignment = np.full(len(instance["starts"]), -1)
    for home, taken in found.items():
        for project in taken:
            assignment[project.name] = home.name
    return answer(seconds, assignment, "matching")


def algmatch(instance: Instance) -> dict[str, Any]:
    """`algmatch`: numbers from 1, its own input of dictionaries."""
    from algmatch import HospitalResidentsProblem

    projects, homes = preferences(instance)
    content = {
        "residents": {p + 1: [h + 1 for h in wished] for p, wished in projects.items()},
        "hospitals": {
            h + 1: {"capacity": int(instance["quotas"][h]), "preferences": [p + 1 for p in ranked]}
            for h, ranked in homes.items()
        },
    }
    problem = HospitalResidentsProblem(dictionary=content)
    begun = time.perf_counter()
    found = problem.get_stable_matching()
    seconds = time.perf_counter() - begun
    if found is None:
        raise SystemExit("algmatch found no stable matching")
    assignment = np.full(len(instance["starts"]), -1)
    for project, home in found["resident_sided"].items():
        if home:
            assignment[int(str(project).lstrip("r")) - 1] = int(str(home).lstrip("h")) - 1
    return answer(seconds, assignment, "algmatch")


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


def cpsat(instance: Instance) -> dict[str, Any]:
    """CP-SAT: which pairs to take under rows of limits, as good as it finds within ``limit_s`` seconds."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    taken = [model.new_bool_var("") for _ in range(len(instance["weights"]))]
    ends, columns = instance["ends"].tolist(), instance["columns"].tolist()
    factors, most = instance["factors"].tolist(), instance["most"].tolist()
    for row, limit in enumerate(most):
        part = slice(ends[row], ends[row + 1])
        left = cp_model.LinearExpr.weighted_sum([taken[at] for at in columns[part]], factors[part])
        model.add(left <= limit)
    model.maximize(cp_model.LinearExpr.weighted_sum(taken, instance["weights"].tolist()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = float(instance["limit_s"])
    begun = time.perf_counter()
    status = solver.solve(model)
    seconds = time.perf_counter() - begun
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    versions = {name: version(name) for name in ("ortools", "numpy")}
    return {"seconds": seconds, "value": round(solver.objective_value) if found else 0, "versions": versions}


PEERS: dict[str, Callable[[Instance], dict[str, Any]]] = {
    "matching": matching,
    "algmatch": algmatch,
    "ortools": ortools,
    "cpsat": cpsat,
}


def preferences(instance: Instance) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """The lists of projects and, by priority, of home units; only pairs that could come about."""
    projects: dict[int, list[int]] = {}
    asking: dict[int, list[tuple[int, int]]] = {}
    columns = zip(instance["starts"].tolist(), instance["ends"].tolist(), strict=True)
    for project, (start, end) in enumerate(columns):
        for entry in range(start, end):
            home = int(instance["homes"][entry])
            if instance["quotas"][home]:
                projects.setdefault(project, []).append(home)
                asking.setdefault(home, []).append((int(instance["keys"][entry]), project))
    return projects, {home: [p for _, p in sorted(ranked)] for home, ranked in asking.items()}


def answer(seconds: float, assignment: Any, *packages: str) -> dict[str, Any]:
    """What a peer's function prints."""
    digest = hashlib.sha256(json.dumps(assignment.tolist()).encode()).hexdigest()
    return {
        "seconds": seconds,
        "assignment": digest,
        "versions": {name: version(name) for name in (*packages, "numpy")},
    }


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in PEERS:
        raise SystemExit(f"usage: ./dev peers {{{','.join(PEERS)}}} FILE.npz")
    name, path = sys.argv[1:]
    with np.load(path) as file:
        given = dict(file)
    print(json.dumps(PEERS[name](given)))
