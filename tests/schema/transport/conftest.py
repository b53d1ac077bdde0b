"""A toy API behind a test client, and behind a real server where only that will do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from tests.schema.transport.toy import Toy

Serve = Callable[[Toy], AbstractAsyncContextManager[int]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def open_client() -> Iterator[Callable[..., TestClient]]:
    """Makes a client of a toy, with `toy` as an attribute."""
    with ExitStack() as stack:

        def make(**options: Any) -> TestClient:
            toy = Toy(**options)
            client = stack.enter_context(TestClient(toy.app))
            client.toy = toy  # type: ignore[attr-defined]
            return client

        yield make


@pytest.fixture
def client(open_client: Callable[..., TestClient]) -> TestClient:
    return open_client()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
def serve() -> Serve:
    """Serves a toy over TCP; yields the port."""

    @asynccontextmanager
    async def run(toy: Toy) -> AsyncIterator[int]:
        config = uvicorn.Config(
            toy.app,
            port=0,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=3,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield server.servers[0].sockets[0].getsockname()[1]
        finally:
            await toy.endpoint.shutdown()
            server.should_exit = True
            await task

    return run
