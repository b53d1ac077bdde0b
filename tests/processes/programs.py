"""The product as it is deployed: separate processes, started through the command line, that can be killed.

PostgreSQL is used where TEST_DATABASE_URL names a server, else SQLite; Redis is a server of our own.
"""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx

from kit.embedded_redis import find_server
from tests import invariants
from tests.post_office import PostOffice, open_post_office
from tests.town import Shop, database_url, eventually, free_port

ROOT = Path(__file__).resolve().parents[2]
STRIPE_KEY = "sk_test_processes"
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_WAITING = (
    *(("payments", "asked_at"), ("payments", "inquire_at"), ("refunds", "ask_at")),
    *(("mails", "try_at"), ("webhook_endpoints", "busy_until"), ("shares", "ask_at"), ("vendors", "inquire_at")),
)


class Program:
    """A process that can be started again after it was killed. What it says goes to `log`."""

    def __init__(self, log: Path, command: Sequence[str], env: dict[str, str], ready: str) -> None:
        self.log, self._command, self._env, self._ready = log, command, env, ready
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> "Program":
        """Starts it and does not wait; see `wait`."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def wait(self) -> "Program":
        """Until it says that it is ready."""
        eventually(lambda: not self.alive or self._ready in self.said(), timeout=60)
        assert self.alive, self.said()
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, timeout: float = 20) -> float:
        """SIGTERM; returns after how many seconds it was gone."""
        assert self.process is not None
        started = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(timeout)
        finally:
            self.process.kill()
        return time.monotonic() - started


def main(folder: Path, name: str, command: Sequence[str], ready: str, **env: str) -> Program:
    """A command of main.py, with nothing but these settings."""
    return Program(
        folder / f"{name}.log",
        [sys.executable, str(ROOT / "main.py"), *command],
        {"PATH": os.environ["PATH"], "LOG_LEVEL": "WARNING", "PYTHONDONTWRITEBYTECODE": "1", **env},
        ready,
    )


def redis_server(folder: Path, port: int) -> Program:
    """A Redis that remembers across its restarts."""
    binary = find_server()
    assert binary is not None, "there is no redis-server here"
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "appendfsync": "always"}
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    return Program(folder / "redis.log", [binary, *arguments, "--save", ""], {}, "eady to accept connections")


@dataclass
class Town:
    """Two servers, a worker, a Redis, a database and a sandbox PSP. The PSP's webhooks go to the first server."""

    folder: Path
    database_url: str
    http: httpx.Client
    redis: Program
    redis_url: str
    sandbox_url: str = ""
    webhook_secret: str = ""
    psp: Program = field(init=False)
    servers: list[Program] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    worker: Program = field(init=False)
    post_office: PostOffice = field(init=False)

    @property
    def programs(self) -> list[Program]:
        return [self.redis, self.psp, *self.servers, self.worker]

    @property
    def graphql_url(self) -> str:
        return f"{self.addresses[0]}/graphql"

    @property
    def graphql_urls(self) -> list[str]:
        return [f"{address}/graphql" for address in self.addresses]

    def sandbox(self, verb: str, path: str, /, **body: Any) -> Any:
        """One of the sandbox's controls."""
        response = self.http.request(verb, f"{self.sandbox_url}/sandbox{path}", json=body or None)
        assert response.status_code == 200, response.text
        return response.json()

    def calls(self, method: str, path: str) -> list[Any]:
        """The calls that the PSP got."""
        params = {"method": method, "path": path, "limit": 10000}
        return list(self.http.get(f"{self.sandbox_url}/sandbox/calls", params=params).json()["calls"])

    def stripe(self, verb: str, path: str, **form: Any) -> Any:
        """A call to the PSP's own API."""
        headers = {"Authorization": f"Bearer {STRIPE_KEY}"}
        answer = self.http.request(verb, f"{self.sandbox_url}{path}", data=form or None, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def merchant(self) -> Shop:
        """A new merchant, made by the operator's command."""
        command = [sys.executable, str(ROOT / "main.py"), "merchant", "create", "--name", "Shop"]
        env = {"PATH": os.environ["PATH"], "DATABASE_URL": self.database_url, "DATA_DIR": str(self.folder)}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True, timeout=60)
        made = json.loads(done.stdout)
        town: Any = self
        return Shop(town, made["merchantId"], made["secretKeyId"], made["secretKey"], made["publishableKey"])

    def at(self, shop: Shop, number: int) -> Shop:
        """The same merchant, at another server."""
        elsewhere: Any = _At(self, number)
        return Shop(elsewhere, shop.merchant_id, shop.key_id, shop.secret_key, shop.publishable_key)

    def sql(self, statement: str, *args: Any) -> None:
        """A change that only time could make."""
        asyncio.run(_execute(self.database_url, statement, args))

    def leases_are_over(self) -> None:
        """As if minutes had passed: who was asking the PSP is given up, and everything that waits is due."""
        for table, column in _WAITING:
            self.sql(f"UPDATE {table} SET {column} = $1 WHERE {column} IS NOT NULL", _LONG_AGO)

    def everything_runs(self) -> None:
        """Starts what was stopped or killed, and takes every disturbance back."""
        for program in self.programs:
            if program.alive:
                program.send(signal.SIGCONT)
            else:
                program.start()
        for program in self.programs:
            program.wait()
        self.sandbox("DELETE", "/webhooks/rules")
        self.sandbox("DELETE", "/faults")

    def settle(self) -> None:
        """Until the PSP has delivered everything. Its clock is moved to where the next retries are due, but not far:
        sessions are opened with an end by our clock, and it refuses those whose end is near by its own."""
        known = f"{self.sandbox_url}/sandbox/webhooks/deliveries?state=pending"
        assert self.sandbox("POST", "/settle", timeout=20, retries=False)["settled"] is True
        now = self.sandbox("GET", "/state")["now"]
        waiting = {each["event"]: each["next_at"] - now for each in self.http.get(known).json()["deliveries"]}
        soon = [wait for wait in waiting.values() if 0 < wait <= 40]
        if soon:
            self.sandbox("POST", "/clock/advance", seconds=max(soon))
        for event, wait in waiting.items():
            if wait > 40:
                self.sandbox("POST", f"/events/{event}/resend")
        assert self.sandbox("POST", "/settle", timeout=20, retries=False)["settled"] is True

    def check(self) -> None:
        """Every invariant holds, as soon as nothing is under way any more."""
        eventually(lambda: invariants.broken(self.database_url, self.sandbox_url), lambda found: not found, timeout=30)


