"""The one door for what a PSP says of an invoice, and of the money that came for it."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.events import Cause, NewEvent
from domain.invoices import rows
from domain.invoices.collect import collect
from domain.invoices.fold import Change, fold
from domain.payments.apply import NotYetKnown
from domain.subscriptions import cadence
from domain.subscriptions.writing import Row, Writing, lock, write
from gateways.billing import InvoiceEvidence, InvoicePaymentEvidence
from kit.database.unit import Unit
from models import InvoiceStatus

_log = logging.getLogger(__name__)


async def apply(unit: Unit, evidence: InvoiceEvidence, *, cause: Cause, now: datetime) -> None:
    """Takes the evidence in: the invoice, and as far as it tells them the payments, each into its order.

    Applying it again changes nothing. Raises NotYetKnown, with nothing changed.
    """
    subscription = await _subscription(unit, evidence)
    if evidence.livemode != subscription["livemode"] or evidence.account is not None:
        _log.error("The PSP tells of an invoice in another mode or account", extra={"invoice": evidence.token})
        return
    invoice = await rows.find(unit, evidence.gateway, evidence.token)
    if invoice is None:
        invoice = await rows.insert(unit, subscription, evidence, now)
        change = Change(columns={"status": invoice["status"]}, failed=_has_failed(evidence))
        change.asked = evidence.requires_action
    else:
        change = fold(invoice, evidence)
        await rows.update(unit, invoice["id"], change.columns, now)
        invoice |= change.columns
    writing = Writing(news=list(_told(invoice, change, evidence.occurred_at)))
    for payment in evidence.payments or ():
        await collect(unit, subscription, invoice, payment, cause=cause, now=now)
    if not evidence.whole and len(invoice["lines"]) <= len(evidence.lines):
        writing.columns["inquire_at"] = now + cadence.SETTLING
    else:
        await _plan(unit, subscription, invoice, writing, now, all_told=evidence.payments is not None)
    await write(unit, subscription, writing, cause, now)


async def apply_payment(unit: Unit, evidence: InvoicePaymentEvidence, *, cause: Cause, now: datetime) -> None:
    """Takes in money that came for an invoice. Raises NotYetKnown while the invoice is not."""
    subscription = await lock(unit, "invoice", evidence.gateway, evidence.invoice_token)
    if subscription is None:
        raise NotYetKnown("No invoice of ours has this token yet.", ours=False)
    invoice = await rows.find(unit, evidence.gateway, evidence.invoice_token)
    assert invoice is not None
    if evidence.livemode != subscription["livemode"] or evidence.currency != invoice["currency"] or evidence.account:
        _log.error("The PSP contradicts our books about an invoice", extra={"invoice": evidence.invoice_token})
        return
    await collect(unit, subscription, invoice, evidence.payment, cause=cause, now=now)
    writing = Writing()
    whole = evidence.payment.amount_minor >= invoice["due_minor"]
    await _plan(unit, subscription, invoice, writing, now, all_told=whole)
    await write(unit, subscription, writing, cause, now)


async def _subscription(unit: Unit, evidence: InvoiceEvidence) -> Row:
    for by, args in (
        ("id", (evidence.subscription_id,)),
        ("token", (evidence.gateway, evidence.subscription_token)),
    ):
        if args[-1] is not None and (row := await lock(unit, by, *args)):
            return row
    raise NotYetKnown("No subscription of ours has this token yet.", ours=evidence.subscription_id is not None)


def _has_failed(evidence: InvoiceEvidence) -> bool:
    return evidence.standing.value == InvoiceStatus.OPEN and evidence.attempts > 0


def _told(invoice: Mapping[str, Any], change: Change, occurred_at: datetime | None) -> list[NewEvent]:
    kinds = [change.columns["status"].value] if "status" in change.columns else []
    if change.failed:
        kinds = ["payment_failed"]
    if change.asked:
        kinds.append("action_required")
    facts = {
        "invoice_id": invoice["id"],
        **{name: invoice[name] for name in ("number", "due_minor", "currency", "attempts")},
        "reason": invoice["reason"].value,
        "next_attempt_at": invoice["next_attempt_at"].isoformat() if invoice["next_attempt_at"] else None,
    }
    return [NewEvent(type=f"invoice.{kind}", data=facts, occurred_at=occurred_at) for kind in kinds]


async def _plan(
    unit: Unit,
    subscription: Row,
    invoice: Mapping[str, Any],
    writing: Writing,
    now: datetime,
    *,
    all_told: bool = False,
) -> None:
    """Money whose payment is not known yet is asked about soon; else as the subscription's cadence has it."""
    if not all_told and invoice["status"] is InvoiceStatus.PAID and not await rows.is_collected(unit, invoice):
        writing.columns["inquire_at"] = now + cadence.SETTLING
    elif cadence.is_settling(subscription["inquire_at"], now):
        writing.columns["inquire_at"] = cadence.next_inquiry(
            subscription["status"],
            created_at=subscription["created_at"],
            expires_at=subscription["expires_at"],
            period_end=subscription["period_end"],
            now=now,
        )
