"""`python -m bench.comparators NAME PORT` serves a comparator exactly as the product is served."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvloop

from bench.comparators import bare, raw, receiver
from kit.serving import Serving, until_stopped

APPS: Mapping[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
    "raw": raw.create_app,
    "bare": bare.create_app,
    "receiver": receiver.create_app,
}


async def _serve(name: str, port: int) -> None:
    async with APPS[name]() as app, Serving(app, "127.0.0.1", port):
        await until_stopped()


if __name__ == "__main__":
    (uvloop.run if sys.platform != "win32" else asyncio.run)(_serve(sys.argv[1], int(sys.argv[2])))
