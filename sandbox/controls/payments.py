"""Controls that act as a payer, or as a merchant in the dashboard."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from sandbox.controls.desk import Desk, control, locate, payer_call
from sandbox.controls.forms import BadInput, Body, read
from sandbox.store import Json
from sandbox.stripe import checkout, methods, paying, refunds, tender
from sandbox.stripe.errors import StripeError
from sandbox.wire import base_url
from sandbox.world import Call, public

OUTCOMES = ("success", "failure", "processing", "abandon")


def method_of(call: Call, body: Body, offered: list[str]) -> tuple[Json, str]:
    """The PaymentMethod that the body describes, and the outcome asked for."""
    type = body.text("method", "card", among=tuple(methods.BY_TYPE))
    outcome = body.text("outcome", "success", among=OUTCOMES)
    three_d_secure = body.text("three_d_secure", "complete", among=("complete", "fail", "abandon"))
    if type not in offered:
        raise BadInput(f"the session offers {', '.join(offered)}, not {type}")
    flow = methods.BY_TYPE[type].flow
    if flow == "card":
        card = body.text("card", "4000000000000002" if outcome == "failure" else "4242424242424242")
        month, year = body.whole("exp_month", 12), body.whole("exp_year", 2050)
        cvc = body.text("cvc", "123")
        token = card.startswith(("pm_", "tok_"))
        made = tender.resolve(call, card) if token else tender.from_card(call, card, month, year, cvc)
        tender.require_usable(made)
        return made, {"fail": "failure", "complete": "success"}.get(three_d_secure, three_d_secure)
    account = body.text("account", None)
    if flow == "delayed" and account is None and outcome in ("failure", "processing"):
        account = _account_for(type, outcome)
    return tender.from_method(call, type, account), outcome


def _account_for(type: str, outcome: str) -> str:
    """A test account with that outcome."""
    wanted = "never" if outcome == "processing" else None
    for number, (result, _) in methods.ACCOUNTS.get(type, {}).items():
        if result == wanted or (wanted is None and isinstance(result, tuple)):
            return number
    raise BadInput(f"{type} has no test account with outcome {outcome}")


@control("POST", "/sandbox/sessions/{id}/pay")
async def pay(desk: Desk, request: Request) -> Any:
    """Pays as a payer would, without the browser. {} pays with 4242..., {"outcome": "failure"} is declined;
    {"card": "4000000000000002"} is any test card or pm_card_ token, or a "pm_..." that the session's customer has
    saved; {"method": "ideal", "outcome": "success" | "failure" | "abandon"} another method (delayed ones also
    "processing", or by their {"account": "AT86..."}); {"three_d_secure": "complete" | "fail" | "abandon"} answers a
    card's challenge; {"email", "name"} are the payer's; {"save": true} ticks the box to keep a new method, if the
    session offers it; a session of mode setup saves the method and takes no money; {"force": true} also pays a
    session that is complete or expired (late money)."""
    body = await read(request)
    livemode, session = locate(desk.world, request.path_params["id"], "checkout.session")
    force = body.flag("force")
    payer = paying.Payer(body.text("email", None), body.text("name", None))
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    late = session["status"] != "open"
    if late and session["mode"] != "payment":
        raise BadInput(f"the session is {session['status']} and takes no money")
    if late and not force:
        raise BadInput(f'the session is {session["status"]}; with "force": true it is paid all the same')
    try:
        with call.store.transaction():
            return _pay(call, session, body, payer, late=late)
    except StripeError as error:
        raise BadInput(error.message) from error


def _pay(call: Call, session: Json, body: Body, payer: paying.Payer, *, late: bool) -> Json:
    if checkout.is_free(session):
        body.done()
        paying.complete_free(call, session, payer)
        return _told(call, session["id"], None)
    method, outcome = method_of(call, body, session["payment_method_types"])
    save = body.flag("save")
    body.done()
    if method["customer"] not in (None, session["customer"]):
        raise BadInput("the payment method is another customer's")
    if save and not paying.may_save(session):
        raise BadInput("the session does not offer to save the payment method")
    if late:
        intent = paying.pay_late(call, session, method, payer)
    else:
        intent = paying.attempt(call, session, method, payer, save=save)
    if intent["status"] == "requires_action" and outcome != "abandon":
        paying.finish_action(call, intent, agreed=outcome == "success")
    return _told(call, session["id"], intent)


def _told(call: Call, session_id: str, intent: Json | None) -> Json:
    session = call.get(session_id, "checkout.session")
    told: Json = {"payment_intent": None, "setup_intent": None}
    if intent:
        told[intent["object"]] = public(intent)
    return {
        "session": public(session),
        **told,
        "success_url": paying.success_url(session),
        "error": paying.last_error(intent),
    }


@control("POST", "/sandbox/payment_intents/{id}/action")
async def action(desk: Desk, request: Request) -> Any:
    """{"outcome": "success" | "failure"} answers the 3DS challenge or wallet page that an intent waits for."""
    return await _answer(desk, request, "payment_intent")


@control("POST", "/sandbox/setup_intents/{id}/action")
async def setup_action(desk: Desk, request: Request) -> Any:
    """{"outcome": "success" | "failure"} answers the challenge that a setup intent waits for."""
    return await _answer(desk, request, "setup_intent")


async def _answer(desk: Desk, request: Request, kind: str) -> Json:
    body = await read(request)
    outcome = body.text("outcome", "success", among=("success", "failure"))
    body.done()
    livemode, intent = locate(desk.world, request.path_params["id"], kind)
    if intent["status"] != "requires_action":
        raise BadInput(f"the {kind.replace('_', ' ')} is {intent['status']}, not requires_action")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    with call.store.transaction():
        paying.finish_action(call, intent, agreed=outcome == "success")
    return public(intent)


@control("POST", "/sandbox/charges/{id}/refund")
async def refund(desk: Desk, request: Request) -> Any:
    """{"amount": 500, "reason": "requested_by_customer"} refunds from the dashboard: no API call, only events."""
    body = await read(request)
    given: dict[str, Any] = {"charge": request.path_params["id"]}
    if (amount := body.whole("amount", None, least=1)) is not None:
        given["amount"] = amount
    if reason := body.text("reason", None, among=("duplicate", "fraudulent", "requested_by_customer")):
        given["reason"] = reason
    body.done()
    livemode, _ = locate(desk.world, request.path_params["id"], "charge")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    try:
        with call.store.transaction():
            return public(refunds.create(call, given))
    except StripeError as error:
        raise BadInput(error.message) from error


@control("POST", "/sandbox/refunds/{id}/fail")
async def fail_refund(desk: Desk, request: Request) -> Any:
    """{"reason": "expired_or_canceled_card"} makes a refund fail: the money comes back to the balance."""
    body = await read(request)
    reason = body.text("reason", "lost_or_stolen_card")
    body.done()
    livemode, found = locate(desk.world, request.path_params["id"], "refund")
    if found["status"] not in ("succeeded", "pending"):
        raise BadInput(f"the refund is {found['status']}")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    with call.store.transaction():
        refunds.fail(call, found, reason)
    return public(found)
