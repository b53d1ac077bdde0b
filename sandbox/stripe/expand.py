"""Expanding ids to objects (`expand[]`), and rendering documents as they are by now."""

from __future__ import annotations

import copy
from typing import Any, Final

from sandbox.outbox import undelivered
from sandbox.store import Json
from sandbox.stripe import checkout, ledger
from sandbox.stripe.endpoints import slice_of
from sandbox.stripe.errors import InvalidParameter
from sandbox.world import Call, blank_list, public

EXPANDABLE: Final[dict[str, str]] = {
    "checkout.session": "customer invoice line_items payment_intent payment_link setup_intent subscription",
    "subscription": "customer default_payment_method default_source latest_invoice on_behalf_of pending_setup_intent "
    "schedule test_clock",
    "subscription_item": "",
    "plan": "product",
    "invoice": "confirmation_secret customer default_payment_method default_source latest_revision on_behalf_of "
    "parent.subscription_details.subscription payments test_clock",
    "line_item": "pricing.price_details.price subscription",
    "invoice_payment": "invoice payment.charge payment.payment_intent",
    "invoiceitem": "customer invoice pricing.price_details.price test_clock",
    "customer_balance_transaction": "checkout_session credit_note customer invoice",
    "test_helpers.test_clock": "",
    "billing_portal.session": "configuration",
    "billing_portal.configuration": "application",
    "payment_intent": "application customer latest_charge on_behalf_of payment_method review source payment_record",
    "charge": "application application_fee balance_transaction customer failure_balance_transaction on_behalf_of "
    "payment_intent refunds review source_transfer transfer",
    "refund": "balance_transaction charge customer failure_balance_transaction payment_intent payment_method "
    "source_transfer_reversal transfer_reversal",
    "setup_intent": "application customer latest_attempt mandate on_behalf_of payment_method single_use_mandate",
    "setup_attempt": "application customer on_behalf_of payment_method setup_intent",
    "balance_transaction": "source",
    "dispute": "charge payment_intent",
    "radar.early_fraud_warning": "charge payment_intent",
    "review": "charge payment_intent",
    "payment_method": "customer",
    "customer": "default_source invoice_settings.default_payment_method test_clock sources subscriptions tax_ids "
    "cash_balance tax",
    "price": "product tiers currency_options",
    "product": "default_price tax_code",
    "item": "discounts taxes",
    "event": "",
    "webhook_endpoint": "",
    "account": "",
    "bank_account": "account",
    "capability": "account",
    "payout": "balance_transaction destination failure_balance_transaction",
    "transfer": "balance_transaction destination destination_payment source_transaction",
    "transfer_reversal": "balance_transaction destination_payment_refund transfer",
    "balance": "",
}
EMPTY_LISTS: Final = frozenset({"sources", "tax_ids"})
"""Lists of a customer that the sandbox never fills."""


def render(call: Call, document: Json, paths: list[str]) -> Json:
    """The document as the API shows it, with the paths expanded. Raises InvalidParameter for impossible ones."""
    shown = public(document)
    if shown["object"] == "balance_transaction":
        ledger.as_of(shown, call.now)
    if shown["object"] == "event":
        shown["pending_webhooks"] = undelivered(call.store, shown["id"])
    for path in paths:
        names = path.split(".")
        if len(names) > 4:
            raise InvalidParameter("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(call, shown, names, document)
    return shown


def _expand(call: Call, shown: Json, names: list[str], document: Json | None) -> None:
    if shown.get("object") == "list":
        if names[0] != "data" or len(names) == 1:
            raise _impossible(names)
        for item in shown["data"]:
            _expand(call, item, names[1:], None)
        return
    within, rest = _split(shown["object"], names)
    if not within:
        inside = shown.get(names[0])
        if not isinstance(inside, dict) or "object" not in inside or len(names) == 1:
            raise _impossible(names)
        _expand(call, inside, names[1:], None)
        return
    part: Any = shown
    for name in within[:-1]:
        part = (part or {}).get(name)
    if part is None:
        return
    last = within[-1]
    value = part.get(last)
    if len(within) == 1 and (last not in part or isinstance(value, str)):
        value = _included(call, shown, last, value, document)
    elif isinstance(value, str):
        value = _linked(call, value)
    if value is not None:
        part[last] = value
    if rest and isinstance(value, dict):
        _expand(call, value, rest, None)


def _split(kind: str, names: list[str]) -> tuple[list[str], list[str]]:
    """(the names that lead to something expandable in an object of this kind, those that go on from there)"""
    allowed = EXPANDABLE.get(kind, "").split()
    for count in range(1, len(names) + 1):
        if ".".join(names[:count]) in allowed:
            return names[:count], names[count:]
    return [], names


def _linked(call: Call, identifier: str) -> Any:
    target = call.store.find(call.livemode, identifier)
    return render(call, target, []) if target else identifier


def _included(call: Call, shown: Json, name: str, value: Any, document: Json | None) -> Any:
    """The object of an id, or one of the lists that are left out unless asked for."""
    identifier = shown["id"]
    if name == "refunds":
        refunds = call.store.linked(call.livemode, "refund", "charge", identifier)[::-1]
        return slice_of([public(refund) for refund in refunds], {}, f"/v1/charges/{identifier}/refunds")
    if name == "line_items":
        session = document or call.get(identifier, "checkout.session")
        items = copy.deepcopy(checkout.line_items(session))
        return slice_of(items, {"limit": 20}, line_items_url(identifier))
    if name == "payments":
        found = call.store.linked(call.livemode, "invoice_payment", "invoice", identifier)
        return slice_of([public(each) for each in found], {}, f"/v1/invoice_payments?invoice={identifier}")
    if name == "confirmation_secret":
        return _secret(call, identifier)
    if name == "subscriptions":
        found = call.store.linked(call.livemode, "subscription", "customer", identifier)[::-1]
        shown_ones = [public(each) for each in found if each["status"] not in ("canceled", "incomplete_expired")]
        return slice_of(shown_ones, {}, f"/v1/customers/{identifier}/subscriptions")
    if name in EMPTY_LISTS:
        return blank_list(f"/v1/customers/{identifier}/{name}")
    if isinstance(value, str):
        return _linked(call, value)
    return None


def _secret(call: Call, identifier: str) -> Json | None:
    """What a browser confirms an open invoice's payment with."""
    invoice = call.find(identifier, "invoice")
    intent = call.find(invoice["_"].get("intent"), "payment_intent") if invoice else None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None


def line_items_url(session: str) -> str:
    return f"/v1/checkout/sessions/{session}/line_items"


def _impossible(names: list[str]) -> InvalidParameter:
    return InvalidParameter(f"This property cannot be expanded ({'.'.join(names)[:100]}).", param="expand")


def answer(call: Call, result: Json, paths: list[str]) -> Json:
    """A handler's result as it leaves: one object, or a list of them."""
    if result.get("object") != "list":
        return render(call, result, paths)
    inner = []
    for path in paths:
        head, _, rest = path.partition(".")
        if head != "data" or not rest:
            raise _impossible([path])
        inner.append(rest)
    return {**result, "data": [render(call, item, inner) for item in result["data"]]}
