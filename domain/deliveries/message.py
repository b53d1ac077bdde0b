"""The message that tells of an event: the event's facts, and the order, payment or subscription they are about."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from kit import ids
from kit.database.reading import decode_json, decode_time

API_VERSION = "2026-11-01"
"""Names the shape of the messages; a new date when it changes in a way that readers could notice."""

Row = Mapping[str, Any]
Fetch = Callable[..., Awaitable[list[dict[str, Any]]]]

_ORDERS = """SELECT o.id, o.status, o.currency, o.total_minor, o.version, o.reference, o.metadata, o.created_at,
                    o.paid_at, o.payment_link_id, c.id AS customer_id, c.email, c.name
               FROM orders o LEFT JOIN customers c ON c.id = o.customer_id
              WHERE o.merchant_id = $1 AND o.id = ANY($2)"""
_ITEMS = """SELECT i.order_id, i.product_id, i.name, i.quantity, i.unit_amount_minor, i.amount_minor
              FROM line_items i JOIN orders o ON o.id = i.order_id
             WHERE o.merchant_id = $1 AND i.order_id = ANY($2) ORDER BY i.order_id, i.position"""
_PAYMENTS = """SELECT id, gateway, status, currency, amount_minor, authorized_minor, captured_minor, refunded_minor,
                      disputed_minor, method, created_at
                 FROM payments WHERE merchant_id = $1 AND id = ANY($2)"""


_SUBSCRIPTIONS = """SELECT s.id, s.status, s.quantity, s.plan_id, s.period_start, s.period_end, s.trial_end,
                          s.cancel_at_period_end, s.cancel_at, s.ended_at, s.version, s.metadata, s.created_at,
                          c.id AS customer_id, c.email, c.name
                     FROM subscriptions s JOIN customers c ON c.id = s.customer_id
                    WHERE s.merchant_id = $1 AND s.id = ANY($2)"""


async def tell(fetch: Fetch, merchant_id: str, events: Sequence[Row]) -> list[dict[str, Any]]:
    """A message for each of the merchant's events, in their order. What they are about is as `fetch` sees it now;
    however many events there are, it is asked three times, and once more where there are subscriptions."""
    subjects = {event["subject_id"] for event in events}
    subscription_ids = sorted(subject for subject in subjects if ids.prefix_of(subject) == "sub")
    order_ids = sorted(subjects - set(subscription_ids))
    payment_ids = sorted({event["payment_id"] for event in events if event["payment_id"]})
    items: dict[str, list[Row]] = {}
    for row in await fetch(_ITEMS, merchant_id, order_ids):
        items.setdefault(row["order_id"], []).append(row)
    orders = {row["id"]: _order(row, items.get(row["id"], ())) for row in await fetch(_ORDERS, merchant_id, order_ids)}
    payments = {row["id"]: _payment(row) for row in await fetch(_PAYMENTS, merchant_id, payment_ids)}
    rows = await fetch(_SUBSCRIPTIONS, merchant_id, subscription_ids) if subscription_ids else ()
    subscriptions = {row["id"]: _subscription(row) for row in rows}
    about = [
        {"order": orders.get(event["subject_id"]), "payment": payments.get(event["payment_id"])}
        | ({"subscription": subscriptions[event["subject_id"]]} if event["subject_id"] in subscriptions else {})
        for event in events
    ]
    return [_message(event, told) for event, told in zip(events, about, strict=True)]


def encode(value: object) -> str:
    """The body as it is sent and signed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def facts(data: Any) -> dict[str, Any]:
    """An event's facts as clients see them; amounts in minor units."""
    known: dict[str, Any] = decode_json(data)
    return {_camel(name): value for name, value in known.items()}


def _message(event: Row, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": event["id"],
        "type": event["type"],
        "timestamp": _time(event["recorded_at"]),
        "occurredAt": _time(event["occurred_at"]),
        "sequence": event["sequence"],
        "apiVersion": API_VERSION,
        "data": {**facts(event["data"]), **about},
    }


def _order(row: Row, items: Iterable[Row]) -> dict[str, Any]:
    return {
        **_told(row, "id", "currency", "total_minor", "version", "reference", "payment_link_id"),
        "status": row["status"].upper(),
        "metadata": decode_json(row["metadata"]),
        "customer": _customer(row) if row["customer_id"] else None,
        "items": [_told(i, "product_id", "name", "quantity", "unit_amount_minor", "amount_minor") for i in items],
        "createdAt": _time(row["created_at"]),
        "paidAt": _time(row["paid_at"]),
    }


def _subscription(row: Row) -> dict[str, Any]:
    times = {
        "currentPeriodStart": "period_start",
        "currentPeriodEnd": "period_end",
        "trialEnd": "trial_end",
        "cancelAt": "cancel_at",
        "endedAt": "ended_at",
        "createdAt": "created_at",
    }
    return {
        **_told(row, "id", "quantity", "plan_id", "version"),
        "status": row["status"].upper(),
        "cancelAtPeriodEnd": bool(row["cancel_at_period_end"]),
        "metadata": decode_json(row["metadata"]),
        "customer": _customer(row),
        **{name: _time(row[column]) for name, column in times.items()},
    }


def _customer(row: Row) -> dict[str, Any]:
    return {"id": row["customer_id"], "email": row["email"], "name": row["name"]}


def _payment(row: Row) -> dict[str, Any]:
    amounts = ("amount_minor", "authorized_minor", "captured_minor", "refunded_minor", "disputed_minor")
    return {
        **_told(row, "id", "gateway", "currency", *amounts),
        "status": row["status"].upper(),
        "method": decode_json(row["method"]),
        "createdAt": _time(row["created_at"]),
    }


def _told(row: Row, *columns: str) -> dict[str, Any]:
    return {_camel(column): row[column] for column in columns}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _time(value: Any) -> str | None:
    return decode_time(value).isoformat() if value else None
