"""Migrations, one process at a time."""

import asyncio
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
from tortoise.context import TortoiseContext

from kit.database import reading
from kit.database.connect import connection_config
from kit.database.migrate import _lock, migrate
from tests.kit.models import Thing

pytestmark = pytest.mark.anyio


async def test_three_processes_start_at_once_and_one_migrates(empty_database: str) -> None:
    command = [sys.executable, "-m", "tests.kit.migrating", empty_database]
    processes = [await asyncio.create_subprocess_exec(*command, stdout=PIPE) for _ in range(3)]
    outputs = sorted([(await process.communicate())[0].decode().strip() for process in processes])
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert outputs == ["['0001_initial', '0002_index']", "[]", "[]"]


async def test_migrating_leaves_the_context_of_the_application_alone(database: str) -> None:
    await Thing.create(name="a")
    await reading.execute("DROP TABLE things")
    assert await migrate(database, models=["tests.kit.models"], migrations="tests.kit.migrations") == [
        "0001_initial",
        "0002_index",
    ]
    assert await reading.fetch("SELECT name FROM things") == []


async def test_patience_ends(empty_database: str) -> None:
    connection = connection_config(empty_database)
    async with _lock(connection, patience=1):
        with pytest.raises(TimeoutError, match=r"migrating for 0.1 s"):
            async with _lock(connection, patience=0.1):
                pass
    async with _lock(connection, patience=1):
        pass


async def test_the_directory_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/deep/er/test.db"
    await migrate(url, models=["tests.kit.models"], migrations="tests.kit.migrations")
    async with TortoiseContext() as context:
        apps = {"models": {"models": ["tests.kit.models"], "default_connection": "default"}}
        await context.init(config={"connections": {"default": connection_config(url)}, "apps": apps})
        assert await reading.fetch("PRAGMA foreign_keys") == [{"foreign_keys": 1}]
        assert await reading.fetch("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
