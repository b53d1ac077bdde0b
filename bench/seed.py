"""Rows by the thousand, straight into the database: orders as they stand when their hosted page is open."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bench.story import TOTAL_MINOR, Opened
from kit import ids

_ORDERS = """
INSERT INTO orders (id, merchant_id, status, currency, total_minor, version, reference, metadata, created_at,
                    updated_at)
SELECT o, $2, 'open', 'EUR', $4, 3, 'No. ' || n, '{"channel": "web"}', $3, $3
  FROM unnest($1::text[]) WITH ORDINALITY AS t(o, n)"""
_ITEMS = """
INSERT INTO line_items (id, order_id, position, name, unit_amount_minor, quantity, amount_minor)
SELECT replace(o, 'ord_', 'li' || p || '_'), o, p, name, unit, quantity, unit * quantity
  FROM unnest($1::text[]) AS o,
       (VALUES (1, 'Filter coffee, 1 kg', 1850, 1), (2, 'Paper filters', 320, 2), (3, 'Cup', 690, 4))
         AS items(p, name, unit, quantity)"""
_PAYMENTS = """
INSERT INTO payments (id, merchant_id, order_id, gateway, livemode, status, recurrence, capture_method, currency,
                      amount_minor, authorized_minor, captured_minor, refunded_minor, disputed_minor, fee_minor,
                      fee_currency, idempotency_key, request, session_token, checkout_url, expires_at, inquire_at,
                      inquiries, created_at, updated_at)
SELECT p, $3, o, 'stripe', false, 'open', 'sale', 'automatic', 'EUR', $6, 0, 0, 0, 0, 104, 'EUR', p, '{}', s,
       'https://checkout.example/' || s, $5, $5, 0, $4, $4
  FROM unnest($1::text[], $2::text[], $7::text[]) AS t(p, o, s)"""
_EVENTS = """
INSERT INTO events (id, merchant_id, subject_id, payment_id, version, sequence, type, cause, data, recorded_at)
SELECT replace(o, 'ord_', 'evt' || v || '_'), $3, o, CASE WHEN v > 1 THEN p END, v,
       $4::bigint + (n - 1) * 3 + v, type, '{"kind":"api","ref":"key"}', '{"currency":"EUR"}', $5
  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(p, o, n),
       (VALUES (1, 'order.created'), (2, 'payment.created'), (3, 'payment.open')) AS kinds(v, type)"""


async def open_orders(url: str, merchant_id: str, count: int) -> list[Opened]:
    """Orders of three items, each with an open payment whose fee is known, so that no reconciliation is due."""
    now = datetime.now(UTC)
    made = [_new(now + timedelta(milliseconds=number - count)) for number in range(count)]
    order_ids, payment_ids = [one.order_id for one in made], [one.payment_id for one in made]
    tokens = [one.session_token for one in made]
    connection: Any = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            sequence = await connection.fetchval(
                "UPDATE merchants SET event_sequence = event_sequence + $2 WHERE id = $1 RETURNING event_sequence",
                merchant_id,
                3 * count,
            )
            await connection.execute(_ORDERS, order_ids, merchant_id, now, TOTAL_MINOR)
            await connection.execute(_ITEMS, order_ids)
            expires_at = now + timedelta(hours=1)
            await connection.execute(
                _PAYMENTS, payment_ids, order_ids, merchant_id, now, expires_at, TOTAL_MINOR, tokens
            )
            await connection.execute(_EVENTS, payment_ids, order_ids, merchant_id, sequence - 3 * count, now)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return made


def _new(moment: datetime) -> Opened:
    payment_id = ids.new("pay", moment)
    return Opened(ids.new("ord", moment), payment_id, f"cs_test_{payment_id[4:]}")


async def paid(url: str) -> int:
    """How many orders are paid, with one captured payment, one posting and two events each."""
    connection: Any = await asyncpg.connect(url)
    try:
        found: int = await connection.fetchval(
            """SELECT count(*) FROM orders o JOIN payments p ON p.order_id = o.id
                WHERE o.status = 'paid' AND p.status = 'captured' AND p.captured_minor = o.total_minor
                  AND (SELECT count(*) FROM postings WHERE payment_id = p.id) = 1
                  AND (SELECT count(*) FROM events WHERE subject_id = o.id) = o.version"""
        )
        return found
    finally:
        await connection.close()
