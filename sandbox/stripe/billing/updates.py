"""Changing a running subscription: its items, its cycle, its trial, how it ends; and what that costs at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import events, params
from sandbox.stripe.billing import (
    clocks,
    collection,
    periods,
    prorations,
    renewals,
    signup,
    standing,
    subscriptions,
    terms,
)
from sandbox.stripe.billing.subscriptions import items, with_period
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

SIMPLE: Final = ("collection_method", "days_until_due", "default_payment_method", "description")
ALWAYS: Final = frozenset({"cancellation_details", "expand", "metadata"})
"""What may be changed when all is over."""
WHILE_INCOMPLETE: Final = ALWAYS | {"default_payment_method", "description", "payment_settings", "trial_settings"}
BILLED: Final = ("add_invoice_items", "billing_cycle_anchor", "items", "trial_end")
"""What changes the amounts."""


def update(call: Call, subscription: Json, given: dict[str, Any]) -> None:
    """Changes it and charges what is due at once. Raises CardError if that must not fail, with nothing changed."""
    change = apply(call, subscription, given)
    if change is None:
        return
    behavior = given.get("payment_behavior", "allow_incomplete")
    collection.finalize(call, change)
    invoice = call.get(change["id"], "invoice")
    if behavior == "default_incomplete" or invoice["status"] != "open":
        return
    if invoice["collection_method"] == "send_invoice":
        return
    intent = collection.charge(call, invoice, off_session=given.get("off_session", False))
    if behavior == "error_if_incomplete":
        if intent is None:
            raise signup.no_method()
        signup.require_paid(intent)


def apply(call: Call, subscription: Json, given: dict[str, Any]) -> Json | None:
    """Changes the subscription; a draft invoice if something is to be paid at once."""
    _require_changeable(subscription, given)
    last = subscriptions.period(subscription)
    changes = _simple(call, subscription, given)
    change = billed(call, subscription, given)
    changes |= change.fields
    invoice = draw(call, {**subscription, **changes}, change, last)
    if invoice:
        changes["latest_invoice"] = invoice["id"]
    standing.put(call, subscription, **changes)
    renewals.plan(call, subscription)
    return invoice


def draw(call: Call, changed: Json, change: Change, last: tuple[int, int]) -> Json | None:
    """What the change is worth, as invoice items; and a draft of them if they are to be paid at once."""
    customer, now = call.get(changed["customer"], "customer"), clocks.now(call, changed)
    for extra in change.extras:
        subscriptions.add_extra(call, customer, changed, extra, now)
    for each in change.prorations:
        prorations.make_item(call, customer, changed, each, now)
    if not change.invoice_now:
        return None
    drawn = renewals.lines_of_period(call, changed) if change.new_period else []
    return _settle(call, customer, changed, drawn, (last[0], now))


def _settle(call: Call, customer: Json, subscription: Json, drawn: list[Json], period: tuple[int, int]) -> Json | None:
    """A draft of these lines and of what waits; None if there is nothing to tell."""
    if not drawn and not subscriptions.waiting(call, subscription):
        return None
    return subscriptions.bill(
        call, customer, subscription, drawn, now=period[1], reason="subscription_update", period=period
    )


def _require_changeable(subscription: Json, given: dict[str, Any]) -> None:
    status = subscription["status"]
    if status in standing.OVER and not given.keys() <= ALWAYS:
        raise InvalidRequest(
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="invalid_canceled_subscription_fields",
        )
    if subscription["pending_update"] and given.keys() & set(BILLED):
        raise InvalidRequest("The subscription has a pending update: pay or void its invoice first.")
    if status == "incomplete" and not given.keys() <= WHILE_INCOMPLETE:
        raise InvalidRequest(
            "A subscription in status `incomplete` can only update its metadata and default payment method."
        )


# -- what costs nothing ------------------------------------------------------------------


def _simple(call: Call, subscription: Json, given: dict[str, Any]) -> dict[str, Any]:
    changes = params.picked(given, *SIMPLE)
    now = clocks.now(call, subscription)
    if "metadata" in given:
        changes["metadata"] = params.merged(subscription["metadata"], given["metadata"])
    if "pause_collection" in given:
        paused = given["pause_collection"]
        changes["pause_collection"] = paused and {
            "behavior": paused["behavior"],
            "resumes_at": paused.get("resumes_at"),
        }
    if "trial_settings" in given:
        changes["trial_settings"] = {"end_behavior": terms.trial_end_behavior(given)}
    for name in ("invoice_settings", "payment_settings"):
        if name in given:
            changes[name] = {**subscription[name], **given[name]}
    if "cancellation_details" in given:
        told = {key: value or None for key, value in given["cancellation_details"].items()}
        changes["cancellation_details"] = {**subscription["cancellation_details"], **told}
    return changes | _end(subscription, given, now)


def _end(subscription: Json, given: dict[str, Any], now: int) -> dict[str, Any]:
    """When it is to end: at a period's end, at a moment, or not at all any more."""
    told = {**subscription["cancellation_details"], **(given.get("cancellation_details") or {})}
    if given.get("cancel_at_period_end"):
        end = subscriptions.period(subscription)[1]
        changes = {"cancel_at_period_end": True, "cancel_at": end, "canceled_at": now}
    elif given.get("cancel_at"):
        if given["cancel_at"] <= now:
            raise InvalidParameter("cancel_at must be in the future.", param="cancel_at")
        changes = {"cancel_at_period_end": False, "cancel_at": given["cancel_at"], "canceled_at": now}
    elif "cancel_at_period_end" in given or "cancel_at" in given:
        nothing = {"cancel_at_period_end": False, "cancel_at": None, "canceled_at": None}
        return {**nothing, "cancellation_details": {**told, "reason": None}}
    else:
        return {}
    return {**changes, "cancellation_details": {**told, "reason": "cancellation_requested"}}


