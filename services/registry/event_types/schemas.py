"""The catalogue of event types on the wire."""

from typing import Any

from pydantic import Field

from shared.types import Output


class Bilingual(Output):
    """A text in both languages."""

    zh: str
    en: str


class EventTypeRead(Output):
    """One type of event: what it tells, the JSON Schema (2020-12) of its webhook body, and an example."""

    type: str = Field(examples=["project.stage_changed"])
    subject: str = Field(description="What `subject.type` says.", examples=["project"])
    service: str = Field(description="Whose log the event is in.", examples=["registry"])
    title: Bilingual
    description: Bilingual
    since: str = Field(description="The first version with this type.", examples=["1.0"])
    body_schema: dict[str, Any] = Field(
        alias="schema", description="JSON Schema of the whole body, envelope and `delivery` included."
    )
    example: dict[str, Any] = Field(description="A body that is valid under `schema`.")


class EventTypes(Output):
    """All types of events, by name."""

    items: list[EventTypeRead]
