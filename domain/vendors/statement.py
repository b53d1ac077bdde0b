"""A vendor's statement: what became its own and what it was paid, line by line, from the ledger only."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.ledger import HELD, VENDOR_PAYABLE
from domain.reads import Page, Window
from domain.vendors.balances import opening
from kit.database import reading
from kit.database.reading import decode_time
from kit.money import decimal_of

MOST_LINES = 10_000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Of one vendor of the merchant's in one currency, from `since` on and before `until`."""

    merchant_id: str
    vendor_id: str
    currency: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Stand:
    """What is held for the vendor, and what is its own and not paid out: below 0, what it owes. In minor units."""

    held_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One posting, by how much it changes either."""

    number: int
    kind: str
    payment_id: str | None
    order_id: str | None
    held_by: int
    balance_by: int
    posted_at: datetime


async def stand(vendor_id: str, currency: str, at: datetime) -> Stand:
    """How the vendor stands just before a time."""
    accounts = await opening(vendor_id, currency, at)
    return Stand(-accounts[HELD], -accounts[VENDOR_PAYABLE])


_LINES = """
SELECT p.id, p.kind, p.payment_id, y.order_id, p.debit, p.credit, p.amount_minor, p.posted_at
  FROM postings p LEFT JOIN payments y ON y.id = p.payment_id
 WHERE p.merchant_id = $1 AND p.vendor_id = $2 AND p.currency = $3 AND p.posted_at >= $4 AND p.posted_at < $5
   AND p.kind IN ('share_held', 'share_returned', 'share_released', 'share_reclaimed', 'share_withheld',
                  'share_restored', 'payout_paid', 'payout_reversed')
   {0} ORDER BY p.posted_at {1}, p.id {1} LIMIT {2}
"""
_BEYOND = """
   AND (p.posted_at, p.id) {0} (SELECT k.posted_at, k.id FROM postings k WHERE k.id = ${1} AND k.vendor_id = $2)"""


async def lines(period: Period, window: Window) -> tuple[Page, list[Line]]:
    """A stretch of the lines, oldest first; its keys are the lines' numbers."""
    rows = await _rows(period, window.limit + 1, window)
    more, rows = len(rows) > window.limit, rows[: window.limit]
    rows = rows[::-1] if window.backward else rows
    page = (
        Page(rows, has_next=window.before is not None, has_previous=more)
        if window.backward
        else Page(rows, has_next=more, has_previous=window.after is not None)
    )
    return page, [_line(row, period.vendor_id) for row in rows]


async def count(period: Period) -> int:
    """How many lines there are; as slow as the period is busy."""
    return len(await _rows(period, MOST_LINES))


async def _rows(period: Period, limit: int, window: Window | None = None) -> list[dict[str, Any]]:
    args: list[Any] = [period.merchant_id, period.vendor_id, period.currency, period.since, period.until]
    beyond = ""
    for sign, line in ((">", window.after), ("<", window.before)) if window else ():
        if line is not None:
            args.append(line)
            beyond += _BEYOND.format(sign, len(args))
    order = "DESC" if window and window.backward else "ASC"
    return await reading.fetch(_LINES.format(beyond, order, limit), *args)


def _line(row: Row, vendor_id: str) -> Line:
    def change(account: str) -> int:
        name, amount = f"{account}:{vendor_id}", int(row["amount_minor"])
        return amount if row["credit"] == name else -amount if row["debit"] == name else 0

    return Line(
        number=row["id"],
        kind=row["kind"],
        payment_id=row["payment_id"],
        order_id=row["order_id"],
        held_by=change(HELD),
        balance_by=change(VENDOR_PAYABLE),
        posted_at=decode_time(row["posted_at"]),
    )


async def as_csv(period: Period) -> str | None:
    """The statement as a table, with the sums before and after it; None for one of more than MOST_LINES lines."""
    rows = await _rows(period, MOST_LINES + 1)
    if len(rows) > MOST_LINES:
        return None
    before = await stand(period.vendor_id, period.currency, period.since)
    return _table(period.currency, before, [_line(row, period.vendor_id) for row in rows])


def _table(currency: str, before: Stand, found: Iterable[Line]) -> str:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["at", "kind", "order", "payment", "held", "balance", "held after", "balance after", "currency"])
    held, balance = before.held_minor, before.balance_minor
    out.writerow(["", "opening", "", "", "", "", *_decimals(currency, held, balance), currency])
    for line in found:
        held, balance = held + line.held_by, balance + line.balance_by
        amounts = _decimals(currency, line.held_by, line.balance_by, held, balance)
        at = line.posted_at.isoformat()
        out.writerow([at, line.kind, line.order_id or "", line.payment_id or "", *amounts, currency])
    out.writerow(["", "closing", "", "", "", "", *_decimals(currency, held, balance), currency])
    return text.getvalue()


def _decimals(currency: str, *amounts_minor: int) -> list[str]:
    return [f"{decimal_of(amount, currency):f}" for amount in amounts_minor]
