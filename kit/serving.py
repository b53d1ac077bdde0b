"""Runs uvicorn servers inside our own event loop, and stops them in order."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator

import uvicorn
from starlette.types import ASGIApp


class PortTaken(Exception):
    """Somebody else listens there, or we may not."""

    def __init__(self, host: str, port: int, error: OSError) -> None:
        super().__init__(f"Cannot listen on {host} port {port}: {error.strerror}. Set HOST and PORT to choose another.")


class _Server(uvicorn.Server):
    """Signals are the process's affair: with two servers in it neither may take them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """One server, listening from `start` to `stop`. `dated`: its answers say our time; an app with a clock of its own
    says that one."""

    def __init__(self, app: ASGIApp, host: str, port: int, *, lifespan: bool = False, dated: bool = True) -> None:
        self._host, self._port = host, port
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="on" if lifespan else "off",
                http="httptools",
                # An idle socket costs 47 KiB with this protocol and without deflate, up to 149 with it.
                ws="websockets-sansio",
                ws_per_message_deflate=False,
                ws_ping_interval=None,  # the API's own protocol has its heartbeat
                ws_max_size=128 * 1024,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=dated,
                timeout_keep_alive=20,
                timeout_graceful_shutdown=5,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the server answers; raises PortTaken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Named as TCP: asyncio sets TCP_NODELAY on no other socket, and each answer would come 40 ms late.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
        except OSError as error:
            listener.close()
            raise PortTaken(self._host, self._port, error) from None
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Takes no more requests and lets those that run end, for up to 5 seconds."""
        self._server.should_exit = True
        if self._task:
            await self._task

    async def __aenter__(self) -> "Serving":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


async def until_stopped(say_goodbye: Callable[[], Awaitable[None]] | None = None) -> None:
    """Waits for SIGINT or SIGTERM, then calls `say_goodbye`."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    await stopped.wait()
    if say_goodbye:
        await say_goodbye()
