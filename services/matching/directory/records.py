"""What the directory tells the features above it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

Place = Mapping[str, Any]
"""A division with coordinates and city clusters, as the registry words it."""


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """Of the projects admitted long enough before a day, how many landed at the home unit in time."""

    landed: int
    admitted: int
    as_of: date


@dataclass(frozen=True, slots=True)
class HomeUnit:
    """A home unit on file; its track record is None while no admission of its has matured."""

    id: str
    name: str
    place: Place | None
    updated_at: datetime
    track_record: TrackRecord | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A project on file, with what its enclave adds and who may see it.

    ``conductor_ids`` speak for it: its team, its operator and its enclave's; empty if registry named none.

    ``host_place`` is the place the project stated, known or not, and that of its enclave only where it stated
    none.
    """

    id: str
    version: int
    title: str
    summary: str
    stage: str
    enclave_id: str | None
    industry_codes: tuple[str, ...]
    strategic_fields: tuple[str, ...]
    needs: Mapping[str, Any]
    host_place: Place | None
    host_place_from: str
    enclave_home_unit_id: str | None
    updated_at: datetime
    party_ids: frozenset[str]
    conductor_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """The revision grows with every change; the generation changes when everything was forgotten."""

    revision: int
    generation: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Every record written after some revision."""

    home_units: list[HomeUnit]
    projects: list[Project]


@dataclass(frozen=True, slots=True)
class Admission:
    """A project admitted on a day YYYYMMDD, and the home unit of the enclave that admitted it, if known."""

    project_id: str
    home_unit_id: str | None
    admitted_day: int


@dataclass(frozen=True, slots=True)
class Landing:
    """A landing at a home unit and the day YYYYMMDD from which it counts, None while it does not."""

    id: str
    project_id: str
    home_unit_id: str
    state: str
    landed_day: int | None
