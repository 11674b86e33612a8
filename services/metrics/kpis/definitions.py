"""What each KPI means, read from the data beside this module."""

import json
from functools import cache
from importlib.resources import files

from shared.types import Output


class Definition(Output):
    """A KPI: its names, what it counts and from what."""

    id: str
    name_zh: str
    name_en: str
    definition_zh: str
    definition_en: str
    formula: str
    unit: str
    source: str
    sets: list[str]
    yardstick: bool


@cache
def definitions() -> dict[str, Definition]:
    """Return the definitions by id."""
    text = files(__package__).joinpath("definitions.json").read_text(encoding="utf-8")
    return {entry["id"]: Definition.model_validate(entry) for entry in json.loads(text)}
