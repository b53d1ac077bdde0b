"""What a change within a period is worth: credits for time that was paid for, debits for what comes instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.store import Json
from sandbox.stripe import currencies
from sandbox.stripe.billing import invoice_items, lines, proration, subscriptions
from sandbox.world import Call


@dataclass(frozen=True)
class Part:
    """One proration: minor units (negative is a credit) of an item for the time from a moment to the period's end."""

    item: Json
    amount: int
    period: tuple[int, int]
    description: str
    credited: Json | None = None


def credits(call: Call, subscription: Json, old: list[Json], moment: int) -> list[Part]:
    """The unused time of these items."""
    found = [_credit(call, subscription, each, moment) for each in old]
    return [each for each in found if each]


def between(call: Call, subscription: Json, old: list[Json], new: list[Json], moment: int) -> list[Part]:
    """The unused time of the items that change or go, and the remaining time of what they become or what is new."""
    before, after = ({each["id"]: each for each in side} for side in (old, new))
    parts: list[Part | None] = []
    for identifier, item in before.items():
        if identifier not in after or _differ(item, after[identifier]):
            parts.append(_credit(call, subscription, item, moment))
    for identifier, item in after.items():
        if identifier not in before or _differ(before[identifier], item):
            parts.append(_debit(call, subscription, item, moment))
    return [each for each in parts if each]


def _differ(one: Json, other: Json) -> bool:
    return bool(one["price"]["id"] != other["price"]["id"] or one["quantity"] != other["quantity"])


def _credit(call: Call, subscription: Json, item: Json, moment: int) -> Part | None:
    """Nothing in a trial. The flexible mode gives back of what was asked for, the classic one of the price as it is."""
    if subscription["status"] == "trialing":
        return None
    start, end = subscriptions.period(subscription)
    billed = subscription["_"]["billed"].get(item["id"])
    if subscription["billing_mode"]["type"] == "classic":
        billed = {"amount": lines.price_of(item), "start": start, "end": end, "source": (billed or {}).get("source")}
    if billed is None or billed["end"] <= moment:
        return None
    step = currencies.step(subscription["currency"])
    amount = -proration.share(billed["amount"], billed["start"], billed["end"], moment, step)
    text = f"Unused time on {lines.named(call, item)} after {_day(moment)}"
    return Part(item, amount, (max(moment, billed["start"]), billed["end"]), text, billed["source"])


def _debit(call: Call, subscription: Json, item: Json, moment: int) -> Part | None:
    if subscription["status"] == "trialing" or not item["quantity"]:
        return None
    start, end = subscriptions.whole_period(subscription)
    amount = proration.share(lines.price_of(item), start, end, moment, currencies.step(subscription["currency"]))
    text = f"Remaining time on {lines.named(call, item)} after {_day(moment)}"
    return Part(item, amount, (moment, end), text)


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y")


def make_item(call: Call, customer: Json, subscription: Json, part: Part, now: int) -> Json:
    """The proration as an invoice item, waiting for the next invoice. What it is for is what is billed from now on."""
    billed = subscription["_"]["billed"]
    billed.pop(part.item["id"], None)
    if part.amount > 0:
        start, end = part.period
        billed[part.item["id"]] = {"amount": part.amount, "start": start, "end": end, "source": None}
    return invoice_items.make(
        call,
        customer,
        now=now,
        amount=part.amount,
        currency=subscription["currency"],
        description=part.description,
        period=part.period,
        price=part.item["price"],
        quantity=part.item["quantity"],
        subscription=subscription["id"],
        item=part.item["id"],
        proration=True,
        credited=part.credited,
        metadata=subscription["metadata"],
    )