# -- what costs something ----------------------------------------------------------------


@dataclass
class Change:
    """What of the subscription changes, and what is to be paid for that."""

    fields: dict[str, Any]
    prorations: list[prorations.Part]
    extras: list[terms.Wanted]
    invoice_now: bool = False
    new_period: bool = False


def billed(call: Call, subscription: Json, given: dict[str, Any]) -> Change:
    """What the parameters change of what is billed. Raises InvalidParameter and InvalidRequest."""
    extras = terms.extras(call, given)
    if not any(name in given for name in BILLED if name != "add_invoice_items"):
        return Change({}, [], extras, invoice_now=bool(extras) and given.get("proration_behavior") == "always_invoice")
    now, behavior = clocks.now(call, subscription), given.get("proration_behavior", "create_prorations")
    moment = _proration_date(subscription, given, now)
    old = items(subscription)
    new = _changed_items(call, subscription, given.get("items", []), now)
    if cycle := _new_cycle(subscription, given, old, new, now):
        fields, period = cycle
        credits = [] if behavior == "none" else prorations.credits(call, subscription, old, moment)
        fields["items"] = subscriptions.items_list(subscription["id"], with_period(new, period))
        for each in old:
            subscription["_"]["billed"].pop(each["id"], None)
        fresh = fields["status"] != "trialing"
        return Change(fields, credits, extras, fresh or behavior == "always_invoice", fresh)
    parts = [] if behavior == "none" else prorations.between(call, subscription, old, new, moment)
    fields = {"items": subscriptions.items_list(subscription["id"], new)}
    at_once = behavior == "always_invoice" and bool(parts or extras)
    return Change(fields, parts, extras, at_once)


def _proration_date(subscription: Json, given: dict[str, Any], now: int) -> int:
    moment: int = given.get("proration_date", now)
    start, end = subscriptions.period(subscription)
    if "proration_date" in given and not start <= moment <= end:
        raise InvalidParameter(
            "Cannot specify proration_date outside of the current billing period.", param="proration_date"
        )
    return moment


def _changed_items(call: Call, subscription: Json, given: list[dict[str, Any]], now: int) -> list[Json]:
    """The items after the change. One that is named changes or goes, others are new, the rest stays."""
    data = {each["id"]: each for each in items(subscription)}
    for at, each in enumerate(given):
        name = f"items[{at}]"
        old = data.get(each.get("id", ""))
        if "id" in each and old is None:
            raise InvalidRequest(
                f"No such subscription item: '{each['id'][:80]}'", code="resource_missing", param=f"{name}[id]"
            )
        if each.get("deleted"):
            data.pop(each.get("id", ""), None)
            continue
        made = _changed_item(call, subscription, old, each, name, now)
        data[made["id"]] = made
    terms.require_alike([each["price"] for each in data.values()])
    if any(each["price"]["currency"] != subscription["currency"] for each in data.values()):
        raise InvalidRequest("The currency of a subscription can't be changed.", param="items")
    return list(data.values())


