"""Messages read and refused as the REST API reads and refuses bodies."""

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from services.registry.inbound.commands import COMMANDS
from services.registry.inbound.mapping import Draft
from shared.errors import DomainError, FieldError
from shared.types import Input
from shared.web.problems import validation_error
from shared.web.strictness import parse_json

_MAX_PROBLEMS = 50


def document_of(body: bytes) -> Any:
    """Return the JSON document of a message, or raise what is wrong with it."""
    return parse_json(body)


def command_body(draft: Draft, body: dict[str, Any]) -> Input:
    """Return the body of the command, or raise its problems with where in the message they come from."""
    try:
        return COMMANDS[draft.command].model.model_validate(body)
    except ValidationError as error:
        entries = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_url=False)]
        problem = validation_error([dict(entry) for entry in entries])
        problem.errors = [_with_source(entry, draft) for entry in problem.errors]
        raise problem from None


def problems_of(error: DomainError) -> list[dict[str, Any]]:
    """Return a refusal as it is kept: itself, then each of its reasons."""
    whole = FieldError(error.code, error.detail_en or error.title_en, error.detail_zh or error.title_zh)
    return [
        {
            "code": entry.code,
            "detail_en": entry.detail_en,
            "detail_zh": entry.detail_zh,
            "pointer": entry.pointer,
            "params": entry.params,
        }
        for entry in [whole, *error.errors[:_MAX_PROBLEMS]]
    ]


def _with_source(entry: FieldError, draft: Draft) -> FieldError:
    pointer = entry.pointer or ""
    while pointer and pointer not in draft.sources:
        pointer = pointer.rpartition("/")[0]
    if not pointer:
        return entry
    return replace(entry, params={**entry.params, "source": draft.sources[pointer]})
