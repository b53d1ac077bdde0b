"""How a PaymentIntent is paid: an attempt, its challenge, its delayed end; capture and cancellation."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.store import Json
from sandbox.stripe import cards, charges, customers, disputes, events, following, ids, methods, radar, tender
from sandbox.stripe.cards import Decline
from sandbox.stripe.errors import CardError
from sandbox.world import Call, public

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")

AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "try_again_later",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)


def attempt(
    call: Call,
    intent: Json,
    method: Json,
    *,
    off_session: bool = False,
    unattended: bool = False,
    patient: bool = False,
) -> None:
    """Tries to pay. Ends in succeeded, requires_capture, processing, requires_action or a failure on record.

    `unattended`: a challenge fails the attempt, as it does off session, where nobody is there to answer it; unless
    it is `patient`, as an invoice is, which waits until the payer comes.
    """
    intent["_"]["off_session"] = off_session
    events.change(call, intent, payment_method=method["id"], last_payment_error=None, next_action=None)
    if methods.BY_TYPE[method["type"]].flow == "delayed":
        _begin_delayed(call, intent, method)
    elif not _must_challenge(method, off_session):
        ask_issuer(call, intent, method)
    elif (off_session or unattended) and not patient:
        _authentication_required(call, intent, method)
    else:
        require_action(call, intent, method)


def _must_challenge(method: Json, off_session: bool) -> bool:
    ready = bool(method["_"].get("set_up"))
    if tender.wants_payer(method):
        return True
    if methods.BY_TYPE[method["type"]].flow == "redirect":
        return not (off_session and ready)
    challenge = tender.card_of(method).challenge
    if challenge == "unless_set_up":
        return not ready
    if challenge == "unless_off_session":
        return not (off_session and method["customer"])
    return challenge == "always"


def _authentication_required(call: Call, intent: Json, method: Json) -> None:
    """The bank wants to see the payer, and there is none: a decline."""
    tender.spend(call, intent, method)
    charge = charges.create(call, intent, method, status="failed", decline=cards.AUTHENTICATION_REQUIRED)
    events.emit(call, "charge.failed", charge)
    fail(call, intent, method, cards.AUTHENTICATION_REQUIRED, charge)


def ask_issuer(call: Call, intent: Json, method: Json, *, authenticated: bool = False) -> None:
    """The card's issuer (or the wallet's bank) decides."""
    tender.spend(call, intent, method)
    if decline := tender.decline_of(method):
        charge = charges.create(call, intent, method, status="failed", decline=decline, authenticated=authenticated)
        events.emit(call, "charge.failed", charge)
        fail(call, intent, method, decline, charge)
        return
    charge = charges.create(call, intent, method, status="succeeded", authenticated=authenticated)
    succeed(call, intent, charge)


def _save_method(call: Call, intent: Json) -> None:
    """Attaches the method to the customer if the intent was to set it up for later."""
    usage = intent["setup_future_usage"]
    if usage is None:
        return
    method = call.get(intent["payment_method"], "payment_method")
    if usage == "off_session":
        tender.set_up(call, method)
    if intent["customer"] and method["customer"] is None:
        customers.attach(call, method, intent["customer"])


def succeed(call: Call, intent: Json, charge: Json) -> None:
    """The charge went through: the money is ours, or on hold for us to capture."""
    _save_method(call, intent)
    if intent["capture_method"] == "manual":
        seconds = charges.held_for(call, intent, call.get(intent["payment_method"], "payment_method"))
        sweep = call.world.settings.authorization_sweep_seconds
        call.schedule("expire_authorization", intent["id"], seconds + sweep)
        events.change(
            call,
            intent,
            status="requires_capture",
            amount_capturable=charge["amount"],
            latest_charge=charge["id"],
            next_action=None,
        )
        events.emit(call, "charge.succeeded", charge)
        radar.open_review(call, charge, intent)
        following.tell(call, intent)
        events.emit(call, "payment_intent.amount_capturable_updated", intent)
        return
    charges.credit(call, charge)
    events.emit(call, "charge.succeeded", charge)
    radar.open_review(call, charge, intent)
    _received(call, intent, charge)


def _received(call: Call, intent: Json, charge: Json) -> None:
    events.change(
        call,
        intent,
        status="succeeded",
        amount_received=charge["amount_captured"],
        amount_capturable=0,
        latest_charge=charge["id"],
        next_action=None,
    )
    following.tell(call, intent)
    events.emit(call, "payment_intent.succeeded", intent)
    disputes.foresee(call, charge)


def fail(call: Call, intent: Json, method: Json, decline: Decline, charge: Json | None) -> None:
    """Back to requires_payment_method, saying why."""
    tender.spend(call, intent, method)
    events.change(
        call,
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=error_facts(decline, method, charge),
        latest_charge=charge["id"] if charge else intent["latest_charge"],
    )
    events.emit(call, "payment_intent.payment_failed", intent)
    following.tell(call, intent)


def error_facts(decline: Decline, method: Json, charge: Json | None) -> Json:
    """The error object of a decline, as last_payment_error and as part of the 402's body."""
    facts: Json = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": public(method),
        "type": "card_error" if method["type"] == "card" else "invalid_request_error",
    }
    if decline.decline_code:
        facts["decline_code"] = decline.decline_code
    if charge:
        facts |= {"charge": charge["id"], "advice_code": decline.advice}
    if charge and method["type"] == "card":
        facts["network_decline_code"] = charge["outcome"]["network_decline_code"]
    return {key: value for key, value in facts.items() if value is not None}


