"""The words of the stage track and of the places of a project's functions."""

from enum import StrEnum


class Stage(StrEnum):
    """How far a project has come, and the five ways it can end early."""

    LEAD = "lead"
    SCREENING = "screening"
    RESERVE = "reserve"
    ADMITTED = "admitted"
    INCUBATION = "incubation"
    ACCELERATION = "acceleration"
    RND = "rnd"
    PILOT = "pilot"
    INDUSTRIALISATION = "industrialisation"
    COMPLETED = "completed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    LANDED_ELSEWHERE = "landed_elsewhere"
    TERMINATED = "terminated"


EXITS = frozenset({Stage.REJECTED, Stage.WITHDRAWN, Stage.FAILED, Stage.LANDED_ELSEWHERE, Stage.TERMINATED})
LADDER = tuple(stage for stage in Stage if stage not in EXITS)
"""The stages in order, from lead to completed."""

BEFORE_ADMISSION = frozenset({Stage.LEAD, Stage.SCREENING, Stage.RESERVE})


class Function(StrEnum):
    """What a project does somewhere: the place belongs to the function, never to the stage."""

    RND = "rnd"
    PILOT = "pilot"
    PRODUCTION = "production"
    SALES_HQ = "sales_hq"
    REGISTRATION = "registration"
    TAX = "tax"


class Track(StrEnum):
    """The three tracks of one project."""

    STAGE = "stage"
    LANDING = "landing"
    RESIDENCY = "residency"


class PlantClass(StrEnum):
    """What kind of building production needs."""

    NONE = "none"
    OFFICE = "office"
    LABORATORY = "laboratory"
    CLEAN_ROOM = "clean_room"
    LIGHT_INDUSTRIAL = "light_industrial"
    HEAVY_INDUSTRIAL = "heavy_industrial"
    HAZARDOUS = "hazardous"
