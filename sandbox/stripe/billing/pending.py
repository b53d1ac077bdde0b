"""Updates with payment_behavior=pending_if_incomplete: they take effect once they are paid, or not at all."""

from __future__ import annotations

import copy
from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import events
from sandbox.stripe.billing import clocks, collection, dunning, renewals, standing, subscriptions, updates
from sandbox.stripe.errors import CardError, InvalidParameter
from sandbox.world import Call

ALLOWED: Final = frozenset(
    [
        "add_invoice_items",
        "billing_cycle_anchor",
        "expand",
        "items",
        "off_session",
        "payment_behavior",
        "proration_behavior",
        "proration_date",
        "trial_end",
    ]
)


def update(call: Call, subscription: Json, given: dict[str, Any]) -> None:
    """Changes it if that can be paid at once; else the change waits for its invoice, for 23 hours."""
    if other := sorted(given.keys() - ALLOWED):
        raise InvalidParameter(
            f"You can't update {', '.join(other)} with payment_behavior=pending_if_incomplete.", param=other[0]
        )
    try:
        with call.store.savepoint():
            changed = copy.deepcopy(subscription)
            updates.update(call, changed, {**given, "payment_behavior": "error_if_incomplete"})
    except CardError:
        _hold(call, subscription, given)


def _hold(call: Call, subscription: Json, given: dict[str, Any]) -> None:
    """The subscription stays as it is; the change is kept beside it, with an open invoice."""
    shadow = copy.deepcopy(subscription)
    change = updates.billed(call, shadow, given)
    shadow |= change.fields
    invoice = updates.draw(call, shadow, change, subscriptions.period(subscription))
    assert invoice is not None
    kept = {"fields": change.fields, "billed": shadow["_"]["billed"], "invoice": invoice["id"]}
    subscription["_"]["pending"] = kept
    expires = dunning.expires_at(call, subscription)
    standing.put(call, subscription, latest_invoice=invoice["id"], pending_update=_shown(change.fields, expires))
    clocks.schedule(call, expire_pending, subscription, expires)
    collection.finalize(call, invoice)
    collection.charge(call, call.get(invoice["id"], "invoice"), off_session=given.get("off_session", False))


def _shown(fields: dict[str, Any], expires: int) -> Json:
    return {
        **dict.fromkeys(
            ["cancel_at_period_end", "discount", "discounts", "metadata", "trial_from_plan"],
        ),
        "billing_cycle_anchor": fields.get("billing_cycle_anchor"),
        "expires_at": expires,
        "subscription_items": fields["items"]["data"] if "items" in fields else None,
        "trial_end": fields.get("trial_end"),
    }


@standing.when_closed
def invoice_closed(call: Call, subscription: Json, invoice: Json) -> None:
    """The invoice that a change waits for is paid: it takes effect. Any other end of it is the change's, too."""
    kept = subscription["_"].get("pending")
    if kept is None or kept["invoice"] != invoice["id"]:
        return
    subscription["_"]["pending"] = None
    clocks.cancel(call, expire_pending, subscription)
    if invoice["status"] != "paid":
        standing.put(call, subscription, pending_update=None)
        return
    subscription["_"]["billed"] = kept["billed"]
    standing.put(call, subscription, pending_update=None, **kept["fields"])
    events.emit(call, "customer.subscription.pending_update_applied", subscription)
    renewals.plan(call, subscription)


@clocks.job
def expire_pending(call: Call, subscription: Json) -> None:
    """Nobody paid for the change in time."""
    kept = subscription["_"].get("pending")
    if kept is None:
        return
    collection.void(call, call.get(kept["invoice"], "invoice"))
    after = call.get(subscription["id"], "subscription")
    events.emit(call, "customer.subscription.pending_update_expired", after)
