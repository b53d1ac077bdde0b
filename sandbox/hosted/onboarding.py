"""The page that an account link leads to: whoever owns a connected account tells Stripe about it, or does not."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response

from sandbox.controls.desk import Desk
from sandbox.hosted.answers import form_of, go, html, nothing_here, opened
from sandbox.store import Json
from sandbox.stripe.connect import accounts, banks, onboarding
from sandbox.stripe.errors import InvalidParameter
from sandbox.world import Call


class Onboarding:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _ticket(self, request: Request) -> tuple[Call, Json, Json] | None:
        """The call, the link and its account."""
        found = opened(self.desk, request, request.path_params["ticket"], "account_link")
        account = accounts.known(found[0], found[1]["_"]["subject"]) if found else None
        return (*found, account) if found and account else None

    def _visited(self, request: Request) -> tuple[Call, Json, Json] | None:
        """The same, for the one visit that the link was good for."""
        found = self._ticket(request)
        if found is None or not found[1]["_"]["visit"]:
            return None
        key = request.path_params["visit"]
        return found if hmac.compare_digest(found[1]["_"]["visit"].encode(), key.encode()) else None

    async def open(self, request: Request) -> Response:
        """A link is good for one visit, for a few minutes; after that it leads to where another one is made."""
        found = self._ticket(request)
        if found is None:
            return nothing_here()
        call, ticket, _ = found
        visit = onboarding.visit(call, ticket)
        return go(f"/c/setup/{ticket['id']}/{visit}" if visit else ticket["_"]["refresh_url"])

    async def show(self, request: Request) -> Response:
        found = self._visited(request)
        return _page(*found) if found else nothing_here()

    async def submit(self, request: Request) -> Response:
        raw = await form_of(request)
        found = self._visited(request)
        if found is None:
            return nothing_here()
        call, ticket, account = found
        outcome, number = raw.get("outcome"), str(raw.get("number") or "").strip()[:40]
        if outcome == "refresh":
            return go(ticket["_"]["refresh_url"])
        if outcome not in onboarding.OUTCOMES:
            return _page(call, ticket, account)
        try:
            with call.store.transaction():
                onboarding.submit(call, account, outcome, number if outcome == "complete" else None)
        except InvalidParameter:
            return _page(call, ticket, account, number)
        return go(ticket["_"]["return_url"])


def _page(call: Call, ticket: Json, account: Json, wrong: str | None = None) -> Response:
    visit = ticket["_"]["visit"]
    numbers = [{"number": each, "title": _title(code)} for each, code in banks.numbers(account["default_currency"])]
    context = {
        "platform": call.world.settings.merchant_name,
        "account": account["id"],
        "name": account["business_profile"]["name"] or account["email"],
        "country": account["country"],
        "due": account["requirements"]["currently_due"],
        "action": f"/c/setup/{ticket['id']}/{visit}",
        "numbers": numbers,
        "number": wrong if wrong is not None else numbers[0]["number"],
        "wrong": wrong is not None,
    }
    return html("onboarding.html", 422 if wrong is not None else 200, **context)


def _title(code: str | None) -> str:
    return f"Payouts fail: {code.replace('_', ' ')}" if code else "Payouts arrive"
