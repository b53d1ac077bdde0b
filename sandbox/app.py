"""Puts the sandbox together: /v1 (Stripe's API), /c (its hosted pages), /sandbox (our controls)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import clock
from sandbox.controls import table
from sandbox.controls.desk import Desk
from sandbox.hosted import routes as hosted
from sandbox.store import Store
from sandbox.stripe.api import Api
from sandbox.stripe.errors import ServerError
from sandbox.webhooks import Sender
from sandbox.wire import LostConnection, NoAnswer
from sandbox.world import World

EVERY_METHOD = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"]


class Sandbox(Starlette):
    """Remembers the server's own `send`, by which NoAnswer finds the connection to close."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["sandbox.send"] = send
        await super().__call__(scope, receive, send)


def create_app(*, state: Path | None = None, public_url: str | None = None, webhook_timeout: float = 10.0) -> Starlette:
    """The sandbox PSP as an ASGI app; its lifespan runs the clock and the webhook sender.

    `state` is the SQLite file to remember in (None: memory). `public_url` is where payers reach it (None: the
    request's Host). `webhook_timeout` is in seconds.
    """
    world = World(Store(state))
    sender = Sender(world, webhook_timeout)
    api = Api(world, public_url)
    desk = Desk(world, sender, public_url)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        sender.start()
        keeper = asyncio.create_task(clock.keep_time(world, sender))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            await sender.stop()
            world.store.close()

    async def v1(request: Request) -> Response:
        try:
            return await api(request)
        except LostConnection:
            return NoAnswer()

    app = Sandbox(
        routes=[
            Route("/v1/{rest:path}", v1, methods=EVERY_METHOD),
            Route("/v1", v1, methods=EVERY_METHOD),
            *hosted.routes(desk),
            *table.routes(desk),
            Route("/", table.front_door),
        ],
        lifespan=lifespan,
        exception_handlers={Exception: _broken},
    )
    app.state.world = world
    return app


async def _broken(request: Request, error: Exception) -> Response:
    """Our own mistake, told in Stripe's words; the server logs the traceback."""
    told = ServerError("An unexpected error occurred in the sandbox.")
    return JSONResponse(told.body("req_none"), 500)
