"""The databases the kit is tested on: SQLite always, PostgreSQL when TEST_DATABASE_URL says where."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext

from kit.database.connect import connection_config

SERVER = os.environ.get("TEST_DATABASE_URL")
DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of this process's own, dropped at the end.

    Without TLS: asyncpg complains to the event loop when a connection is cancelled while it negotiates.
    """
    assert SERVER
    name = f"kit_{os.getpid()}"
    asyncio.run(_on_server(f'CREATE DATABASE "{name}"'))
    yield urlsplit(SERVER)._replace(path=f"/{name}", query="sslmode=disable").geturl()
    asyncio.run(_on_server(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _on_server(statement: str) -> None:
    connection = await asyncpg.connect(urlsplit(SERVER or "")._replace(path="/postgres").geturl())
    await connection.execute(statement)
    await connection.close()


@pytest.fixture(params=DATABASES)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/test.db"
    url: str = request.getfixturevalue("postgres_url")
    asyncio.run(_wipe(url))
    return url


async def _wipe(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


@pytest.fixture
async def database(empty_database: str) -> AsyncIterator[str]:
    """A connected database with the tables of tests.kit.models; its URL."""
    EXECUTOR_CACHE.clear()  # it remembers INSERT statements by table, whatever the dialect
    async with TortoiseContext() as context:
        connection = connection_config(empty_database, pool_min=1, pool_max=5)
        apps = {"models": {"models": ["tests.kit.models"], "default_connection": "default"}}
        await context.init(config={"connections": {"default": connection}, "apps": apps})
        await context.generate_schemas()
        yield empty_database
    EXECUTOR_CACHE.clear()
