"""The books: the one writer of postings, and sums over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from kit.database import reading
from kit.database.unit import Unit
from models import PostingKind

PSP_RECEIVABLE = "psp_receivable"
MERCHANT_PAYABLE = "merchant_payable"
PSP_FEES = "psp_fees"
REFUNDS_IN_FLIGHT = "refunds_in_flight"
DISPUTES = "disputes"
COMMISSION = "commission"
HELD, VENDOR_PAYABLE, PSP_VENDOR, PAYOUTS = "held", "vendor_payable", "psp_vendor", "payouts"
"""Of each vendor there is one of these: `held:ven_…` and so on."""
UNASSIGNED = "unassigned"
"""In the place of a vendor's id as long as there is none: `held:unassigned`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An amount that goes from `debit` to `credit`: a line of the ledger transaction (kind, subject, step)."""

    kind: PostingKind
    subject_id: str
    step: str
    payment_id: str | None
    debit: str
    credit: str
    currency: str
    amount_minor: int
    vendor_id: str | None = None
    line: int = 1


def capture(payment_id: str, currency: str, amount_minor: int, captured_so_far: int) -> Entry:
    """The PSP owes us what it took from the payer, and we owe it to the merchant."""
    return Entry(
        kind=PostingKind.CAPTURE,
        subject_id=payment_id,
        step=str(captured_so_far),
        payment_id=payment_id,
        debit=PSP_RECEIVABLE,
        credit=MERCHANT_PAYABLE,
        currency=currency,
        amount_minor=amount_minor,
    )


def fee(payment_id: str, currency: str, amount_minor: int, fee_so_far: int) -> Entry:
    """The PSP keeps its price of what it owes us."""
    return Entry(
        kind=PostingKind.FEE,
        subject_id=payment_id,
        step=str(fee_so_far),
        payment_id=payment_id,
        debit=PSP_FEES,
        credit=PSP_RECEIVABLE,
        currency=currency,
        amount_minor=amount_minor,
    )


_REFUND_ACCOUNTS = {
    PostingKind.REFUND_RESERVED: (MERCHANT_PAYABLE, REFUNDS_IN_FLIGHT),
    PostingKind.REFUND_PAID: (REFUNDS_IN_FLIGHT, PSP_RECEIVABLE),
    PostingKind.REFUND_RETURNED: (REFUNDS_IN_FLIGHT, MERCHANT_PAYABLE),
    PostingKind.REFUND_REVERSED: (PSP_RECEIVABLE, MERCHANT_PAYABLE),
}


def refund(kind: PostingKind, refund_id: str, payment_id: str, currency: str, amount_minor: int) -> Entry:
    """One of the steps of a refund's life, each of which happens at most once."""
    debit, credit = _REFUND_ACCOUNTS[kind]
    return Entry(
        kind=kind,
        subject_id=refund_id,
        step="once",
        payment_id=payment_id,
        debit=debit,
        credit=credit,
        currency=currency,
        amount_minor=amount_minor,
    )


_DISPUTE_ACCOUNTS = {
    PostingKind.DISPUTE_WITHDRAWN: (DISPUTES, PSP_RECEIVABLE),
    PostingKind.DISPUTE_REINSTATED: (PSP_RECEIVABLE, DISPUTES),
    PostingKind.DISPUTE_LOST: (MERCHANT_PAYABLE, DISPUTES),
    PostingKind.DISPUTE_FEE: (PSP_FEES, PSP_RECEIVABLE),
    PostingKind.DISPUTE_FEE_RETURNED: (PSP_RECEIVABLE, PSP_FEES),
}


def dispute(kind: PostingKind, dispute_id: str, payment_id: str, currency: str, amount_minor: int, step: str) -> Entry:
    """What a dispute moves; `step` is the total after it, or "once" for what happens at most once."""
    debit, credit = _DISPUTE_ACCOUNTS[kind]
    return Entry(
        kind=kind,
        subject_id=dispute_id,
        step=step,
        payment_id=payment_id,
        debit=debit,
        credit=credit,
        currency=currency,
        amount_minor=amount_minor,
    )


