"""A merchant's refund: reserved under the order's lock within the cap, then asked of the PSP."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from domain import idempotency
from domain.actions import PaymentAction, PaymentState, guard_payment
from domain.events import Cause
from domain.payments.ask import GatewayUnavailable
from domain.payments.operations import AmountTooLarge, check_step
from domain.payments.state import locked_state
from domain.payments.writing import Writing, write
from domain.refunds import ask
from domain.refunds.items import Named, named
from domain.refunds.rows import NewRefund, reserve
from domain.refusals import Fault, Findings, Refusal
from domain.splits.follow import follow
from gateways.base import GatewayError
from gateways.registry import Gateways
from kit import ids
from kit.database.unit import Unit, unit_of_work
from models import RefundReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a merchant wants given back. `amount_minor` None is all that can be; `items` names line items instead."""

    merchant_id: str
    payment_id: str
    amount_minor: int | None
    currency: str | None
    reason: RefundReason
    explanation: str | None
    items: Mapping[str, Named] | None = None


async def request(
    gateways: Gateways, wanted: Wanted, *, idempotency_key: str, body_digest: str, cause: Cause, now: datetime
) -> str:
    """Refunds; returns the refund's id. The same key and body refund once, and a retry goes on where it stopped.

    The cap holds under any concurrency. Raises why the payment's state does not allow it, or GatewayUnavailable
    while it is not known whether the PSP did it: the worker goes on asking with the same key.
    """
    key = idempotency.check(idempotency_key)
    refund_id, fresh = await unit_of_work(lambda unit: _reserve(unit, gateways, wanted, key, body_digest, cause, now))
    try:
        await (ask.ask_first if fresh else ask.ask_again)(gateways, refund_id, cause=cause, now=now)
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    return refund_id


async def _reserve(
    unit: Unit, gateways: Gateways, wanted: Wanted, key: str, body_digest: str, cause: Cause, now: datetime
) -> tuple[str, bool]:
    """The refund's id, and whether it is new."""
    names = {"merchant_id": wanted.merchant_id, "mutation": "refundCreate", "key": key, "body_digest": body_digest}
    state = await locked_state(unit, wanted.merchant_id, wanted.payment_id, now)
    if earlier := await idempotency.recall(unit, **names):  # under the lock: the same key waits for itself
        return earlier["refund_id"], False
    refund = await prepare(unit, wanted, state, gateways, now)
    await idempotency.claim(unit, **names, answer={"refund_id": refund.refund_id}, now=now)
    await reserve_now(unit, wanted.payment_id, refund, cause, now)
    return refund.refund_id, True


async def prepare(unit: Unit, wanted: Wanted, state: PaymentState, gateways: Gateways, now: datetime) -> NewRefund:
    """The refund of a locked payment, within the cap and within what is left of the items that are named."""
    if wanted.items is None:
        return new_refund(wanted, state, gateways, now)
    guard_payment(PaymentAction.REFUND, state)
    amounts = await named(unit, state, wanted.items, now)
    total = replace(wanted, amount_minor=sum(amounts.values()), currency=state.currency)
    return replace(new_refund(total, state, gateways, now), items=amounts)


def new_refund(wanted: Wanted, state: PaymentState, gateways: Gateways, now: datetime) -> NewRefund:
    """The refund within the cap; raises why the payment's state, or its gateway, does not allow it."""
    findings = Findings()
    explanation = findings.text(wanted.explanation, "The explanation", 500, "explanation", lines=True)
    findings.unless(
        wanted.reason is not RefundReason.OTHER or bool(explanation),
        "REASON_NOT_EXPLAINED",
        "OTHER is no reason by itself: say which in the explanation.",
        "explanation",
    )
    findings.refuse_if_any()
    guard_payment(PaymentAction.REFUND, state)
    if wanted.currency is not None and wanted.currency != state.currency:
        raise Refusal(Fault("CURRENCY_MISMATCH", f"The payment is in {state.currency}.", ("amount", "currency")))
    most = state.refundable_minor
    amount_minor = most if wanted.amount_minor is None else wanted.amount_minor
    if amount_minor < 1:
        raise Refusal(Fault("INVALID_AMOUNT", "The amount must be 1 or more minor units.", ("amount", "amountMinor")))
    if amount_minor > most:
        raise AmountTooLarge("AMOUNT_EXCEEDS_REFUNDABLE", amount_minor, most)
    check_step(gateways, amount_minor, state.currency)
    return NewRefund(
        refund_id=ids.new("re", now),
        reason=wanted.reason,
        explanation=explanation,
        amount_minor=amount_minor,
        asked_by_caller=True,
    )


async def reserve_now(unit: Unit, payment_id: str, refund: NewRefund, cause: Cause, now: datetime) -> None:
    """Reserves the refund of a locked payment, with its event and its postings."""
    payment = await unit.fetch_one(
        """SELECT p.id, p.merchant_id, p.order_id, p.gateway, p.currency, p.captured_minor, p.fee_minor, p.fee_currency,
                  o.version AS order_version, o.total_minor AS order_total_minor, o.is_split
             FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1""",
        payment_id,
    )
    assert payment is not None
    taken = await reserve(unit, payment, refund, now)
    writing = Writing(news=taken.news, entries=taken.entries)
    if payment["is_split"]:
        await follow(unit, payment, writing, captured_by=0, now=now)
    await write(unit, payment, writing, cause, now)
