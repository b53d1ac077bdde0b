"""What happens to subscriptions by themselves: the next period, the end of a trial, the end that was asked for."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import events
from sandbox.stripe.billing import clocks, collection, invoices, lines, periods, standing, subscriptions
from sandbox.world import Call

DAY = 86400


def plan(call: Call, subscription: Json) -> None:
    """Plans the subscription's next steps by its dates. To be called whenever they have changed."""
    for run in (renew_subscription, end_subscription, tell_trial_end, tell_upcoming, resume_collection):
        clocks.cancel(call, run, subscription)
    if subscription["status"] in standing.OVER:
        return
    now, end = clocks.now(call, subscription), subscriptions.period(subscription)[1]
    if subscription["status"] != "paused":
        clocks.schedule(call, renew_subscription, subscription, end)
    if subscription["cancel_at"] and subscription["cancel_at"] < end:
        clocks.schedule(call, end_subscription, subscription, subscription["cancel_at"])
    if subscription["status"] == "trialing":
        clocks.schedule(call, tell_trial_end, subscription, max(now, subscription["trial_end"] - 3 * DAY))
    early = end - call.world.settings.upcoming_days * DAY
    if early > now and not ends_by(subscription, end):
        clocks.schedule(call, tell_upcoming, subscription, early)
    paused = subscription["pause_collection"]
    if paused and paused["resumes_at"]:
        clocks.schedule(call, resume_collection, subscription, paused["resumes_at"])


def ends_by(subscription: Json, moment: int) -> bool:
    """Whether it is to end at the latest then."""
    return subscription["cancel_at_period_end"] or bool(
        subscription["cancel_at"] and subscription["cancel_at"] <= moment
    )


@clocks.job
def renew_subscription(call: Call, subscription: Json) -> None:
    """A period is over: the next one begins with its invoice, or the subscription ends."""
    start, end = subscriptions.period(subscription)
    if subscription["status"] not in standing.LIVE or end > clocks.now(call, subscription):
        return
    if ends_by(subscription, end):
        _end(call, subscription, (start, end))
        return
    if subscription["status"] == "trialing" and _ends_with_trial(call, subscription):
        return
    begin_period(call, subscription, (start, end))


def _end(call: Call, subscription: Json, last: tuple[int, int]) -> None:
    """It ends as it was asked to; what still waits for an invoice is billed by a last one."""
    standing.end(call, subscription, "cancellation_requested")
    if not subscriptions.waiting(call, subscription):
        return
    customer, now = call.get(subscription["customer"], "customer"), clocks.now(call, subscription)
    invoice = subscriptions.bill(call, customer, subscription, [], now=now, reason="subscription_cycle", period=last)
    collection.finalize(call, invoice)
    collection.advance(call, call.get(invoice["id"], "invoice"))


def _ends_with_trial(call: Call, subscription: Json) -> bool:
    """A trial that is over with nothing to charge may end or pause the subscription."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if behavior == "create_invoice" or subscription["collection_method"] == "send_invoice":
        return False
    customer = call.get(subscription["customer"], "customer")
    if subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]:
        return False
    if behavior == "cancel":
        standing.end(call, subscription, "payment_failed")
    else:
        pause(call, subscription, "trial_end_without_payment_method")
    return True


def pause(call: Call, subscription: Json, reason: str) -> None:
    """No more periods and invoices until it is resumed."""
    now = clocks.now(call, subscription)
    why = {"paused": {"subscription": {"type": reason}, "transitioned_at": now, "type": "subscription"}}
    events.change(call, subscription, status="paused", status_details=why)
    clocks.forget(call, subscription)
    events.emit(call, "customer.subscription.paused", subscription)


def begin_period(call: Call, subscription: Json, last: tuple[int, int]) -> None:
    """The period after `last`, and its draft invoice, which is charged an hour later."""
    end = last[1]
    status = "active" if subscription["status"] == "trialing" else subscription["status"]
    _, until = periods.period_at(subscription["billing_cycle_anchor"], subscriptions.recurring_of(subscription), end)
    data = subscriptions.with_period(subscriptions.items(subscription), (end, until))
    fields = {"items": subscriptions.items_list(subscription["id"], data), "status": status}
    invoice = draw(call, call.get(subscription["customer"], "customer"), {**subscription, **fields}, last)
    standing.put(call, subscription, **fields, latest_invoice=invoice["id"])
    plan(call, subscription)
    after_draft(call, subscription, invoice)


def draw(call: Call, customer: Json, subscription: Json, last: tuple[int, int], **more: Any) -> Json:
    """A draft of the current period's lines, and of what waited for it."""
    now, drawn = clocks.now(call, subscription), lines_of_period(call, subscription)
    facts = {"automatically_finalizes_at": now + invoices.DRAFT_SECONDS, **more}
    return subscriptions.bill(
        call, customer, subscription, drawn, now=now, reason="subscription_cycle", period=last, **facts
    )


def lines_of_period(call: Call, subscription: Json) -> list[Json]:
    """Each item's current period at its whole price."""
    start, end = subscriptions.period(subscription)
    return [
        lines.of_period(call, subscription, each, start, end, lines.price_of(each))
        for each in subscriptions.items(subscription)
    ]


def after_draft(call: Call, subscription: Json, invoice: Json) -> None:
    """Plans a renewal's charge; unless collection is paused, or the subscription stands still unpaid."""
    paused = subscription["pause_collection"]
    if subscription["status"] == "unpaid" or (paused and paused["behavior"] == "keep_as_draft"):
        events.change(call, invoice, "invoice.updated", auto_advance=False, automatically_finalizes_at=None)
    elif paused:
        collection.finalize(call, invoice)
        if invoice["status"] == "open":
            end = collection.void if paused["behavior"] == "void" else collection.mark_uncollectible
            end(call, invoice)
    else:
        clocks.schedule(call, collection.finalize_invoice, invoice, invoice["automatically_finalizes_at"])


@clocks.job
def end_subscription(call: Call, subscription: Json) -> None:
    """It was to end at a moment within its period."""
    if subscription["status"] in standing.LIVE and subscription["cancel_at"]:
        _end(call, subscription, subscriptions.period(subscription))


@clocks.job
def tell_trial_end(call: Call, subscription: Json) -> None:
    if subscription["status"] == "trialing":
        events.emit(call, "customer.subscription.trial_will_end", subscription)


@clocks.job
def resume_collection(call: Call, subscription: Json) -> None:
    if subscription["pause_collection"]:
        standing.put(call, subscription, pause_collection=None)


@clocks.job
def tell_upcoming(call: Call, subscription: Json) -> None:
    """What the next renewal will ask for, some days before it."""
    if subscription["status"] not in ("active", "trialing", "past_due"):
        return
    events.emit(call, "invoice.upcoming", preview(call, subscription))


def preview(call: Call, subscription: Json) -> Json:
    """The next renewal's invoice, as it would be by now. It is not kept."""
    customer, last = call.get(subscription["customer"], "customer"), subscriptions.period(subscription)
    end = last[1]
    _, until = periods.period_at(subscription["billing_cycle_anchor"], subscriptions.recurring_of(subscription), end)
    then = {**subscription, "status": "active"}
    drawn = [
        *(lines.of_invoice_item(call, each) for each in subscriptions.waiting(call, subscription)),
        *(
            lines.of_period(call, then, each, end, until, lines.price_of(each))
            for each in subscriptions.items(subscription)
        ),
    ]
    return invoices.upcoming(call, customer, drawn, subscription, now=end, period=last)
