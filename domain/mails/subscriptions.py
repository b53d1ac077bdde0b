"""The mails that the events of subscriptions cause: what failed, what ends. A renewal's receipt is its order's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain import reads
from domain.mails.outbox import NewMail
from kit.database.reading import decode_json
from kit.database.unit import Unit
from models import SUBSCRIPTION_ENDED, InvoiceReason, MailKind

PageUrl = Callable[[str], str]
"""Where a customer finds the page of a subscription, given its id."""

KINDS: Mapping[str, MailKind] = {
    "invoice.payment_failed": MailKind.RENEWAL_FAILED,
    "subscription.trial_ending": MailKind.TRIAL_ENDING,
    "subscription.canceled": MailKind.SUBSCRIPTION_CANCELED,
}
"""The mail that each type of a subscription's events may cause; all other types cause none."""


async def mails(unit: Unit, merchant: Mapping[str, Any], upto: int, page_url: PageUrl) -> list[NewMail]:
    """Those of one stretch of the merchant's events."""
    rows = await unit.fetch(
        """SELECT e.id, e.type, e.data, e.subject_id, c.email, c.name, s.status, p.name AS plan_name, v.currency,
                  v.amount_minor * s.quantity AS price_minor
             FROM events e JOIN subscriptions s ON s.id = e.subject_id JOIN customers c ON c.id = s.customer_id
             JOIN plans p ON p.id = s.plan_id JOIN plan_prices v ON v.id = s.price_id
            WHERE e.merchant_id = $1 AND e.sequence > $2 AND e.sequence <= $3 AND e.type = ANY($4)
            ORDER BY e.sequence""",
        merchant["id"],
        merchant["mailed_sequence"],
        upto,
        list(KINDS),
    )
    events = [row | {"data": decode_json(row["data"])} for row in rows]
    invoices = await _invoices(merchant["id"], events)
    return [
        NewMail(
            kind=KINDS[event["type"]],
            cause=event["id"],
            recipient=event["email"],
            locale=merchant["contact_locale"] or "en",
            facts=_facts(event, invoices.get(event["data"].get("invoice_id")), page_url),
            subscription_id=event["subject_id"],
        )
        for event in events
        if event["data"].get("reason") != InvoiceReason.START  # whoever begins is there, and sees it fail
    ]


async def _invoices(merchant_id: str, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    told = [event["data"]["invoice_id"] for event in events if "invoice_id" in event["data"]]
    return await reads.by_ids("invoices", merchant_id, told) if told else {}


def _facts(event: Mapping[str, Any], invoice: Mapping[str, Any] | None, page_url: PageUrl) -> dict[str, Any]:
    """What the mail has to say; amounts in minor units, times in ISO 8601."""
    ended = event["type"] == "subscription.canceled"
    last = event["type"] == "invoice.payment_failed" and not event["data"].get("next_attempt_at")
    facts = {
        "name": event["name"],
        "purpose": event["plan_name"],
        "reference": invoice["number"] if invoice else None,
        "amount_minor": None if ended else invoice["due_minor"] if invoice else event["price_minor"],
        "currency": event["currency"],
        "next_attempt_at": event["data"].get("next_attempt_at"),
        "trial_end": event["data"].get("trial_end"),
        "outcome": _after_the_last_try(event["status"]) if last else None,
        "url": page_url(event["subject_id"]),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _after_the_last_try(status: str) -> str:
    """What has become of what could not be paid: nothing is left to pay for, or the customer has to pay it."""
    return "ended" if status in SUBSCRIPTION_ENDED else "unpaid"