@dataclass
class _At:
    town: Town
    number: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.town, name)

    @property
    def graphql_url(self) -> str:
        return self.town.graphql_urls[self.number]


async def _execute(url: str, statement: str, args: Sequence[Any]) -> None:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = f"/{(parts.netloc + parts.path).lstrip('/')}"
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as file:
            file.execute(
                statement.replace("$1", "?"), [a.isoformat(" ") if isinstance(a, datetime) else a for a in args]
            )
        return
    connection = await asyncpg.connect(urlunsplit(parts._replace(scheme="postgres")))
    try:
        await connection.execute(statement, *args)
    finally:
        await connection.close()


@contextmanager
def running_town(folder: Path, name: str) -> Iterator[Town]:
    """Starts all of it; ends it with the block."""
    with ExitStack() as stack:
        url = stack.enter_context(_database(folder, name))
        port = free_port()
        redis = redis_server(folder, port)
        town = Town(folder, url, stack.enter_context(httpx.Client(timeout=30)), redis, f"redis://127.0.0.1:{port}/0")
        sandbox_port = free_port()
        town.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        state = ["sandbox", "--port", str(sandbox_port), "--state", str(folder / "sandbox.db")]
        town.post_office = stack.enter_context(open_post_office(free_port()))
        town.psp = main(folder, "sandbox", state, "answers at")
        ports = [free_port(), free_port()]
        town.addresses = [f"http://127.0.0.1:{port}" for port in ports]
        stack.callback(lambda: [program.kill() for program in town.programs])
        town.psp.start()
        redis.start().wait()
        town.psp.wait()
        webhook_url = f"{town.addresses[0]}/webhooks/stripe"
        form = {"url": webhook_url, "enabled_events[0]": "*"}
        town.webhook_secret = town.stripe("POST", "/v1/webhook_endpoints", **form)["secret"]
        connect = {**form, "url": f"{webhook_url}/connect", "connect": "true"}
        connect_secret = town.stripe("POST", "/v1/webhook_endpoints", **connect)["secret"]
        env = {
            "DATA_DIR": str(folder),
            "DATABASE_URL": url,
            "REDIS_URL": town.redis_url,
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "STRIPE_WEBHOOK_SECRET": f"{town.webhook_secret},{connect_secret}",
            "STRIPE_API_BASE": town.sandbox_url,
            "SMTP_URL": f"smtp://127.0.0.1:{town.post_office.port}",
            "MAIL_FROM": "pay@town.example",
            "DEVELOPMENT": "1",  # merchants' servers are on this machine, too
        }
        town.servers = [
            main(folder, f"server{number}", ["serve"], "answers at", **env, PORT=str(port))
            for number, port in enumerate(ports)
        ]
        town.worker = main(folder, "worker", ["worker"], "at work", **env)
        for program in (*town.servers, town.worker):
            program.start()
        for program in (*town.servers, town.worker):
            program.wait()
        yield town


@contextmanager
def _database(folder: Path, name: str) -> Iterator[str]:
    """`database_url` of the other town, whose loop lives no longer than each of its two halves here."""
    holder = database_url(folder, name)
    with asyncio.Runner() as runner:
        url = runner.run(holder.__aenter__())
        try:
            yield url
        finally:
            runner.run(holder.__aexit__(None, None, None))
