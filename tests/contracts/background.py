"""A service on the event loop of its own thread, and an ASGI door to it for callers on other loops."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from tests.support.services import ServiceUnderTest

Made = TypeVar("Made")


class BackgroundLoop:
    """An event loop on a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Awaitable[Made]) -> Made:
        async def wait() -> Made:
            return await work

        return asyncio.run_coroutine_threadsafe(wait(), self.loop).result()

    def close(self) -> None:
        self.run(_end_what_is_left())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _end_what_is_left() -> None:
    """Let requests that the caller gave up end, so that their connections are closed."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        await asyncio.wait(left, timeout=5)


class Running(Generic[Made]):
    """A service running in the background, what was built for it, and its ASGI door."""

    def __init__(self, background: BackgroundLoop, service: ServiceUnderTest, world: Made) -> None:
        self._background = background
        self.service = service
        self.world = world

    async def door(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        """Pass one request of the caller's loop to the service's loop and the answer back."""
        if scope["type"] != "http":
            raise RuntimeError("the service is running already")
        caller = asyncio.get_running_loop()

        async def receive_here() -> Any:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(receive(), caller))

        async def send_there(message: Any) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(send(message), caller))

        answering = self.service.app(scope, receive_here, send_there)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(answering, self._background.loop))


@contextlib.contextmanager
def in_background(
    build: Callable[[], AbstractAsyncContextManager[tuple[ServiceUnderTest, Made]]],
) -> Iterator[Running[Made]]:
    """Run what ``build`` yields, a service and its world, on a loop of its own."""
    background = BackgroundLoop()
    context = build()
    try:
        service, world = background.run(context.__aenter__())
        try:
            yield Running(background, service, world)
        finally:
            background.run(context.__aexit__(None, None, None))
    finally:
        background.close()