def _changed_item(call: Call, subscription: Json, old: Json | None, given: dict[str, Any], name: str, now: int) -> Json:
    period = subscriptions.period(subscription)
    # an item that gets another price keeps its quantity
    quantity: int = {"quantity": old["quantity"] if old else 1, **given}["quantity"]
    if old and "price" not in given and "price_data" not in given:
        wanted = terms.Wanted(old["price"], quantity, given.get("metadata"))
    else:
        wanted = terms.wanted(call, {**given, "quantity": quantity}, name, recurring=True)
    made = subscriptions.item(subscription, wanted, now, period)
    if old is None:
        return made
    metadata = params.merged(old["metadata"], given["metadata"]) if "metadata" in given else old["metadata"]
    return {**made, "id": old["id"], "created": old["created"], "metadata": metadata}


def _new_cycle(
    subscription: Json, given: dict[str, Any], old: list[Json], new: list[Json], now: int
) -> tuple[dict[str, Any], tuple[int, int]] | None:
    """(the changed fields, the new period), if the change begins another cycle now; None if the period goes on."""
    recurring = new[0]["price"]["recurring"]
    asked = given.get("trial_end")
    if asked not in (None, "now"):
        end = terms.trial_end({"trial_end": asked}, now)
        assert end is not None
        start = subscription["trial_start"] or now
        fields = {"status": "trialing", "trial_start": start, "trial_end": end, "billing_cycle_anchor": end}
        return fields, (now, end)
    before = old[0]["price"]["recurring"]
    longer = any(before[name] != recurring[name] for name in ("interval", "interval_count"))
    reset = (given.get("billing_cycle_anchor") or {}).get("type") == "now"
    ends_trial = asked == "now" and subscription["status"] == "trialing"
    if subscription["status"] == "trialing" and not ends_trial and not reset:
        return None
    if not (longer or reset or ends_trial):
        return None
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    fields = {"billing_cycle_anchor": now, "status": status}
    if ends_trial:
        fields["trial_end"] = now
    return fields, (now, periods.period_at(now, recurring, now)[1])


# -- ending and resuming -----------------------------------------------------------------


def cancel(call: Call, subscription: Json, given: dict[str, Any]) -> None:
    """Ends it now; `prorate` credits what is left of its period, `invoice_now` settles that at once."""
    invoice = end_now(call, subscription, given)
    if invoice:
        collection.finalize(call, invoice)
        collection.advance(call, call.get(invoice["id"], "invoice"))


def end_now(call: Call, subscription: Json, given: dict[str, Any]) -> Json | None:
    """Ends it; the draft of its final invoice, if one is wanted and there is something to tell on it."""
    now, customer = clocks.now(call, subscription), call.get(subscription["customer"], "customer")
    first = call.find(subscription["latest_invoice"], "invoice")
    if given.get("prorate") and subscription["status"] != "incomplete":
        moment = _proration_date(subscription, given, now)
        for each in prorations.credits(call, subscription, items(subscription), moment):
            prorations.make_item(call, customer, subscription, each, now)
    told = {key: value or None for key, value in (given.get("cancellation_details") or {}).items()}
    unpaid = subscription["status"] == "incomplete"
    standing.end(call, subscription, "cancellation_requested", **told)
    if unpaid and first and first["status"] == "open":
        collection.void(call, call.get(first["id"], "invoice"))
    if not given.get("invoice_now"):
        return None
    return _settle(call, customer, subscription, [], (subscriptions.period(subscription)[0], now))


def resume(call: Call, subscription: Json, given: dict[str, Any]) -> None:
    """A paused subscription goes on: with a new period from now, or within the one that it was paused in."""
    now = clocks.now(call, subscription)
    last = subscriptions.period(subscription)
    anew = (given.get("billing_cycle_anchor") or {}).get("type", "now") == "now" or last[1] <= now
    subscription.pop("status_details", None)
    fields: dict[str, Any] = {"status": "active"}
    if anew:
        recurring = subscriptions.recurring_of(subscription)
        data = with_period(items(subscription), (now, periods.period_at(now, recurring, now)[1]))
        fields |= {"billing_cycle_anchor": now, "items": subscriptions.items_list(subscription["id"], data)}
    events.change(call, subscription, **fields)
    events.emit(call, "customer.subscription.resumed", subscription)
    renewals.plan(call, subscription)
    if not anew:
        return
    customer = call.get(subscription["customer"], "customer")
    invoice = subscriptions.bill(
        call,
        customer,
        subscription,
        renewals.lines_of_period(call, subscription),
        now=now,
        reason="subscription_cycle",
        period=last,
    )
    collection.finalize(call, invoice)
    collection.advance(call, call.get(invoice["id"], "invoice"))
