"""A supervisor in a process of its own, for the tests that kill it. stack_process.py PORT [MANNER]"""

import asyncio
import sys
from pathlib import Path

from deploy.local import LocalStack, StackInterruptedError
from deploy.local.services import Service

FAKE = str(Path(__file__).with_name("fake_service.py"))


async def main(port: int, *manner: str) -> None:
    fake = Service("alpha", [sys.executable, FAKE, str(port), *manner], port, {})
    async with LocalStack(services=[fake], log_to=sys.stdout) as stack:
        print("up", flush=True)
        await stack.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
    except StackInterruptedError as reason:
        print("interrupted by", reason, flush=True)
