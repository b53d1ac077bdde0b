"""What must always hold of the money: read from the tables as they are, and compared with what the PSP says.

It speaks to the database and to the PSP by itself, so that it shares no mistake with the product.
"""

import asyncio
import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx

from gateways.stripe.currencies import from_wire
from models import (
    IN_FLIGHT,
    LIVE,
    ORDER_EDGES,
    PAYMENT_EDGES,
    REFUND_EDGES,
    DisputeStatus,
    OrderStatus,
    PaymentStatus,
    RefundReason,
    RefundStatus,
)
from tests import shares

Row = dict[str, Any]
_TABLES = (
    *("merchants", "orders", "payments", "refunds", "disputes", "events", "postings", "webhook_events"),
    *("splits", "split_rules", "holds", "shares", "transfers", "payouts", "vendors"),
)
_OF_MERCHANT = (
    *("orders", "payments", "refunds", "disputes", "events", "postings"),
    *("split_rules", "holds", "shares", "transfers", "payouts", "vendors"),
)
_BY_ID = ("orders", "payments", "refunds", "disputes", "splits", "split_rules")
_PATIENCE_SECONDS = 20
_ORDER_OF = {"events": "subject_id, version"}


def check(
    database_url: str, psp_url: str | None = None, *, merchant_id: str | None = None, settled: bool = True
) -> None:
    """Fails with every broken invariant, of all merchants or of one.

    `psp_url` is the sandbox whose word is compared. `settled`: as soon as nothing is under way any more, which is
    waited for, every event has its number and no message waits; without it only that is checked which holds at every
    moment.
    """
    deadline = time.monotonic() + (_PATIENCE_SECONDS if settled else 0)
    while found := broken(database_url, psp_url, merchant_id=merchant_id, settled=settled):
        assert time.monotonic() < deadline, "\n".join(found)
        time.sleep(0.1)


def broken(
    database_url: str, psp_url: str | None = None, *, merchant_id: str | None = None, settled: bool = True
) -> list[str]:
    """A sentence for each broken invariant; see `check`."""
    books = read(database_url, merchant_id)
    return [*found_in(books, settled=settled), *(_compared(books, _Psp.read(psp_url)) if psp_url else ())]


def found_in(books: "Books", *, settled: bool = True) -> list[str]:
    """A sentence for each invariant that the tables alone show to be broken."""
    return [
        *_orders(books),
        *_payments(books),
        *_refunds(books),
        *_ledger(books),
        *shares.found_in(books, settled=settled),
        *_sequences(books, settled),
        *(_inbox(books) if settled else ()),
    ]


@dataclass
class Books:
    """The tables at one moment, sorted out."""

    merchants: list[Row]
    orders: dict[str, Row]
    payments: dict[str, Row]
    refunds: dict[str, Row]
    disputes: dict[str, Row]
    events: list[Row]
    postings: list[Row]
    webhook_events: list[Row]
    splits: dict[str, Row]
    split_rules: dict[str, Row]
    holds: list[Row]
    shares: list[Row]
    transfers: list[Row]
    payouts: list[Row]
    vendors: list[Row]
    payments_of: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    refunds_of: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    events_of_order: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    events_of_payment: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    events_of_refund: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for payment in self.payments.values():
            self.payments_of[payment["order_id"]].append(payment)
        for refund in self.refunds.values():
            self.refunds_of[refund["payment_id"]].append(refund)
        for event in self.events:
            self.events_of_order[event["subject_id"]].append(event)
            if event["payment_id"]:
                self.events_of_payment[event["payment_id"]].append(event)
            if event["type"].startswith("refund."):
                self.events_of_refund[event["data"]["refund_id"]].append(event)

    @property
    def numbered_events(self) -> list[Row]:
        """In their sequence, those that have their number."""
        return sorted((event for event in self.events if event["sequence"]), key=lambda event: event["sequence"])

    def disputes_of(self, payment_id: str) -> list[Row]:
        return [dispute for dispute in self.disputes.values() if dispute["payment_id"] == payment_id]

    def in_flight(self, payment_id: str) -> int:
        return sum(r["amount_minor"] for r in self.refunds_of[payment_id] if RefundStatus(r["status"]) in IN_FLIGHT)


def read(database_url: str, merchant_id: str | None = None) -> Books:
    """Everything, or what belongs to one merchant, as of one moment."""
    tables = asyncio.run(_tables(database_url))
    for event in tables["events"]:
        event["data"], event["cause"] = json.loads(event["data"]), json.loads(event["cause"])
    if merchant_id is not None:
        own = {"merchants": "id"} | dict.fromkeys(_OF_MERCHANT, "merchant_id")
        for name, column in own.items():
            tables[name] = [row for row in tables[name] if row[column] == merchant_id]
        tables["webhook_events"] = []
    for name in _BY_ID:
        tables[name] = {row["id"]: row for row in tables[name]}
    return Books(**tables)


