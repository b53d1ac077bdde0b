"""What the measurements are played on: databases of their own, and programs as separate processes."""

import asyncio
import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from kit.database.migrate import migrate

ROOT = Path(__file__).parent.parent
DEFAULT_DATABASE = "postgres://postgres@127.0.0.1:5432/postgres"
WEBHOOK_SECRET = "whsec_bench_" + secrets.token_hex(12)
_PATIENCE = 30.0


class BenchError(Exception):
    """The bench itself is broken, or something that it needs is missing: the message says what."""


class Program:
    """One process that listens on a port of its own, and what the operating system says of it."""

    def __init__(self, name: str, log: Path, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.name, self.log, self.port = name, log, port
        self._process = process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def resident_kib(self) -> int:
        """Memory in use, in KiB."""
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self._process.pid)], capture_output=True, check=True)
        return int(told.stdout)

    def cpu_seconds(self) -> float:
        """Processor time used so far; 0 where the system does not tell it this way."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def answers(self) -> None:
        """Returns when the port is open; raises BenchError with the end of the log."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while asyncio.get_running_loop().time() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise BenchError(f"{self.name} does not answer. The end of its log:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class Stage:
    """Everything that the parts share. Each part takes databases and programs from here and gives them back."""

    admin_url: str
    redis_url: str
    directory: Path
    merchant_id: str = ""
    keys: list[str] = field(default_factory=list)
    template: str = ""
    _made: list[str] = field(default_factory=list)

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """A fresh database with the product's schema and the bench's merchant; yields its URL."""
        name = await self._create(self.template)
        try:
            yield self.url_of(name)
        finally:
            await self._drop(name)

    async def prepare(self) -> None:
        """Migrates the database that the others are copies of, and makes a merchant with its keys there."""
        self.template = await self._create()
        url = self.url_of(self.template)
        await migrate(url)
        env = {"DATABASE_URL": url, **self.production("http://127.0.0.1:1")}
        made = _said(["merchant", "create", "--name", "Bench"], env)
        self.merchant_id, self.keys = made["merchantId"], [made["secretKey"]]

    def more_keys(self, url: str, count: int) -> list[str]:
        """Secret keys of the merchant, for what is limited per key."""
        env = {"DATABASE_URL": url, **self.production("http://127.0.0.1:1")}
        return self.keys + [_said(["key", "create", self.merchant_id], env)["key"] for _ in range(count - 1)]

    async def clear(self) -> None:
        for name in list(self._made):
            await self._drop(name)

    def production(self, psp_url: str) -> dict[str, str]:
        """The settings of `serve` and `worker`, as an operator gives them."""
        return {
            "REDIS_URL": self.redis_url,
            "STRIPE_SECRET_KEY": "sk_test_bench",
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_API_BASE": psp_url,
            "DATA_DIR": str(self.directory),
        }

    @contextlib.asynccontextmanager
    async def program(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], *, port: int | None = None
    ) -> AsyncIterator[Program]:
        """Runs `python ARGV...` with `{port}` filled in, from when it answers until the block ends."""
        chosen = port or free_port()
        log = self.directory / f"{name}-{chosen}.log"
        command = [sys.executable, *(part.replace("{port}", str(chosen)) for part in argv)]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=_clean(env, chosen), stdout=output, stderr=output)
        program = Program(name, log, process, chosen)
        try:
            if "worker" not in argv:  # which listens nowhere
                await program.answers()
            yield program
        finally:
            program.stop()

    def serve(self, database_url: str, psp_url: str) -> contextlib.AbstractAsyncContextManager[Program]:
        """The API, one process, as in production."""
        env = {"DATABASE_URL": database_url, **self.production(psp_url)}
        return self.program("paygraph", ["main.py", "serve"], env)

    def worker(self, database_url: str, psp_url: str) -> contextlib.AbstractAsyncContextManager[Program]:
        env = {"DATABASE_URL": database_url, **self.production(psp_url)}
        return self.program("worker", ["main.py", "worker"], env)

    def sandbox(self) -> contextlib.AbstractAsyncContextManager[Program]:
        """The PSP."""
        return self.program("sandbox", ["main.py", "sandbox", "--port", "{port}"], {})

    def comparator(
        self, name: str, database_url: str = "", psp_url: str = ""
    ) -> contextlib.AbstractAsyncContextManager[Program]:
        """One of bench.comparators, under the same server with the same settings as the API."""
        env = {"DATABASE_URL": database_url, "WEBHOOK_SECRET": WEBHOOK_SECRET, "PSP_URL": psp_url}
        return self.program(name, ["-m", "bench.comparators", name, "{port}"], env)

    async def _create(self, template: str | None = None) -> str:
        name = f"paygraph_bench_{os.getpid()}_{secrets.token_hex(3)}"
        copied = f' TEMPLATE "{template}"' if template else ""
        connection = await self._admin()
        try:
            await connection.execute(f'CREATE DATABASE "{name}"{copied}')
        finally:
            await connection.close()
        self._made.append(name)
        return name

    async def _drop(self, name: str) -> None:
        connection = await self._admin()
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await connection.close()
        if name in self._made:
            self._made.remove(name)

    async def _admin(self) -> Any:
        try:
            return await asyncpg.connect(self.admin_url)
        except (OSError, asyncpg.PostgresError) as error:
            shown = re.sub(r":[^:@/]*@", "@", self.admin_url)
            raise BenchError(f"PostgreSQL does not answer at {shown} ({error}). Set BENCH_DATABASE_URL.") from None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _clean(env: Mapping[str, str], port: int) -> dict[str, str]:
    """Only what is set here reaches the programs, not what happens to be set around the bench."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, **env, "PORT": str(port), "PYTHONUNBUFFERED": "1"}


def _said(arguments: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    """What a command of the product prints."""
    done = subprocess.run(
        [sys.executable, "main.py", *arguments], cwd=ROOT, env=_clean(env, 8000), capture_output=True, check=False
    )
    if done.returncode:
        raise BenchError(f"main.py {' '.join(arguments)} failed: {done.stderr.decode()[-500:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
