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
EMPTY_LISTS: Final = frozenset({"sources", "subscriptions", "tax_ids"})
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
    kind, name = shown["object"], names[0]
    if kind == "item" and name == "price" and len(names) > 1:
        _expand(call, shown[name], names[1:], None)
        return
    allowed = EXPANDABLE.get(kind, "").split()
    if len(names) > 1 and f"{name}.{names[1]}" in allowed:
        _expand_inside(call, shown[name], names[1:])
        return
    if name not in allowed:
        raise _impossible(names)
    value = shown.get(name)
    if name not in shown or isinstance(value, str):
        value = _included(call, shown, name, value, document)
        if value is not None:
            shown[name] = value
    if len(names) > 1 and isinstance(value, dict):
        _expand(call, value, names[1:], None)


def _expand_inside(call: Call, part: Json, names: list[str]) -> None:
    """A link that is held in a part of an object, as in invoice_settings.default_payment_method."""
    target = call.store.find(call.livemode, part[names[0]]) if part[names[0]] else None
    if target:
        part[names[0]] = render(call, target, [".".join(names[1:])] if names[1:] else [])


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
    if name in EMPTY_LISTS:
        return blank_list(f"/v1/customers/{identifier}/{name}")
    if isinstance(value, str):
        target = call.store.find(call.livemode, value)
        return render(call, target, []) if target else value
    return None


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
