"""HTTP of the sandbox's clock."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.registry.sandbox_clock import service
from services.registry.sandbox_clock.follower import EXTRA, ClockFollower
from services.registry.sandbox_clock.schemas import ClockAdvance, ClockRead
from shared.web.access import Access, ReadAccess, Reads, WriteAccess, Writes
from shared.web.strictness import StrictRoute

router = APIRouter(prefix="/v1/sandbox/clock", route_class=StrictRoute, tags=["sandbox"])

Read = Annotated[ReadAccess, Depends(Reads("registry:sandbox:read"))]
Write = Annotated[WriteAccess, Depends(Writes("registry:sandbox:write"))]


@router.get("", response_model=ClockRead, operation_id="getSandboxClock")
async def get_clock(access: Read) -> Response:
    """Read what time it is in registry, and whether that can be moved."""
    return access.item(service.read_clock(movable=_movable(access)))


@router.post("", response_model=ClockRead, operation_id="advanceSandboxClock")
async def advance_clock(body: ClockAdvance, access: Write) -> Response:
    """Put the time of registry forward, so that what waits for it becomes due now.

    Only a sandbox has a movable clock; elsewhere this is `409 clock_not_movable`.
    """
    async with access as tx:
        record = await service.advance(tx, body.advance_s, movable=_movable(access))
        return access.updated(record)


def _movable(access: Access) -> bool:
    follower: ClockFollower = access.state.extra[EXTRA]
    return follower.movable
