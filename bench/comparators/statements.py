"""What Paygraph says to PostgreSQL, for a comparator that says the same without Paygraph around it.

tests/test_bench.py compares SETTLE, word for word, with what the product really says.
"""

from domain import events, ledger
from domain.payments import apply

INSERT_INBOX = """INSERT INTO webhook_events (id, gateway, event_token, type, payload, status, detail, tries, retry_at,
                                       received_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9) ON CONFLICT (gateway, event_token) DO NOTHING RETURNING id"""
LOCK = apply._LOCK_BY_ID
UPDATE_PAYMENT = (
    "UPDATE payments SET authorized_minor = $2, captured_minor = $3, intent_token = $4, status = $5,"
    " inquire_at = $6, updated_at = $7 WHERE id = $1"
)
UPDATE_ORDER = "UPDATE orders SET status = $2, paid_at = $3, version = $4, updated_at = $5 WHERE id = $1"
INSERT_EVENT, INSERT_EVENTS = events._insert(1), events._insert(2)
INSERT_POSTING = ledger._insert(1)
SETTLE = ("BEGIN", INSERT_INBOX, LOCK, UPDATE_PAYMENT, UPDATE_ORDER, INSERT_EVENTS, INSERT_POSTING, "COMMIT")

SETTLE_AT_ONCE = """
WITH inbox AS (
  INSERT INTO webhook_events (id, gateway, event_token, type, payload, status, tries, received_at)
  VALUES ($1, 'stripe', $2, $3, $4, 'applied', 0, $5) ON CONFLICT (gateway, event_token) DO NOTHING RETURNING id
), locked AS (
  SELECT p.id, p.merchant_id, p.order_id, p.currency, p.amount_minor, o.version
    FROM payments p JOIN orders o ON o.id = p.order_id, inbox
   WHERE p.id = $6 AND p.status = 'open' AND o.status = 'open' AND p.amount_minor = $7 FOR UPDATE OF o, p
), payment AS (
  UPDATE payments p SET authorized_minor = l.amount_minor, captured_minor = l.amount_minor, intent_token = $8,
                        status = 'captured', inquire_at = NULL, updated_at = $5
    FROM locked l WHERE p.id = l.id
), purchase AS (
  UPDATE orders o SET status = 'paid', paid_at = $5, version = o.version + 2, updated_at = $5
    FROM locked l WHERE o.id = l.order_id
), told AS (
  INSERT INTO events (id, merchant_id, subject_id, payment_id, version, type, cause, data, occurred_at, recorded_at)
  SELECT $9, l.merchant_id, l.order_id, l.id, l.version + 1, 'payment.captured', $10::jsonb, $11::jsonb,
         $12::timestamptz, $5 FROM locked l
  UNION ALL
  SELECT $13, l.merchant_id, l.order_id, l.id, l.version + 2, 'order.paid', $10::jsonb, $14::jsonb, NULL, $5
    FROM locked l
)
INSERT INTO postings (merchant_id, kind, subject_id, step, line, payment_id, debit, credit, currency, amount_minor,
                      posted_at)
SELECT l.merchant_id, 'capture', l.id, l.amount_minor::text, 1, l.id, 'psp_receivable', 'merchant_payable', l.currency,
       l.amount_minor, $5 FROM locked l"""

# A lifecycle before its webhook: what a careful hand would write, the same rows without reading any of them twice.

AUTHENTICATE = """SELECT k.id, k.merchant_id, k.scopes, k.expires_at, m.livemode FROM api_keys k
  JOIN merchants m ON m.id = k.merchant_id WHERE k.digest = $1"""
CLAIM_KEY = """INSERT INTO idempotency_records (merchant_id, mutation, key, body_digest, answer, created_at)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (merchant_id, mutation, key) DO NOTHING RETURNING id"""
INSERT_ORDER = """INSERT INTO orders (id, merchant_id, status, currency, total_minor, version, metadata, created_at,
  updated_at) VALUES ($1, $2, 'open', $3, $4, 1, '{}', $5, $5)"""
INSERT_ITEMS = """INSERT INTO line_items (id, order_id, position, name, unit_amount_minor, quantity, amount_minor)
  SELECT id, $1, position, name, unit, quantity, unit * quantity
    FROM unnest($2::text[], $3::int[], $4::text[], $5::bigint[], $6::int[]) AS t(id, position, name, unit, quantity)"""
LOCK_ORDER = """SELECT id, customer_id, status, currency, total_minor, version FROM orders
  WHERE id = $1 AND merchant_id = $2 FOR UPDATE"""
LOCK_TRIES = "SELECT id, status, expires_at FROM payments WHERE order_id = $1 FOR UPDATE"
READ_ITEMS = "SELECT name, unit_amount_minor, quantity FROM line_items WHERE order_id = $1 ORDER BY position"
INSERT_PAYMENT = """INSERT INTO payments (id, merchant_id, order_id, gateway, livemode, status, recurrence,
  capture_method, currency, amount_minor, authorized_minor, captured_minor, refunded_minor, disputed_minor,
  idempotency_key, request, asked_at, inquire_at, inquiries, created_at, updated_at)
  VALUES ($1, $2, $3, 'stripe', false, 'created', 'sale', 'automatic', $4, $5, 0, 0, 0, 0, $1, $6, $7, $8, 0, $7, $7)"""
OPEN_PAYMENT = """UPDATE payments SET session_token = $2, checkout_url = $3, expires_at = $4, status = 'open',
  asked_at = NULL, inquire_at = $5, updated_at = $6 WHERE id = $1"""
TURN_VERSION = "UPDATE orders SET version = version + 1, updated_at = $2 WHERE id = $1 RETURNING version"