async def _tables(database_url: str) -> dict[str, Any]:
    statements = {name: f"SELECT * FROM {name} ORDER BY {_ORDER_OF.get(name, 'id')}" for name in _TABLES}
    parts = urlsplit(database_url)
    if parts.scheme == "sqlite":
        with closing(sqlite3.connect(f"/{(parts.netloc + parts.path).lstrip('/')}", timeout=20)) as file:
            file.row_factory = sqlite3.Row
            file.execute("BEGIN")
            return {name: [dict(row) for row in file.execute(statement)] for name, statement in statements.items()}
    connection = await asyncpg.connect(urlunsplit(parts._replace(scheme="postgres")))
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {name: [dict(row) for row in await connection.fetch(sql)] for name, sql in statements.items()}
    finally:
        await connection.close()


def _orders(books: Books) -> Iterator[str]:
    for order in books.orders.values():
        name, events = f"Order {order['id']}", books.events_of_order[order["id"]]
        versions = [event["version"] for event in events]
        if versions != list(range(1, order["version"] + 1)):
            yield f"{name} has version {order['version']}, its events {versions}."
        if [e["version"] for e in sorted(events, key=lambda e: e["position"])] != versions:
            yield f"{name} has events whose positions are not in the order of their versions."
        if [e["type"] for e in events].count("order.created") != 1 or events[0]["type"] != "order.created":
            yield f"{name} does not begin with its one order.created."
        yield from _order_status(order, Counter(event["type"] for event in events), name)
        yield from _order_money(books, order, name)


def _order_status(order: Row, told: Counter[str], name: str) -> Iterator[str]:
    ends = {OrderStatus.PAID: "order.paid", OrderStatus.CANCELED: "order.canceled"}
    for status in ORDER_EDGES[OrderStatus.OPEN]:
        if told[ends[status]] != (order["status"] == status):
            yield f"{name} is {order['status']} and has {told[ends[status]]} events {ends[status]}."
    if (order["paid_at"] is not None) != (order["status"] == OrderStatus.PAID):
        yield f"{name} is {order['status']}, paid_at is {order['paid_at']}."


def _order_money(books: Books, order: Row, name: str) -> Iterator[str]:
    """Invariant 1: money beyond the total is money that somebody gives back."""
    payments = books.payments_of[order["id"]]
    live = [payment["id"] for payment in payments if PaymentStatus(payment["status"]) in LIVE]
    if len(live) > 1:
        yield f"{name} has several live payments: {live}."
    paid_by = [e["payment_id"] for e in books.events_of_order[order["id"]] if e["type"] == "order.paid"]
    kept = sum(payment["captured_minor"] for payment in payments)
    for payment in payments:
        if payment["id"] not in paid_by:
            refunds = books.refunds_of[payment["id"]]
            kept -= sum(refund["amount_minor"] for refund in refunds if refund["reason"] == RefundReason.DUPLICATE)
    if kept > order["total_minor"]:
        yield f"{name} of {order['total_minor']} keeps {kept}."
    if order["status"] == OrderStatus.PAID and kept < order["total_minor"]:
        yield f"{name} of {order['total_minor']} is paid with {kept}."


def _payments(books: Books) -> Iterator[str]:
    """Invariants 3 and 4: every change is an allowed edge with one event; the fold of the events is the row."""
    for payment in books.payments.values():
        name, events = f"Payment {payment['id']}", books.events_of_payment[payment["id"]]
        if not events or [event["type"] == "payment.created" for event in events].index(True) != 0:
            yield f"{name} does not begin with payment.created."
        if sum(event["type"] == "payment.created" for event in events) != 1:
            yield f"{name} was not created once."
        if any(event["subject_id"] != payment["order_id"] for event in events):
            yield f"{name} is told of in another order."
        moves = [event["data"] for event in events if event["type"].startswith("payment.") and "to" in event["data"]]
        yield from _walk(name, payment["status"], moves, PAYMENT_EDGES, PaymentStatus.CREATED)
        for column, change in (("authorized_minor", "authorized_by"), ("captured_minor", "captured_by")):
            if sum(move[change] for move in moves) != payment[column]:
                yield f"{name}: the events' {change} add up to another {column} than {payment[column]}."
        if sum(move.get("fee_by", 0) for move in moves) != (payment["fee_minor"] or 0):
            yield f"{name}: the events' fee_by add up to another fee_minor than {payment['fee_minor']}."
        refunded = sum(e["data"]["refunded_by"] for e in events if e["type"].startswith("refund."))
        if refunded != payment["refunded_minor"]:
            yield f"{name}: the events' refunded_by add up to {refunded}, not to {payment['refunded_minor']}."
        disputed = sum(e["data"].get("disputed_by", 0) for e in events if e["type"].startswith("dispute."))
        held = sum(d["withdrawn_minor"] - d["reinstated_minor"] for d in books.disputes_of(payment["id"]))
        if not disputed == held == payment["disputed_minor"]:
            yield f"{name}: disputed {payment['disputed_minor']}, its events say {disputed}, its disputes {held}."
        if (payment["status"] == PaymentStatus.CAPTURED) != (payment["captured_minor"] > 0):
            yield f"{name} is {payment['status']} with {payment['captured_minor']} captured."


