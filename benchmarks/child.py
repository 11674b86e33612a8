"""The other end of `process.Server.ask`: a process that says its port and then answers lines of JSON."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any


def configuration() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(sys.stdin.readline())
    return content


async def serve(port: int, answer: Callable[[dict[str, Any]], Awaitable[Any]]) -> None:
    """Answer until the standard input closes, however its owner ended."""
    print(port, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await answer(json.loads(line))), flush=True)
