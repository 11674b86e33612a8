"""The rank of one home unit among all that could take a project, as if it were still to be placed."""

from dataclasses import replace

import numpy as np

from services.matching.engine.scoring import evaluation
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.gates import FAIL
from services.matching.engine.scoring.snapshot import Snapshot


def to_be_placed(project: ProjectFeatures) -> ProjectFeatures:
    """Return a project as it stood before its admission: in reserve, and in no home unit's enclave.

    Left in, the enclave would give the answer away.
    """
    return replace(project, stage="reserve", enclave_home_unit_id=None)


def rank_of(snapshot: Snapshot, project: ProjectFeatures, home_unit_id: str) -> int | None:
    """Return the rank from 1 among home units of which no gate fails; None if one of this fails.

    Equal scores rank by id. Raises KeyError for a home unit that is not on file.
    """
    row = snapshot.home_table.rows[home_unit_id]
    result, _, _ = evaluation.for_project(snapshot, snapshot.compiled(project))
    able = result.outcomes.max(axis=0) != FAIL
    if not able[row]:
        return None
    total = result.total
    tied = np.flatnonzero(able & (total == total[row])).tolist()
    ahead = sum(snapshot.home_table.ids[other] < home_unit_id for other in tied)
    return 1 + int(np.count_nonzero(able & (total > total[row]))) + ahead
