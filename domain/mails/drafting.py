"""Writes the mails that events cause, behind the events: no payment waits for it, no event is missed or told twice.

Each merchant has a cursor in its sequence of events. It moves in the transaction that writes the mails.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from domain import reads
from domain.mails import subscriptions
from domain.mails.outbox import NewMail, put
from domain.mails.subscriptions import PageUrl
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from models import TO_MERCHANT, MailKind

_BATCH = 100  # the relay waits for the merchant's lock meanwhile
_MOST_ITEMS = 20
_log = logging.getLogger(__name__)

KINDS: Mapping[str, Sequence[MailKind]] = {
    "order.paid": (MailKind.RECEIPT, MailKind.PAID),
    "payment.failed": (MailKind.PAYMENT_FAILED,),
    "payment.conflicted": (MailKind.PAYMENT_CONFLICTED,),
    "refund.succeeded": (MailKind.REFUND,),
    "refund.failed": (MailKind.REFUND,),
    "dispute.warning_needs_response": (MailKind.DISPUTE_OPENED,),
    "dispute.needs_response": (MailKind.DISPUTE_OPENED,),
    "dispute.due_soon": (MailKind.DISPUTE_DUE_SOON,),
    "hold.due_soon": (MailKind.HOLD_DUE_SOON,),
    "webhook_endpoint.disabled": (MailKind.WEBHOOK_ENDPOINT_DISABLED,),
}
"""The mails that each type of an order's events may cause; all other types cause none."""


async def draft(page_url: PageUrl, *, now: datetime) -> None:
    """Writes the mails of every event that has its number. `page_url` tells where customers find their page of a
    subscription."""
    for row in await reading.fetch("SELECT id FROM merchants WHERE mailed_sequence < event_sequence"):
        await _draft_all(row["id"], page_url, now)


async def _draft_all(merchant_id: str, page_url: PageUrl, now: datetime) -> None:
    """One merchant's; what goes wrong with them is no reason to let the others wait."""
    try:
        while await unit_of_work(lambda unit: _draft(unit, merchant_id, page_url, now)):
            pass
    except Exception:
        _log.exception("A merchant's mails are written later", extra={"merchant_id": merchant_id})


async def _draft(unit: Unit, merchant_id: str, page_url: PageUrl, now: datetime) -> bool:
    """One stretch of the merchant's events; whether there may be more."""
    merchant = await unit.fetch_one(
        """SELECT id, mailed_sequence, event_sequence, contact_email, contact_locale FROM merchants
            WHERE id = $1 FOR NO KEY UPDATE""",
        merchant_id,
    )
    assert merchant is not None
    upto = min(merchant["mailed_sequence"] + _BATCH, merchant["event_sequence"])
    events = await _events(unit, merchant, upto)
    mails = [mail for event in events for mail in _mails(event, merchant)]
    mails += await subscriptions.mails(unit, merchant, upto, page_url)
    await put(unit, merchant_id, mails, now)
    await unit.execute("UPDATE merchants SET mailed_sequence = $2 WHERE id = $1", merchant_id, upto)
    return bool(upto < merchant["event_sequence"])


async def _events(unit: Unit, merchant: Mapping[str, Any], upto: int) -> list[dict[str, Any]]:
    """Those that may cause mail, each with what a mail about it has to say."""
    rows = await unit.fetch(
        """SELECT e.id, e.type, e.data, e.payment_id, o.id AS order_id, o.reference, o.total_minor, o.currency,
                   c.email, c.name, p.method
             FROM events e LEFT JOIN orders o ON o.id = e.subject_id
             LEFT JOIN customers c ON c.id = o.customer_id LEFT JOIN payments p ON p.id = e.payment_id
            WHERE e.merchant_id = $1 AND e.sequence > $2 AND e.sequence <= $3 AND e.type = ANY($4)
            ORDER BY e.sequence""",
        merchant["id"],
        merchant["mailed_sequence"],
        upto,
        list(KINDS),
    )
    events = [row | {"data": decode_json(row["data"]), "method": decode_json(row["method"]) or {}} for row in rows]
    await _add_disputes(merchant["id"], events)
    await _add_items(merchant["id"], events)
    return events


async def _add_disputes(merchant_id: str, events: Sequence[dict[str, Any]]) -> None:
    told = [event["data"]["dispute_id"] for event in events if "dispute_id" in event["data"]]
    found = await reads.by_ids("disputes", merchant_id, told) if told else {}
    for event in events:
        event["dispute"] = found.get(event["data"].get("dispute_id"))


async def _add_items(merchant_id: str, events: Sequence[dict[str, Any]]) -> None:
    """What was paid for: name, quantity, and amount in minor units of each row, unless there are too many."""
    paid = [event["order_id"] for event in events if event["type"] == "order.paid"]
    found: dict[str, list[Any]] = {order_id: [] for order_id in paid}
    for row in await reads.line_items(paid, merchant_id) if paid else ():
        found[row["order_id"]].append([row["name"], row["quantity"], row["amount_minor"]])
    for event in events:
        items = found.get(event["order_id"], []) if event["type"] == "order.paid" else []
        event["items"] = items if len(items) <= _MOST_ITEMS else []


def _mails(event: Mapping[str, Any], merchant: Mapping[str, Any]) -> Iterator[NewMail]:
    """The mails about one event. Whoever has no address gets none."""
    if not _is_news(event["type"], event["data"]):
        return
    facts = {name: value for name, value in _facts(event).items() if value is not None}
    for kind in KINDS[event["type"]]:
        recipient = merchant["contact_email"] if kind in TO_MERCHANT else event["email"]
        if recipient:
            yield NewMail(
                kind=kind,
                cause=event["id"],
                recipient=recipient,
                locale=merchant["contact_locale"] or "en",
                facts=facts,
                order_id=event["order_id"],
                payment_id=event["payment_id"],
                refund_id=event["data"].get("refund_id"),
            )


def _is_news(event_type: str, data: Mapping[str, Any]) -> bool:
    """A payer who sees a payment fail on its page needs no mail of it; one who was told to wait does."""
    if event_type == "payment.failed":
        return bool(data["from"] == "processing")
    return not event_type.endswith("needs_response") or data["from"] != data["to"]


def _facts(event: Mapping[str, Any]) -> dict[str, Any]:
    """What the mails about the event have to say; amounts in minor units, times in ISO 8601."""
    data, method, dispute = event["data"], event["method"], event["dispute"]
    due_by = decode_time(dispute["due_by"]).isoformat() if dispute and dispute["due_by"] else None
    return {
        "name": event["name"],
        "email": event["email"],
        "reference": event["reference"],
        "order_id": event["order_id"],
        "amount_minor": (dispute or data).get("amount_minor", event["total_minor"]),
        "currency": (dispute or data).get("currency", event["currency"]),
        "items": event["items"],
        "card": f"{method['brand']} {method['last4']}" if method.get("brand") and method.get("last4") else None,
        "outcome": data.get("to"),
        "reason": dispute["reason"] if dispute else data.get("reason"),
        "due_by": due_by or data.get("due_by"),
        "conflict": data.get("conflict"),
        "endpoint": data.get("url"),
    }
