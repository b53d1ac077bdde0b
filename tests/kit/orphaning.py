"""Run by tests as a process of its own: starts an embedded Redis in the given directory and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from kit.embedded_redis import EmbeddedRedis


async def run(directory: Path) -> None:
    redis = EmbeddedRedis(directory)
    await redis.start()
    assert redis._process
    print(redis._process.pid, redis._sockets, flush=True)
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