VENDOR_ACCOUNTS = {
    PostingKind.COMMISSION: (MERCHANT_PAYABLE, COMMISSION),
    PostingKind.COMMISSION_RETURNED: (COMMISSION, MERCHANT_PAYABLE),
    PostingKind.SHARE_HELD: (MERCHANT_PAYABLE, HELD),
    PostingKind.SHARE_RETURNED: (HELD, MERCHANT_PAYABLE),
    PostingKind.SHARE_RELEASED: (HELD, VENDOR_PAYABLE),
    PostingKind.SHARE_RECLAIMED: (VENDOR_PAYABLE, HELD),
    PostingKind.SHARE_WITHHELD: (VENDOR_PAYABLE, MERCHANT_PAYABLE),
    PostingKind.SHARE_RESTORED: (MERCHANT_PAYABLE, VENDOR_PAYABLE),
    PostingKind.TRANSFER: (PSP_VENDOR, PSP_RECEIVABLE),
    PostingKind.TRANSFER_REVERSED: (PSP_RECEIVABLE, PSP_VENDOR),
    PostingKind.PAYOUT: (PAYOUTS, PSP_VENDOR),
    PostingKind.PAYOUT_PAID: (VENDOR_PAYABLE, PAYOUTS),
    PostingKind.PAYOUT_RETURNED: (PSP_VENDOR, PAYOUTS),
    PostingKind.PAYOUT_REVERSED: (PSP_VENDOR, VENDOR_PAYABLE),
}


def sharing(
    kind: PostingKind,
    subject_id: str,
    currency: str,
    amount_minor: int,
    *,
    vendor_id: str | None,
    payment_id: str | None = None,
    step: str = "once",
    line: int = 1,
) -> Entry:
    """What goes from the merchant to a vendor (or UNASSIGNED) and back, or to the commission (`vendor_id` None)."""
    debit, credit = (
        f"{account}:{vendor_id}" if account in (HELD, VENDOR_PAYABLE, PSP_VENDOR, PAYOUTS) else account
        for account in VENDOR_ACCOUNTS[kind]
    )
    return Entry(
        kind=kind,
        subject_id=subject_id,
        step=step,
        payment_id=payment_id,
        debit=debit,
        credit=credit,
        currency=currency,
        amount_minor=amount_minor,
        vendor_id=None if vendor_id == UNASSIGNED else vendor_id,
        line=line,
    )


_COLUMNS = (
    "merchant_id, kind, subject_id, step, line, payment_id, vendor_id, debit, credit, currency, amount_minor, posted_at"
)


@cache
def _insert(rows: int) -> str:
    row = [f"({', '.join(f'${n * 12 + i + 1}' for i in range(12))})" for n in range(rows)]
    return f"INSERT INTO postings ({_COLUMNS}) VALUES {', '.join(row)}"  # noqa: S608 - only placeholders vary


async def post(unit: Unit, entries: Sequence[Entry], *, merchant_id: str, now: datetime) -> None:
    """Writes the entries; the same (kind, subject, step, line) cannot be written twice."""
    values: list[object] = []
    for entry in entries:
        values += (
            merchant_id,
            entry.kind.value,
            entry.subject_id,
            entry.step,
            entry.line,
            entry.payment_id,
            entry.vendor_id,
            entry.debit,
            entry.credit,
            entry.currency,
            entry.amount_minor,
            now,
        )
    if entries:
        await unit.execute(_insert(len(entries)), *values)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds: debits less credits, in minor units."""

    account: str
    currency: str
    amount_minor: int


async def balances(merchant_id: str, payment_id: str | None = None) -> list[Balance]:
    """Every account of the merchant (of one payment, if given); they add up to zero in each currency."""
    rows = await reading.fetch(
        """SELECT account, currency, CAST(SUM(amount) AS BIGINT) AS amount FROM (
             SELECT debit AS account, currency, amount_minor AS amount FROM postings
              WHERE merchant_id = $1 AND ($2::text IS NULL OR payment_id = $2)
             UNION ALL
             SELECT credit, currency, -amount_minor FROM postings
              WHERE merchant_id = $1 AND ($2::text IS NULL OR payment_id = $2)
           ) AS moves GROUP BY account, currency ORDER BY account, currency""",
        merchant_id,
        payment_id,
    )
    return [Balance(row["account"], row["currency"], row["amount"]) for row in rows]
