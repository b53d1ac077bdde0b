"""Subscriptions: making one, its items and periods, and the invoice that each period begins with."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import currencies, events, ids, params
from sandbox.stripe.billing import (
    clocks,
    collection,
    dunning,
    invoice_items,
    invoices,
    lines,
    periods,
    proration,
    standing,
)
from sandbox.stripe.billing.terms import Terms, Wanted
from sandbox.world import Call

BLANK: Final[Json] = {
    **dict.fromkeys(
        [
            "application",
            "application_fee_percent",
            "billing_cycle_anchor_config",
            "billing_thresholds",
            "cancel_at",
            "canceled_at",
            "customer_account",
            "default_source",
            "ended_at",
            "latest_invoice",
            "managed_payments",
            "next_pending_invoice_item_invoice",
            "on_behalf_of",
            "pause_collection",
            "pending_invoice_item_interval",
            "pending_setup_intent",
            "pending_update",
            "schedule",
            "transfer_data",
        ]
    ),
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_schedules": [],
    "default_tax_rates": [],
    "discounts": [],
}


def make(call: Call, customer: Json, terms: Terms) -> Json:
    """A subscription with its first invoice, final and not yet paid: incomplete, or trialing.

    Beside the items' first period the invoice has the extra items of `terms.extras` and what waited for the customer.
    """
    now = clocks.now(call, customer)
    anchor = terms.trial_end or terms.anchor or now
    identifier = ids.new("sub")
    subscription: Json = {
        **BLANK,
        "id": identifier,
        "object": "subscription",
        "billing_cycle_anchor": anchor,
        "billing_mode": billing_mode(terms.billing_mode, now),
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": terms.collection_method,
        "created": now,
        "currency": terms.items[0].price["currency"],
        "customer": customer["id"],
        "days_until_due": terms.days_until_due,
        "default_payment_method": terms.default_payment_method,
        "description": terms.description,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": terms.invoice_settings.get("description"),
            "footer": terms.invoice_settings.get("footer"),
            "issuer": {"type": "self"},
        },
        "items": items_list(identifier, []),
        "livemode": call.livemode,
        "metadata": params.merged({}, terms.metadata),
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": terms.save_default or "off",
        },
        "start_date": now,
        "status": _first_status(terms),
        "test_clock": customer["test_clock"],
        "trial_end": terms.trial_end,
        "trial_settings": {"end_behavior": terms.trial_end_behavior},
        "trial_start": now if terms.trial_end else None,
        "_": {"session": terms.session, "billed": {}},
    }
    start, end = first_period(subscription, terms.items[0].price["recurring"], now)
    put_items(subscription, [item(subscription, each, now, (start, end)) for each in terms.items])
    put_end(subscription, terms, now)
    call.insert(subscription)
    events.emit(call, "customer.subscription.created", subscription)
    invoice = _first_invoice(call, customer, subscription, terms, now)
    if subscription["status"] == "incomplete":
        clocks.schedule(call, expire_incomplete, subscription, dunning.expires_at(call, subscription))
    keep = terms.save_default == "on_subscription"
    collection.finalize(call, invoice, keep_method=keep)
    return call.get(identifier, "subscription")


def _first_status(terms: Terms) -> str:
    if terms.trial_end:
        return "trialing"
    return "incomplete" if terms.collection_method == "charge_automatically" else "active"


def billing_mode(type: str, now: int) -> Json:
    flexible = {"proration_discounts": "included"} if type == "flexible" else None
    return {"flexible": flexible, "type": type, "updated_at": now}


def put_end(subscription: Json, terms: Terms, now: int) -> None:
    """When it is to end, if that is known from the beginning."""
    if terms.cancel_at_period_end:
        subscription |= {"cancel_at_period_end": True, "canceled_at": now, "cancel_at": period(subscription)[1]}
    elif terms.cancel_at:
        subscription |= {"canceled_at": now, "cancel_at": terms.cancel_at}


# -- items and periods -----------------------------------------------------------------


def items_list(subscription: str, data: list[Json]) -> Json:
    url = f"/v1/subscription_items?subscription={subscription}"
    return {"object": "list", "data": data, "has_more": False, "url": url}


def put_items(subscription: Json, data: list[Json]) -> None:
    subscription["items"] = items_list(subscription["id"], data)


def items(subscription: Json) -> list[Json]:
    found: list[Json] = subscription["items"]["data"]
    return found


def item(subscription: Json, wanted: Wanted, now: int, period: tuple[int, int]) -> Json:
    return {
        "id": ids.new("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "current_trial": None,
        "discounts": [],
        "metadata": params.merged({}, wanted.metadata),
        "plan": plan(wanted.price),
        "price": {key: value for key, value in wanted.price.items() if key != "_"},
        "quantity": wanted.quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def plan(price: Json) -> Json:
    """A recurring price as the plan that it once was."""
    same = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    recurring = ("interval", "interval_count", "meter", "trial_period_days", "usage_type")
    return {
        **{name: price[name] for name in same},
        **{name: price["recurring"][name] for name in recurring},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "tiers_mode": None,
        "transform_usage": None,
    }


def period(subscription: Json) -> tuple[int, int]:
    """The current period; all items of a subscription have the same."""
    first = items(subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def whole_period(subscription: Json) -> tuple[int, int]:
    """The current period as its cycle has it: a first one that was cut short is a part of it."""
    start, end = period(subscription)
    if subscription["trial_end"] == end:
        return start, end
    return periods.period_at(subscription["billing_cycle_anchor"], recurring_of(subscription), start)


def with_period(data: list[Json], period: tuple[int, int]) -> list[Json]:
    return [{**each, "current_period_start": period[0], "current_period_end": period[1]} for each in data]


def recurring_of(subscription: Json) -> Json:
    found: Json = items(subscription)[0]["price"]["recurring"]
    return found


def first_period(subscription: Json, recurring: Json, now: int) -> tuple[int, int]:
    """From now to the end of the trial, or to the first boundary of the cycle."""
    if subscription["trial_end"]:
        return now, subscription["trial_end"]
    return now, periods.period_at(subscription["billing_cycle_anchor"], recurring, now)[1]


# -- invoices --------------------------------------------------------------------------


def _first_invoice(call: Call, customer: Json, subscription: Json, terms: Terms, now: int) -> Json:
    for extra in terms.extras:
        add_extra(call, customer, subscription, extra, now)
    start, end = period(subscription)
    cycle = periods.period_at(subscription["billing_cycle_anchor"], recurring_of(subscription), start)
    free = subscription["status"] == "trialing" or (cycle[0] != start and terms.proration_behavior == "none")

    def amount(each: Json) -> int:
        step = currencies.step(subscription["currency"])
        return 0 if free else proration.share(lines.price_of(each), *cycle, start, step)

    drawn = [lines.of_period(call, subscription, each, start, end, amount(each)) for each in items(subscription)]
    return bill(call, customer, subscription, drawn, now=now, reason="subscription_create", period=(now, now))


def add_extra(call: Call, customer: Json, subscription: Json, extra: Wanted, now: int) -> Json:
    """An amount that is asked for once, with the subscription's next invoice: a setup fee, say."""
    return invoice_items.make(
        call,
        customer,
        now=now,
        amount=proration.times(extra.price["unit_amount_decimal"], extra.quantity),
        currency=subscription["currency"],
        description=lines.product_name(call, extra.price),
        period=(now, now),
        price=extra.price,
        quantity=extra.quantity,
        subscription=subscription["id"],
        metadata=extra.metadata,
    )