def raise_failure(intent: Json) -> None:
    """Raises CardError if the last attempt on the intent failed."""
    error = intent["last_payment_error"]
    if error is None:
        return
    extra = {key: error.get(key) for key in ("charge", "decline_code", "advice_code", "network_decline_code")}
    raise CardError(
        error["message"],
        code=error["code"],
        payment_intent=public(intent),
        payment_method=error.get("payment_method"),
        **extra,
    )


# -- challenge and redirect ------------------------------------------------------------


def require_action(call: Call, intent: Json, method: Json) -> None:
    """The payer must visit a page: a 3DS challenge or their bank or wallet."""
    action = challenge(call, intent, method)
    events.change(call, intent, status="requires_action", next_action=action)
    events.emit(call, "payment_intent.requires_action", intent)
    following.tell(call, intent)


def challenge(call: Call, intent: Json, method: Json) -> Json:
    """The next_action of a payment or setup intent; its page is remembered as authorize_url."""
    key = intent["client_secret"].rsplit("_", 1)[1]
    url = f"{call.base_url}/c/authorize/{intent['id']}?key={key}"
    intent["_"]["authorize_url"] = url
    return _next_action(call, method["type"], url, intent["_"].get("return_url"))


def _next_action(call: Call, type: str, url: str, return_url: str | None) -> Json:
    """How the API tells the merchant where to send the payer."""
    if type == "card" and return_url is None:
        script = {"directory_server_name": "visa", "stripe_js": url, "type": "three_d_secure_redirect"}
        return {"type": "use_stripe_sdk", "use_stripe_sdk": script}
    if type != "upi":
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    code = {"expires_at": call.now + 300, "image_url_png": url, "image_url_svg": url}
    name = "upi_handle_redirect_or_display_qr_code"
    return {"type": name, name: {"hosted_instructions_url": url, "qr_code": code}}


def finish_action(call: Call, intent: Json, *, agreed: bool) -> None:
    """The payer came through the page, or refused there. Does nothing if the intent waits for no action."""
    if intent["status"] != "requires_action":
        return
    method = call.get(intent["payment_method"], "payment_method")
    if agreed:
        ask_issuer(call, intent, method, authenticated=method["type"] == "card")
        return
    reason = AUTHENTICATION_FAILED
    if method["type"] != "card":
        title = methods.BY_TYPE[method["type"]].title
        message = f"The payer did not authorize the payment with {title}."
        reason = Decline("payment_intent_payment_attempt_failed", None, "try_again_later", message)
    fail(call, intent, method, reason, None)


# -- delayed methods -------------------------------------------------------------------


def _begin_delayed(call: Call, intent: Json, method: Json) -> None:
    tender.spend(call, intent, method)
    charge = charges.create(call, intent, method, status="pending")
    events.change(call, intent, status="processing", latest_charge=charge["id"])
    events.emit(call, "charge.pending", charge)
    following.tell(call, intent)
    events.emit(call, "payment_intent.processing", intent)
    if methods.delayed_outcome(method["type"], method["_"].get("account")) != "never":
        call.schedule("settle_delayed", intent["id"], call.world.settings.delayed_method_seconds)


def settle_delayed(call: Call, intent: Json) -> None:
    """The bank has answered, days later: the pending charge succeeds or fails by its account number."""
    if intent["status"] != "processing":
        return
    method = call.get(intent["payment_method"], "payment_method")
    charge = call.get(intent["latest_charge"], "charge")
    outcome = methods.delayed_outcome(method["type"], method["_"].get("account"))
    if isinstance(outcome, tuple):
        decline = Decline(outcome[0], None, "try_again_later", outcome[1])
        events.change(call, charge, status="failed", failure_code=decline.code, failure_message=decline.message)
        events.emit(call, "charge.failed", charge)
        fail(call, intent, method, decline, charge)
        return
    events.change(call, charge, status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
    charges.credit(call, charge)
    events.emit(call, "charge.succeeded", charge)
    _received(call, intent, charge)


# -- capture, cancel, expiry -----------------------------------------------------------


def capture(call: Call, intent: Json, amount: int) -> None:
    """Takes `amount` minor units of an authorized intent; what remains is released."""
    charge = call.get(intent["latest_charge"], "charge")
    charges.capture(call, charge, amount)
    _received(call, intent, charge)


def cancel(call: Call, intent: Json, reason: str | None, *, expired: bool = False) -> None:
    """Ends an unpaid intent and releases what it had on hold; `expired` when nobody captured in time."""
    held = intent["status"] == "requires_capture"
    charge = call.find(intent["latest_charge"], "charge") if held else None
    if charge:
        charges.release(call, charge)
        events.emit(call, "charge.expired" if expired else "charge.refunded", charge)
        radar.canceled(call, charge)
    events.change(
        call,
        intent,
        status="canceled",
        canceled_at=call.now,
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )
    events.emit(call, "payment_intent.canceled", intent)


def expire_authorization(call: Call, intent: Json) -> None:
    if intent["status"] == "requires_capture":
        cancel(call, intent, "automatic", expired=True)


JOBS: dict[str, Callable[[Call, Json], None]] = {
    "settle_delayed": settle_delayed,
    "expire_authorization": expire_authorization,
}


def client_secret(intent_id: str) -> str:
    return f"{intent_id}_secret_{ids.token(25)}"
