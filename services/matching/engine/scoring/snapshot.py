"""Every known home unit and project as columns, kept current one record at a time.

Rows are an internal matter: no result depends on the order in which records arrived.
Not thread-safe; one event loop owns one snapshot.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import industries
from services.matching.engine.scoring.columns import HomeColumns, ProjectColumns, Table, grown
from services.matching.engine.scoring.compilation import (
    Codes,
    CompiledHome,
    CompiledProject,
    Overlay,
    Place,
    compile_home,
    compile_project,
)
from services.matching.engine.scoring.criteria import CRITERIA
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.geography import distances_m, unit_vector
from services.matching.engine.scoring.grams import Indexed, Postings, Segments
from services.matching.engine.scoring.patterns import Patterns

if TYPE_CHECKING:
    from services.matching.engine.scoring.lens import Lens

_CACHE_LIMIT = 4096
_LOG_LIMIT = 65_536
K = TypeVar("K")
V = TypeVar("V")


class Snapshot:
    def __init__(
        self, homes: Iterable[HomeUnitFeatures] = (), projects: Iterable[ProjectFeatures] = ()
    ) -> None:
        self._organisations, self._clusters, self._vocabulary = Codes(), Codes(), Codes()
        self.patterns = Patterns()
        self.home_table, self.project_table = Table(HomeColumns), Table(ProjectColumns)
        self.home_rows: list[CompiledHome] = []
        self.project_rows: list[CompiledProject] = []
        self.home_postings, self.project_segments = Postings(), Indexed()
        self.project_wishes = Segments()
        self._weights = np.zeros((len(CRITERIA), 16), np.int32)
        self._vectors = np.zeros((3, 16))
        self._industry: dict[str, NDArray[np.int32]] = {}
        self._policy: dict[str, NDArray[np.bool_]] = {}
        self._distance: dict[Place, NDArray[np.int32]] = {}
        self.given: dict[tuple[int, Any], NDArray[np.signedinteger[Any]]] = {}
        """Columns over the home units by number of formula and the facts of a project that decide them."""
        self.preferring: dict[str, dict[int, int]] = {}
        """Per home unit the rows of the projects whose teams wish for it, and at which place, from 0 on."""
        self.home_revision = 0
        self.project_log: list[int] = []
        self.project_epoch = 0
        self.lenses: OrderedDict[str, Lens] = OrderedDict()
        self.medians: tuple[int, tuple[int | None, ...]] = (-1, ())
        for home in homes:
            self.upsert_home_unit(home)
        for project in projects:
            self.upsert_project(project)

    # -- home units

    def upsert_home_unit(self, features: HomeUnitFeatures) -> None:
        home = compile_home(features, self._organisations, self._clusters, self._vocabulary)
        row = self.home_table.put(features.id, home.row)
        if row == len(self.home_rows):
            self.home_rows.append(home)
            self._forget_columns()
            before: list[int] = []
        else:
            before = self.home_rows[row].grams.tolist()
            self.home_rows[row] = home
        self.home_postings.put(row, before, home.grams.tolist())
        self._weights, self._vectors = grown(self._weights, row + 1), grown(self._vectors, row + 1)
        self._weights[:, row] = home.weights
        self._vectors[:, row] = np.nan if home.place is None else unit_vector(*home.place)
        self._patch_columns(row, home)
        self.given.clear()
        self.home_revision += 1

    def remove_home_unit(self, home_unit_id: str) -> None:
        row, last = self.home_table.drop(home_unit_id)
        gone, moved = self.home_rows[row], self.home_rows[last]
        self.home_postings.put(last, moved.grams.tolist(), ())
        if row != last:
            self.home_postings.put(row, gone.grams.tolist(), moved.grams.tolist())
        self.home_rows[row] = moved
        self.home_rows.pop()
        self._weights[:, row], self._vectors[:, row] = self._weights[:, last], self._vectors[:, last]
        self._forget_columns()
        self.given.clear()
        self.home_revision += 1

    def home_unit(self, home_unit_id: str) -> CompiledHome:
        return self.home_rows[self.home_table.rows[home_unit_id]]

    def hypothetical(self, features: HomeUnitFeatures) -> CompiledHome:
        """A home unit as it might be, comparable with what is on file and not put there."""
        return compile_home(
            features, Overlay(self._organisations), Overlay(self._clusters), Overlay(self._vocabulary)
        )

    @property
    def weights(self) -> NDArray[np.int32]:
        return self._weights[:, : len(self.home_rows)]

    @property
    def organisation_count(self) -> int:
        """Return how many organisations have a code."""
        return len(self._organisations)

    # -- projects

    def upsert_project(self, features: ProjectFeatures) -> None:
        project = self.compiled(features)
        row = self.project_table.put(features.id, project.row)
        if row == len(self.project_rows):
            self.project_rows.append(project)
        else:
            self._forget_preferences(row)
            self.project_rows[row] = project
        self._note_preferences(row)
        self.project_segments.put(row, project.grams)
        wishes = map(self._organisations, features.preferred_home_unit_ids)
        self.project_wishes.put(row, np.fromiter(wishes, np.int32))
        self._project_changed(row)

    def remove_project(self, project_id: str) -> None:
        row, last = self.project_table.drop(project_id)
        self._forget_preferences(row)
        if row != last:
            self._forget_preferences(last)
            self.project_rows[row] = self.project_rows[last]
            self._note_preferences(row)
        self.project_rows.pop()
        self.project_segments.drop(row, last)
        self.project_wishes.drop(row, last)
        self._project_changed(row)

    def _project_changed(self, row: int) -> None:
        if len(self.project_log) >= _LOG_LIMIT:
            self.project_log.clear()
            self.project_epoch += 1
        self.project_log.append(row)

    def project(self, project_id: str) -> CompiledProject:
        return self.project_rows[self.project_table.rows[project_id]]

    def compiled(self, features: ProjectFeatures) -> CompiledProject:
        """The row on file if it is of these very features, else a fresh one that is not put on file."""
        row = self.project_table.rows.get(features.id)
        if row is not None and self.project_rows[row].features is features:
            return self.project_rows[row]
        return compile_project(
            features,
            self._organisations,
            self._clusters,
            self._vocabulary,
            self.patterns.industry,
            self.patterns.host,
        )

    def _note_preferences(self, row: int) -> None:
        for place, home_unit_id in enumerate(self.project_rows[row].features.preferred_home_unit_ids):
            self.preferring.setdefault(home_unit_id, {}).setdefault(row, place)

    def _forget_preferences(self, row: int) -> None:
        for home_unit_id in self.project_rows[row].features.preferred_home_unit_ids:
            self.preferring[home_unit_id].pop(row, None)

    # -- columns over all home units that depend on one fact of a project

    def industry_column(self, key: str) -> NDArray[np.int32]:
        """Similarity of one industry with every home unit; −1 where its industries are not known."""
        column = self._industry.get(key)
        if column is None:
            values = (industries.fit((key,), home.nodes) if home.nodes else -1 for home in self.home_rows)
            column = bounded(self._industry)[key] = np.fromiter(values, np.int32, len(self.home_rows))
        return column

    def policy_column(self, key: str) -> NDArray[np.bool_]:
        column = self._policy.get(key)
        if column is None:
            values = (industries.supported((key,), home.policy_nodes) for home in self.home_rows)
            column = bounded(self._policy)[key] = np.fromiter(values, np.bool_, len(self.home_rows))
        return column

    def distance_column(self, place: Place) -> NDArray[np.int32]:
        column = self._distance.get(place)
        if column is None:
            vectors = self._vectors[:, : len(self.home_rows)]
            origin = None if place is None else unit_vector(*place)
            column = bounded(self._distance)[place] = distances_m(vectors, origin)
        return column

    def _forget_columns(self) -> None:
        self._industry.clear()
        self._policy.clear()
        self._distance.clear()

    def _patch_columns(self, row: int, home: CompiledHome) -> None:
        for key, similarity in self._industry.items():
            similarity[row] = industries.fit((key,), home.nodes) if home.nodes else -1
        for key, support in self._policy.items():
            support[row] = industries.supported((key,), home.policy_nodes)
        for place, distance in self._distance.items():
            origin = None if place is None else unit_vector(*place)
            distance[row] = distances_m(self._vectors[:, row : row + 1], origin)[0]


def bounded(cache: dict[K, V]) -> dict[K, V]:
    """The cache with room for one more."""
    if len(cache) >= _CACHE_LIMIT:
        cache.clear()
    return cache
