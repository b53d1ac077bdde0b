"""The pages of Billing: an invoice that its payer pays or confirms, and the portal where a card is replaced."""

from __future__ import annotations

import hmac
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.controls.desk import Desk
from sandbox.hosted import cardform, views
from sandbox.hosted.answers import form_of, go, html, nothing_here, opened
from sandbox.hosted.cardform import Form
from sandbox.store import Json
from sandbox.stripe import methods, paying, setups
from sandbox.stripe.billing import collection, invoices, portal
from sandbox.stripe.errors import CardError
from sandbox.world import Call

EVERY_REDISPLAY = {"allow_redisplay_filters": ["always", "limited", "unspecified"]}


def routes(desk: Desk) -> list[Route]:
    bills, doors = Invoices(desk), Portal(desk)
    return [
        Route("/c/invoices/{invoice}", bills.show, methods=["GET"]),
        Route("/c/invoices/{invoice}", bills.submit, methods=["POST"]),
        Route("/c/portal/{session}", doors.show, methods=["GET"]),
        Route("/c/portal/{session}", doors.submit, methods=["POST"]),
    ]


class Invoices:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _invoice(self, request: Request) -> tuple[Call, Json] | None:
        found = opened(self.desk, request, request.path_params["invoice"], "invoice")
        if found is None:
            return None
        key = request.query_params.get("key", "")
        return found if hmac.compare_digest(invoices.page_key(*found).encode(), key.encode()) else None

    async def show(self, request: Request) -> Response:
        found = self._invoice(request)
        return self._page(*found, Form({})) if found else nothing_here()

    def _page(self, call: Call, invoice: Json, form: Form) -> Response:
        if invoice["status"] not in ("open", "uncollectible"):
            return html("closed.html", **views.closed_invoice(call, invoice))
        intent = collection.intent_of(call, invoice)
        error = paying.last_error(intent) if intent and intent["_"].get("on_page") else None
        notice = error["message"] if error else None
        status = 422 if form.errors else 402 if notice else 200
        page = views.invoice(call, invoice, _visit(call, invoice), form, notice)
        return html("checkout.html", status, **page)

    async def submit(self, request: Request) -> Response:
        raw = await form_of(request)
        found = self._invoice(request)
        if found is None:
            return nothing_here()
        call, invoice = found
        intent = collection.intent_of(call, invoice)
        if invoice["status"] not in ("open", "uncollectible") or intent is None:
            return self._page(call, invoice, Form({}))
        form = cardform.parse(call, _visit(call, invoice), raw)
        if form.errors:
            return self._page(call, invoice, form)
        with call.store.transaction():
            method = _tender(call, form)
            if method is None:
                return self._page(call, invoice, form)
            intent["_"] |= {"return_url": invoices.hosted_url(call, invoice), "on_page": True}
            call.save(intent)
            intent = collection.pay(call, invoice, method, off_session=False)
        if intent and intent["status"] == "requires_action":
            return go(intent["_"]["authorize_url"])
        return self._page(call, call.get(invoice["id"], "invoice"), form)


class Portal:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _session(self, request: Request) -> tuple[Call, Json] | None:
        return opened(self.desk, request, request.path_params["session"], "billing_portal.session")

    async def show(self, request: Request) -> Response:
        found = self._session(request)
        return self._page(*found, Form({})) if found else nothing_here()

    def _page(self, call: Call, session: Json, form: Form, notice: str | None = None) -> Response:
        status = 422 if form.errors else 402 if notice else 200
        visit = _portal_visit(session)
        return html("checkout.html", status, **views.portal(call, session, visit, form, notice, portal.onward(session)))

    async def submit(self, request: Request) -> Response:
        raw = await form_of(request)
        found = self._session(request)
        if found is None:
            return nothing_here()
        call, session = found
        form = cardform.parse(call, _portal_visit(session), raw)
        if form.errors:
            return self._page(call, session, form)
        with call.store.transaction():
            method = _tender(call, form)
            if method is None:
                return self._page(call, session, form)
            setup = portal.save_method(call, session, method)
        if setup["status"] == "requires_action":
            return go(setup["_"]["authorize_url"])
        error = paying.last_error(setup)
        if error:
            return self._page(call, session, form, error["message"])
        return go(portal.onward(session) or session["url"])


def _tender(call: Call, form: Form) -> Json | None:
    """The PaymentMethod of a form; None, and an error in the form, for a card that can't be one."""
    try:
        return cardform.tender_of(call, form)
    except CardError as error:
        form.errors["number"] = error.message
        return None


def _visit(call: Call, invoice: Json) -> Json:
    """What of a checkout session the payment form asks for, for an invoice."""
    offered = methods.available(invoice["currency"], allowed=None, excluded=[])
    return {
        "amount_total": invoice["amount_remaining"],
        "customer": invoice["customer"],
        "customer_creation": None,
        "customer_email": invoice["customer_email"],
        "mode": "payment",
        "payment_method_types": offered,
        "saved_payment_method_options": EVERY_REDISPLAY,
    }


def _portal_visit(session: Json) -> dict[str, Any]:
    """As _visit, for the portal: a card is saved, and nothing is paid."""
    return {
        "amount_total": None,
        "customer": session["customer"],
        "customer_creation": None,
        "customer_email": None,
        "mode": "setup",
        "payment_method_types": setups.offered(None, None, []),
        "saved_payment_method_options": None,
    }
