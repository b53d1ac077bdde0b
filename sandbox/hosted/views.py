"""What each page shows, gathered for its template."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from babel.dates import format_datetime
from jinja2 import Environment, PackageLoader, StrictUndefined

from sandbox.hosted.cardform import Form
from sandbox.hosted.money import locale_of, shown
from sandbox.store import Json
from sandbox.stripe import cards, methods, paying
from sandbox.stripe import checkout as sessions
from sandbox.stripe.billing import signup
from sandbox.stripe.paying import success_url
from sandbox.world import Call

PAGES = Environment(
    loader=PackageLoader("sandbox.hosted"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
HEADINGS = {"setup": "Save a payment method for ", "subscription": "Subscribe to "}
BUTTONS = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe"}
LABELS = {
    "email": "Email",
    "method": "Payment method",
    "number": "Card number",
    "expiry": "Expiry",
    "cvc": "Security code",
    "name": "Name on card",
    "account_number": "Account number",
    "iban": "IBAN",
}
HELPERS = [
    "4242424242424242",
    "4000000000003220",
    "4000000000000002",
    "4000000000009995",
    "4000000000000069",
    "4000000000000127",
    "4000008400001629",
    "4000000000005126",
    "4000000000000259",
]
"""The test cards that the helper panel offers first."""


def render(page: str, /, **context: Any) -> str:
    return PAGES.get_template(page).render(**context)


def grouped(number: str) -> str:
    """A card number as it is printed on the card."""
    if number.startswith(("34", "37")):
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _order(call: Call, session: Json) -> Json:
    locale = session["locale"]
    lines = [
        {
            "name": item["description"],
            "quantity": item["quantity"],
            "each": shown(item["price"]["unit_amount"], item["currency"], locale)
            if item["quantity"] > 1 and item["price"]["unit_amount"] is not None
            else None,
            "amount": shown(item["amount_total"], item["currency"], locale),
        }
        for item in sessions.line_items(session)
    ]
    return {
        "lang": "en",
        "merchant": call.world.settings.merchant_name,
        "lines": lines,
        "total": "" if session["mode"] == "setup" else shown(session["amount_total"], session["currency"], locale),
        "cancel_url": session["cancel_url"],
        "livemode": call.livemode,
    }


def checkout(call: Call, session: Json, form: Form, notice: str | None) -> Json:
    order = _order(call, session)
    offered = [methods.BY_TYPE[type] for type in session["payment_method_types"]]
    verb = BUTTONS.get(session["submit_type"] or "", "Pay")
    free, setup = sessions.is_free(session), session["mode"] == "setup"
    kept = [{"id": each["id"], "title": titled(each)} for each in paying.saved_methods(call, session)]
    button = "Complete order" if free else "Save" if setup else f"{verb} {order['total']}"
    if session["mode"] == "subscription":
        button = "Start trial" if signup.has_trial(session) else "Subscribe"
    customer = call.find(session["customer"], "customer")
    return {
        **order,
        "action": f"/c/pay/{session['id']}",
        "attempt": session["_"]["attempts"],
        **({"heading": HEADINGS[session["mode"]] + order["merchant"]} if session["mode"] in HEADINGS else {}),
        "setup": setup,
        "saved": kept,
        "may_save": paying.may_save(session),
        "methods": offered,
        "accounts": {each.type: _test_accounts(each.type) for each in offered if each.account},
        "chosen": _chosen(form, [*(each["id"] for each in kept), *session["payment_method_types"]]),
        "email": session["customer_email"] or (customer or {}).get("email"),
        "values": form.again(),
        "errors": form.errors,
        "labels": LABELS,
        "notice": notice,
        "free": free,
        "button": button,
        "test_cards": [{"number": grouped(n), "title": cards.BY_NUMBER[n].title} for n in HELPERS],
        "expires": format_datetime(
            datetime.fromtimestamp(session["expires_at"], UTC), "d MMM, HH:mm", locale=locale_of(session["locale"])
        ),
    }


def _bare(call: Call, visit: Json, form: Form, notice: str | None) -> Json:
    """The payment form without a checkout session: what it needs beside what is sold, and where it leads."""
    offered = [methods.BY_TYPE[type] for type in visit["payment_method_types"]]
    kept = [{"id": each["id"], "title": titled(each)} for each in paying.saved_methods(call, visit)]
    customer = call.find(visit["customer"], "customer") or {}
    return {
        "lang": "en",
        "merchant": call.world.settings.merchant_name,
        "livemode": call.livemode,
        "attempt": 0,
        "setup": visit["mode"] == "setup",
        "saved": kept,
        "may_save": False,
        "methods": offered,
        "accounts": {each.type: _test_accounts(each.type) for each in offered if each.account},
        "chosen": _chosen(form, [*(each["id"] for each in kept), *visit["payment_method_types"]]),
        "email": customer.get("email") or "unknown",
        "values": form.again(),
        "errors": form.errors,
        "labels": LABELS,
        "notice": notice,
        "free": False,
        "test_cards": [{"number": grouped(n), "title": cards.BY_NUMBER[n].title} for n in HELPERS],
        "expires": "",
    }


def invoice(call: Call, document: Json, visit: Json, form: Form, notice: str | None) -> Json:
    """The page of an invoice that can be paid."""
    due = shown(document["amount_remaining"], document["currency"])
    return {
        **_bare(call, visit, form, notice),
        **_billed(call, document),
        "action": document["hosted_invoice_url"],
        "button": f"Pay {due}",
    }


def _billed(call: Call, document: Json) -> Json:
    lines = [
        {
            "name": line["description"],
            "quantity": 1,
            "each": None,
            "amount": shown(line["amount"], line["currency"]),
        }
        for line in document["lines"]["data"]
    ]
    merchant = call.world.settings.merchant_name
    return {
        "heading": f"Invoice {document['number'] or ''} from {merchant}",
        "lines": lines,
        "total": shown(document["amount_due"], document["currency"]),
        "cancel_url": None,
    }


def closed_invoice(call: Call, document: Json) -> Json:
    """The page of an invoice that asks for nothing any more, or not yet."""
    told = {
        "paid": ("Invoice paid", "You have paid. There is nothing left to do."),
        "void": ("Invoice void", "This invoice was withdrawn. There is nothing to pay."),
        "draft": ("Not ready yet", "This invoice is still being made."),
    }
    title, text = told[document["status"]]
    return {
        **_billed(call, document),
        "lang": "en",
        "merchant": call.world.settings.merchant_name,
        "livemode": call.livemode,
        "title": title,
        "done": document["status"] == "paid",
        "text": text,
        "onward": None,
    }


def portal(call: Call, session: Json, visit: Json, form: Form, notice: str | None, onward: str | None) -> Json:
    """The page where a customer says what to charge from now on."""
    return {
        **_bare(call, visit, form, notice),
        "action": session["url"],
        "button": "Save",
        "cancel_url": onward,
        "heading": f"Your payment method for {call.world.settings.merchant_name}",
        "lines": [],
        "total": "",
    }


def _chosen(form: Form, choices: list[str]) -> str:
    return form.method if form.method in choices else choices[0]


def _test_accounts(type: str) -> list[Json]:
    """Test account numbers of a method with what they do."""
    titles = {"succeeds": "Succeeds", "never": "Stays in processing"}
    return [
        {
            "number": number,
            "title": titles[result] if isinstance(result, str) else f"Fails later: {result[0].replace('_', ' ')}",
        }
        for number, (result, _) in methods.ACCOUNTS.get(type, {}).items()
    ]


def closed(call: Call, session: Json) -> Json:
    """The page of a session that can no longer be paid."""
    done, setup = session["status"] == "complete", session["mode"] == "setup"
    unpaid = done and session["payment_status"] == "unpaid"
    text = "This checkout has expired and can't be paid any more. Nothing was charged."
    if done and setup:
        text = "Your payment method is saved. There is nothing left to do."
    elif done:
        text = (
            "The payment is on its way; your bank needs some time."
            if unpaid
            else "You have paid. There is nothing left to do."
        )
    return {
        **_order(call, session),
        "title": ("All saved" if setup else "Payment complete") if done else "Checkout expired",
        "done": done,
        "text": text,
        "onward": success_url(session) if done else session["cancel_url"],
    }


def challenge(call: Call, intent: Json, key: str) -> Json:
    method = call.get(intent["payment_method"], "payment_method")
    is_card = method["type"] == "card"
    return {
        "lang": "en",
        "merchant": call.world.settings.merchant_name,
        "total": shown(intent["amount"], intent["currency"]) if intent["object"] == "payment_intent" else "",
        "is_card": is_card,
        "name": titled(method),
        "action": f"/c/authorize/{intent['id']}",
        "key": key,
    }


def titled(method: Json) -> str:
    """A payment method as a payer knows it."""
    if method["type"] == "card":
        return f"{method['card']['brand'].title()} ···· {method['card']['last4']}"
    return methods.BY_TYPE[method["type"]].title


def receipt(call: Call, intent: Json) -> Json:
    return {
        "lang": "en",
        "merchant": call.world.settings.merchant_name,
        "total": shown(intent["amount_received"] or intent["amount"], intent["currency"]),
        "status": intent["status"].replace("_", " "),
        "reference": intent["id"],
        "when": format_datetime(datetime.fromtimestamp(intent["created"], UTC), "d MMMM yyyy, HH:mm", locale="en"),
    }