def _refunds(books: Books) -> Iterator[str]:
    """Invariants 2 and 3."""
    for payment in books.payments.values():
        refunds = books.refunds_of[payment["id"]]
        going = payment["refunded_minor"] + books.in_flight(payment["id"])
        if going > payment["captured_minor"]:
            yield f"Payment {payment['id']}: of {payment['captured_minor']} captured, {going} go back."
        done = sum(refund["amount_minor"] for refund in refunds if refund["status"] == RefundStatus.SUCCEEDED)
        if done != payment["refunded_minor"]:
            yield f"Payment {payment['id']}: refunded {payment['refunded_minor']}, but its refunds say {done}."
    for refund in books.refunds.values():
        moves = [event["data"] for event in books.events_of_refund[refund["id"]] if "to" in event["data"]]
        yield from _walk(f"Refund {refund['id']}", refund["status"], moves, REFUND_EDGES, RefundStatus.RESERVED)


def _walk(name: str, status: str, moves: list[Row], edges: Mapping[Any, Any], start: Any) -> Iterator[str]:
    stands = start
    for move in moves:
        if move["from"] != stands:
            yield f"{name} went from {move['from']}, but stood at {stands}."
        if move["to"] != move["from"] and move["to"] not in edges[type(start)(move["from"])]:
            yield f"{name} may not go from {move['from']} to {move['to']}."
        stands = move["to"]
    if stands != status:
        yield f"{name} is {status}, its events end with {stands}."


def _ledger(books: Books) -> Iterator[str]:
    """Invariants 5 and 6."""
    booked: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    accounts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    worlds: Counter[tuple[str, str]] = Counter()
    for posting in books.postings:
        amount, currency, payment_id = posting["amount_minor"], posting["currency"], posting["payment_id"]
        booked[payment_id][posting["kind"], currency] += amount
        for account, change in ((posting["debit"], amount), (posting["credit"], -amount)):
            accounts[payment_id][account, currency] += change
            worlds[posting["merchant_id"], currency] += change
    for (merchant_id, currency), total in worlds.items():
        if total:
            yield f"The books of {merchant_id} in {currency} add up to {total}."
    for payment_id in accounts.keys() - books.payments.keys() - {None}:  # payouts are of no payment
        yield f"The books know a payment {payment_id} that there is not."
    for payment in books.payments.values():
        held = Counter({key: amount for key, amount in accounts[payment["id"]].items() if amount})
        if held != (wanted := _accounts_of(books, payment)):
            yield f"Payment {payment['id']}: the books hold {dict(held)}, but should hold {dict(wanted)}."
        kinds, currency = booked[payment["id"]], payment["currency"]
        if kinds["capture", currency] != payment["captured_minor"]:
            yield f"Payment {payment['id']}: captured {payment['captured_minor']}, booked {kinds['capture', currency]}."
        if kinds["fee", payment["fee_currency"]] != (payment["fee_minor"] or 0):
            yield f"Payment {payment['id']}: the fee is {payment['fee_minor']}, booked {dict(kinds)}."
        if kinds["refund_paid", currency] - kinds["refund_reversed", currency] != payment["refunded_minor"]:
            yield f"Payment {payment['id']}: refunded {payment['refunded_minor']}, booked {dict(kinds)}."


