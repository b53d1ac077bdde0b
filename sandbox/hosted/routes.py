"""The hosted pages' routes, and the checkout page."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox.controls.desk import Desk
from sandbox.hosted import billing, cardform, views
from sandbox.hosted.answers import form_of, go, html, nothing_here, opened
from sandbox.hosted.cardform import Form
from sandbox.hosted.challenges import Challenges
from sandbox.hosted.onboarding import Onboarding
from sandbox.store import Json
from sandbox.stripe import checkout, paying
from sandbox.stripe.errors import CardError
from sandbox.world import Call

HERE = Path(__file__).parent


def routes(desk: Desk) -> list[Route | Mount]:
    pages, challenges, setup = Pages(desk), Challenges(desk), Onboarding(desk)
    return [
        Mount("/c/static", StaticFiles(directory=HERE / "static")),
        Route("/c/pay/{session}", pages.show, methods=["GET"]),
        Route("/c/pay/{session}", pages.submit, methods=["POST"]),
        Route("/c/pay/{session}/return", pages.came_back, methods=["GET"]),
        Route("/c/authorize/{intent}", challenges.show, methods=["GET"]),
        Route("/c/authorize/{intent}", challenges.answer, methods=["POST"]),
        Route("/c/setup/{ticket}", setup.open, methods=["GET"]),
        Route("/c/setup/{ticket}/{visit}", setup.show, methods=["GET"]),
        Route("/c/setup/{ticket}/{visit}", setup.submit, methods=["POST"]),
        Route("/c/receipts/{intent}", pages.receipt, methods=["GET"]),
        *billing.routes(desk),
    ]


class Pages:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _session(self, request: Request) -> tuple[Call, Json] | None:
        return opened(self.desk, request, request.path_params["session"], "checkout.session")

    async def show(self, request: Request) -> Response:
        found = self._session(request)
        if found is None:
            return nothing_here()
        return self._page(*found, Form({}))

    def _page(self, call: Call, session: Json, form: Form, notice: str | None = None) -> Response:
        if session["status"] != "open":
            return html("closed.html", **views.closed(call, session))
        status = 422 if form.errors else 402 if notice else 200
        return html("checkout.html", status, **views.checkout(call, session, form, notice))

    async def submit(self, request: Request) -> Response:
        raw = await form_of(request)
        found = self._session(request)
        if found is None:
            return nothing_here()
        call, session = found
        if session["status"] == "complete":
            return go(paying.success_url(session))
        if session["status"] != "open":
            return self._page(call, session, Form({}))
        if raw.get("attempt", "") != str(session["_"]["attempts"]):
            return self._second_submit(call, session)
        form = cardform.parse(call, session, raw)
        if form.errors:
            return self._page(call, session, form)
        return self._pay(call, session, form)

    def _second_submit(self, call: Call, session: Json) -> Response:
        """The same form sent twice: shows where the first one led, pays nothing."""
        intent = paying.intent_of(call, session)
        if intent and intent["status"] == "requires_action":
            return go(intent["_"]["authorize_url"])
        return self._page(call, session, Form({}), last_error(intent))

    def _pay(self, call: Call, session: Json, form: Form) -> Response:
        payer = cardform.payer(form)
        with call.store.transaction():
            if checkout.is_free(session):
                paying.complete_free(call, session, payer)
                return go(paying.success_url(session))
            try:
                method = cardform.tender_of(call, form)
            except CardError as error:
                form.errors["number"] = error.message
                return self._page(call, session, form)
            intent = paying.attempt(call, session, method, payer, save=form.save)
        if intent["status"] == "requires_action":
            return go(intent["_"]["authorize_url"])
        return self._after(call, session["id"], intent, form)

    def _after(self, call: Call, session_id: str, intent: Json, form: Form) -> Response:
        session = call.get(session_id, "checkout.session")
        if session["status"] == "complete":
            return go(paying.success_url(session))
        return self._page(call, session, form, last_error(intent))

    async def came_back(self, request: Request) -> Response:
        """From the challenge or the wallet: on to the merchant, or back to the form."""
        found = self._session(request)
        if found is None:
            return nothing_here()
        call, session = found
        intent = paying.intent_of(call, session)
        if session["status"] == "complete":
            return go(paying.success_url(session))
        return self._page(call, session, Form({}), last_error(intent))

    async def receipt(self, request: Request) -> Response:
        found = opened(self.desk, request, request.path_params["intent"], "payment_intent")
        return html("receipt.html", **views.receipt(*found)) if found else nothing_here()


def last_error(intent: Json | None) -> str | None:
    error = paying.last_error(intent)
    return error["message"] if error else None
