"""The challenge page: a card's 3DS, or the wallet or bank that a redirect leads to."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from sandbox.controls.desk import Desk
from sandbox.hosted import views
from sandbox.hosted.answers import form_of, go, html, nothing_here, opened
from sandbox.store import Json
from sandbox.stripe import paying
from sandbox.world import Call

WELL = ("succeeded", "processing", "requires_capture")


class Challenges:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _challenged(self, request: Request, key: str) -> tuple[Call, Json] | None:
        identifier = request.path_params["intent"]
        kind = "setup_intent" if identifier.startswith("seti_") else "payment_intent"
        found = opened(self.desk, request, identifier, kind)
        if found is None:
            return None
        secret = found[1]["client_secret"].rsplit("_", 1)[1]
        return found if hmac.compare_digest(secret.encode(), key.encode()) else None

    async def show(self, request: Request) -> Response:
        found = self._challenged(request, request.query_params.get("key", ""))
        if found is None:
            return nothing_here()
        call, intent = found
        if intent["status"] != "requires_action":
            return go(return_url(intent))
        return html("challenge.html", **views.challenge(call, intent, request.query_params["key"]))

    async def answer(self, request: Request) -> Response:
        raw = await form_of(request)
        found = self._challenged(request, str(raw.get("key", "")))
        if found is None:
            return nothing_here()
        call, intent = found
        outcome = raw.get("outcome")
        if outcome in ("complete", "fail"):
            with call.store.transaction():
                paying.finish_action(call, intent, agreed=outcome == "complete")
        return go(return_url(intent))


def return_url(intent: Json) -> str:
    """The session's return step, or the merchant's return_url with what Stripe adds to it."""
    url = intent["_"].get("return_url") or f"/c/receipts/{intent['id']}"
    if any(intent["_"].get(name) for name in ("session", "on_page", "portal")):
        return str(url)
    kind = intent["object"]
    extra = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] in WELL else "failed",
    }
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(extra)}"