def _accounts_of(books: Books, payment: Row) -> Counter[tuple[str, str]]:
    """What each account should hold because of this payment."""
    shared = shares.accounts_of(books, payment)
    currency, going = payment["currency"], books.in_flight(payment["id"])
    captured, refunded = payment["captured_minor"], payment["refunded_minor"]
    wanted: Counter[tuple[str, str]] = Counter()
    wanted["psp_receivable", currency] += captured - refunded
    wanted["merchant_payable", currency] -= captured - refunded - going
    wanted["refunds_in_flight", currency] -= going
    for dispute in books.disputes_of(payment["id"]):
        held, bearer = dispute["withdrawn_minor"] - dispute["reinstated_minor"], "disputes"
        if dispute["status"] == DisputeStatus.LOST:
            bearer = "merchant_payable"
        wanted[bearer, currency] += held
        fee = dispute["fee_minor"] - dispute["fee_returned_minor"]
        wanted["psp_receivable", currency] -= held + fee
        wanted["psp_fees", currency] += fee
    if payment["fee_minor"]:
        wanted["psp_receivable", payment["fee_currency"]] -= payment["fee_minor"]
        wanted["psp_fees", payment["fee_currency"]] += payment["fee_minor"]
    for account, amount in shared.items():
        wanted[account, currency] += amount
    return Counter({key: amount for key, amount in wanted.items() if amount})


def _sequences(books: Books, settled: bool) -> Iterator[str]:
    """Invariant 9."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in books.events:
        if event["sequence"] is not None:
            numbers[event["merchant_id"]].append(event["sequence"])
        elif settled:
            yield f"Event {event['id']} has no number yet."
    for merchant in books.merchants:
        if sorted(numbers[merchant["id"]]) != list(range(1, merchant["event_sequence"] + 1)):
            yield f"The events of {merchant['id']} are not numbered 1 to {merchant['event_sequence']}."
    for order_id, events in books.events_of_order.items():
        given = [event["sequence"] for event in events]
        known = [number for number in given if number is not None]
        if known != sorted(known) or given[: len(known)] != known:
            yield f"Order {order_id}: the sequence {given} is not in the order of the versions."


def _inbox(books: Books) -> Iterator[str]:
    for message in books.webhook_events:
        if message["status"] in {"kept", "stuck"}:
            yield f"Message {message['event_token']} ({message['type']}) is {message['status']}: {message['detail']}"


@dataclass
class _Psp:
    """The PSP's word; lists of Stripe's objects."""

    sessions: list[Row]
    intents: dict[str, Row]
    refunds: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, url: str) -> "_Psp":
        headers = {"Authorization": "Bearer sk_test_invariants"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            sessions, intents = _all(client, "/v1/checkout/sessions"), _all(client, "/v1/payment_intents")
            psp = cls(sessions, {intent["id"]: intent for intent in intents})
            for refund in _all(client, "/v1/refunds"):
                psp.refunds[refund["payment_intent"]].append(refund)
            return psp


def _all(client: httpx.Client, path: str) -> list[Row]:
    found: list[Row] = []
    while True:
        after = {"starting_after": found[-1]["id"]} if found else {}
        answer = client.get(path, params={"limit": "100", **after})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
        if not page["has_more"]:
            return found


def _compared(books: Books, psp: _Psp) -> Iterator[str]:
    """Everything that the PSP did for us is known here, once, and nothing that it did not do."""
    sessions: dict[str, list[Row]] = defaultdict(list)
    for session in psp.sessions:
        if session["client_reference_id"] in books.payments:
            sessions[session["client_reference_id"]].append(session)
    for payment in books.payments.values():
        found, name = sessions[payment["id"]], f"Payment {payment['id']} ({payment['status']})"
        if [session["id"] for session in found] != ([payment["session_token"]] if payment["session_token"] else []):
            yield f"{name}: the PSP has the sessions {[session['id'] for session in found]}."
        intent = found[0]["payment_intent"] if found else payment["intent_token"]
        if (found or intent) and payment["status"] != PaymentStatus.CONFLICTED:
            yield from _compare(books, psp, payment, psp.intents.get(intent), name)


def _compare(books: Books, psp: _Psp, payment: Row, intent: Row | None, name: str) -> Iterator[str]:
    currency = payment["currency"].lower()
    received = from_wire(intent["amount_received"], currency) if intent else 0
    if received != payment["captured_minor"]:
        yield f"{name}: the PSP received {received}, we know of {payment['captured_minor']}."
    theirs: Counter[str] = Counter()
    for refund in psp.refunds[intent["id"]] if intent else ():
        theirs[refund["status"]] += from_wire(refund["amount"], currency)
    ours: Counter[str] = Counter()
    for refund in books.refunds_of[payment["id"]]:
        ours[refund["status"]] += refund["amount_minor"]
    if theirs["succeeded"] != payment["refunded_minor"]:
        yield f"{name}: the PSP gave {theirs['succeeded']} back, we know of {payment['refunded_minor']}."
    if theirs["pending"] + theirs["requires_action"] != ours["pending"]:
        yield f"{name}: at the PSP {dict(theirs)} are on their way back, here {dict(ours)}."
