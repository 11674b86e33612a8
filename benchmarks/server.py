"""A server process with one target: `python -m benchmarks.server TARGET`, configuration on standard input.

It says on which loopback port it listens and ends when its standard input closes, however its owner ended.
"""

import asyncio
import json
import socket
import sys

import uvicorn

from benchmarks.targets import TARGETS
from shared.logging import configure_logging


async def main() -> None:
    name, config = sys.argv[1], json.loads(sys.stdin.readline())
    configure_logging(name)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(
                TARGETS[name](config),
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=5,
            )
        )
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        print(listener.getsockname()[1], flush=True)

        def end() -> None:
            server.should_exit = True
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())

        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), end)
        await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
