"""What the hosted pages share: locked-down HTML answers, submitted forms, objects by their public id."""

from __future__ import annotations

from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sandbox.controls.desk import Desk, Unknown, locate, payer_call
from sandbox.hosted import views
from sandbox.store import Json
from sandbox.stripe import params
from sandbox.stripe.errors import StripeError
from sandbox.wire import base_url, read_body
from sandbox.world import Call

SECURITY = {
    # no form-action: browsers apply it to the redirect after the form too, and that leads to the merchant's pages
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def html(name: str, status: int = 200, /, **context: Any) -> Response:
    return HTMLResponse(views.render(name, **context), status, SECURITY)


def go(url: str) -> Response:
    return RedirectResponse(url, 303, {"Cache-Control": "no-store"})


def nothing_here() -> Response:
    return html("message.html", 404, title="Page not found", text="This link leads nowhere, or no longer.")


async def form_of(request: Request) -> Json:
    """The submitted fields; nonsense is an empty form."""
    try:
        return params.decode((await read_body(request)).decode("utf-8"))
    except (StripeError, UnicodeDecodeError, ClientDisconnect):
        return {}


def opened(desk: Desk, request: Request, identifier: str, kind: str) -> tuple[Call, Json] | None:
    """A payer's call and the object of that kind; None if there is none."""
    try:
        livemode, document = locate(desk.world, identifier, kind)
    except Unknown:
        return None
    return payer_call(desk, livemode, base_url(request, desk.public_url)), document
