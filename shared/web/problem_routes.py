"""The list of all problems a service can answer with: what the ``type`` of a problem document refers to."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from pydantic import BaseModel
from pydantic_core import to_json

from shared.errors import DomainError
from shared.web.access import PUBLIC
from shared.web.problems import STATUS_PROBLEMS
from shared.web.strictness import StrictRoute


class ProblemKind(BaseModel):
    """One kind of refusal. ``code`` never changes; the titles may."""

    code: str
    status: int
    title_en: str
    title_zh: str
    description: str


class ProblemKinds(BaseModel):
    """Every kind of refusal of this service, by code."""

    items: list[ProblemKind]


def problem_kinds() -> ProblemKinds:
    """Return the kinds the errors of this process declare, and those a bare status stands for."""
    kinds = {
        code: ProblemKind(code=code, status=status, title_en=english, title_zh=chinese, description=english)
        for status, (code, english, chinese) in STATUS_PROBLEMS.items()
    }
    for error in _descendants(DomainError):
        # Classes made at run time for one answer have no docstring of their own.
        if error.__doc__ and error.status >= 400:
            kinds[error.code] = ProblemKind(
                code=error.code,
                status=error.status,
                title_en=error.title_en,
                title_zh=error.title_zh,
                description=" ".join(error.__doc__.split()),
            )
    return ProblemKinds(items=[kinds[code] for code in sorted(kinds)])


def _descendants(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def problem_router() -> APIRouter:
    """Return ``GET /v1/problems``."""
    router = APIRouter(route_class=StrictRoute, tags=["problems"])

    @router.get(
        "/v1/problems", response_model=ProblemKinds, operation_id="listProblems", openapi_extra=PUBLIC
    )
    async def list_problems() -> Response:
        """List every code a refusal of this service can carry."""
        headers = {"Cache-Control": "public, max-age=3600"}
        return Response(to_json(problem_kinds()), headers=headers, media_type="application/json")

    return router
