"""The controls' routes, their errors and their documentation."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.controls import (  # noqa: F401  (they register controls)
    billing,
    connect,
    disturbances,
    payments,
    risk,
    time_and_state,
)
from sandbox.controls.desk import TABLE, Control, Desk, Unknown
from sandbox.controls.forms import BadInput, refuse


def routes(desk: Desk) -> list[Route]:
    made = [Route(path, _serve(desk, run), methods=[method]) for method, path, run in TABLE]
    return [Route("/sandbox/", documentation), Route("/sandbox", documentation), *made]


def _serve(desk: Desk, run: Control) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            return JSONResponse(await run(desk, request))
        except BadInput as error:
            return refuse(400, str(error))
        except Unknown as error:
            return refuse(404, str(error))
        except ClientDisconnect:
            return refuse(400, "the request was not finished")

    return serve


async def documentation(request: Request) -> Response:
    """What the controls are."""
    controls = [
        {"method": method, "path": path, "does": " ".join((inspect.getdoc(run) or "").split())}
        for method, path, run in TABLE
    ]
    return JSONResponse(
        {
            "what": "A sandbox PSP that speaks Stripe's API on /v1. No real money. These are its controls.",
            "bodies": 'JSON objects; errors are {"error": message} with status 400 or 404',
            "controls": controls,
        }
    )


async def front_door(request: Request) -> Response:
    return RedirectResponse("/sandbox/", 307)
