"""Run by tests as a process of its own: `python -m tests.kit.counting URL TIMES` reads a counter, then writes it."""

import asyncio
import sys

from tortoise.context import TortoiseContext

from kit.database.connect import connection_config
from kit.database.unit import Unit, unit_of_work


async def count(url: str, times: int) -> None:
    async with TortoiseContext() as context:
        apps = {"models": {"models": ["tests.kit.models"], "default_connection": "default"}}
        await context.init(config={"connections": {"default": connection_config(url)}, "apps": apps})
        for _ in range(times):
            await unit_of_work(increment)


async def increment(unit: Unit) -> None:
    row = await unit.fetch_one("SELECT count FROM things WHERE name = $1 FOR UPDATE", "counter")
    assert row is not None
    await asyncio.sleep(0.0005)
    await unit.execute("UPDATE things SET count = $1 WHERE name = $2", row["count"] + 1, "counter")


if __name__ == "__main__":
    asyncio.run(count(sys.argv[1], int(sys.argv[2])))
