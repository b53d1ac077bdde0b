"""Rows are loaded in batches; who goes away while one is being made leaves the others their answers."""

import asyncio

import pytest
from strawberry.dataloader import DataLoader

from schema.context import _Loader

pytestmark = pytest.mark.anyio


async def loads(kind: type[DataLoader[str, str]], ticks: int) -> str:
    """What the second load gives, when the first is cancelled after so many turns of the loop."""

    async def find(keys: list[str]) -> list[str]:
        return [key.upper() for key in keys]

    loader = kind(find, cache=False)

    async def load(key: str) -> str:
        return await loader.load(key)

    first = asyncio.create_task(load("first"))
    for _ in range(ticks):
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    return await asyncio.wait_for(load("second"), 0.2)


@pytest.mark.parametrize("ticks", range(6))
async def test_a_load_that_is_cancelled_at_any_moment_does_not_keep_the_next_one_waiting(ticks: int) -> None:
    assert await loads(_Loader, ticks) == "SECOND"


async def test_the_stock_loader_still_needs_us() -> None:
    ends = await asyncio.gather(*(loads(DataLoader, ticks) for ticks in range(6)), return_exceptions=True)
    assert any(isinstance(end, TimeoutError) for end in ends), "strawberry has mended it: _Loader can go"