def bill(
    call: Call,
    customer: Json,
    subscription: Json,
    drawn: list[Json],
    *,
    now: int,
    reason: str,
    period: tuple[int, int],
    **more: Any,
) -> Json:
    """A draft of what waits for the subscription's next invoice and these lines; it is the newest from now on."""
    identifier = ids.new("in")
    taken = invoice_items.take(call, waiting(call, subscription), identifier)
    invoice = invoices.make(
        call,
        customer,
        [*taken, *drawn],
        now=now,
        currency=subscription["currency"],
        reason=reason,
        period=period,
        subscription=subscription,
        identifier=identifier,
        **more,
    )
    for line in invoice["lines"]["data"]:
        note_billed(subscription, line)
    events.change(call, subscription, latest_invoice=invoice["id"])
    return invoice


def waiting(call: Call, subscription: Json) -> list[Json]:
    """What its next invoice takes along."""
    return invoice_items.waiting_for(call, subscription["customer"], subscription["id"], subscription["currency"])


def note_billed(subscription: Json, line: Json) -> None:
    """Remembers for what time an item was last asked to be paid, how much and where: credits are counted from that.

    A proration was noted when it was made; its invoice adds where.
    """
    details, billed = line["parent"]["subscription_item_details"], subscription["_"]["billed"]
    if details is None:
        return
    start, end = line["period"]["start"], line["period"]["end"]
    source = {"invoice": line["invoice"], "invoice_line_items": [line["id"]]}
    if not details["proration"]:
        facts = {"amount": line["amount"], "start": start, "end": end}
        billed[details["subscription_item"]] = {**facts, "source": source}
        return
    known = billed.get(details["subscription_item"])
    if known and (known["amount"], known["start"]) == (line["amount"], start):
        known["source"] = source


# -- what comes due --------------------------------------------------------------------


@clocks.job
def expire_incomplete(call: Call, subscription: Json) -> None:
    """Nobody paid its first invoice in time: incomplete_expired, and the invoice void."""
    if subscription["status"] != "incomplete":
        return
    now = clocks.now(call, subscription)
    clocks.forget(call, subscription)
    standing.put(call, subscription, status="incomplete_expired", ended_at=now, canceled_at=now)
    invoice = call.find(subscription["latest_invoice"], "invoice")
    if invoice and invoice["status"] == "open":
        collection.void(call, invoice)
