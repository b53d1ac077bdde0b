"""Writes down what came of a transfer: the row, the share, the books, and the event, in one transaction."""

from datetime import datetime, timedelta
from typing import Any

from domain import ledger
from domain.events import Cause, NewEvent
from domain.ledger import Entry
from domain.payments.writing import Writing, write
from kit.database.unit import Unit
from models import TRANSFER_EDGES, PostingKind, TransferStatus, advance

_PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
_CAPABILITY = frozenset({"insufficient_capabilities_for_transfer", "transfers_not_allowed", "account_invalid"})

Row = dict[str, Any]


async def made(unit: Unit, transfer: Row, token: str, cause: Cause, now: datetime) -> None:
    """The PSP has done it. Recording it again changes nothing."""
    payment = await locked(unit, transfer["payment_id"])
    if not await _end(unit, transfer, TransferStatus.MADE, token, None, None, now):
        return
    await write(unit, payment, await done(unit, transfer, now), cause, now)


async def done(unit: Unit, transfer: Row, now: datetime) -> Writing:
    """What it means that money was sent, or taken back; the payment is locked."""
    back = transfer["reverses_id"] is not None
    await unit.execute(
        """UPDATE shares SET transferred_minor = transferred_minor + $2, failures = 0, ask_at = $3, updated_at = $3
            WHERE id = $1""",
        transfer["share_id"],
        -transfer["amount_minor"] if back else transfer["amount_minor"],
        now,
    )
    if back:
        await unit.execute(
            "UPDATE transfers SET reversed_minor = reversed_minor + $2, updated_at = $3 WHERE id = $1",
            transfer["reverses_id"],
            transfer["amount_minor"],
            now,
        )
    kind = PostingKind.TRANSFER_REVERSED if back else PostingKind.TRANSFER
    news = _news("transfer.reversed" if back else "transfer.made", transfer)
    return Writing(news=[news], entries=[entry(kind, transfer, transfer["amount_minor"])])


def entry(kind: PostingKind, transfer: Row, amount_minor: int) -> Entry:
    return ledger.sharing(
        kind,
        transfer["id"],
        transfer["currency"],
        amount_minor,
        vendor_id=transfer["vendor_id"],
        payment_id=transfer["payment_id"],
    )


async def failed(
    unit: Unit, transfer: Row, code: str | None, reason: str, cause: Cause, now: datetime, *, left_minor: int = 0
) -> None:
    """The PSP refused. What could not be sent is tried again later, by another transfer. What could not be taken back
    is owed by the vendor from now on, but for `left_minor` that still can be, and what the merchant withholds."""
    payment = await locked(unit, transfer["payment_id"])
    if not await _end(unit, transfer, TransferStatus.FAILED, None, code, reason, now):
        return
    if transfer["reverses_id"] is not None:
        await unit.execute(
            """UPDATE shares SET netted_minor = netted_minor - CASE WHEN $2 > withheld_minor THEN $2 - withheld_minor
                                                                  ELSE 0 END, ask_at = $3, updated_at = $3
                WHERE id = $1""",
            transfer["share_id"],
            transfer["amount_minor"] - left_minor,
            now,
        )
    else:
        await _try_later(unit, transfer, code, now)
    news = _news("transfer.failed", transfer, {"code": code, "reason": reason[:500]})
    await write(unit, payment, Writing(news=[news]), cause, now)


async def _try_later(unit: Unit, transfer: Row, code: str | None, now: datetime) -> None:
    row = await unit.fetch_one("SELECT failures FROM shares WHERE id = $1", transfer["share_id"])
    assert row is not None
    pause = _PAUSES[min(row["failures"], len(_PAUSES) - 1)]
    await unit.execute(
        "UPDATE shares SET failures = failures + 1, ask_at = $2, updated_at = $3 WHERE id = $1",
        transfer["share_id"],
        now + pause,
        now,
    )
    if code in _CAPABILITY:
        await unit.execute("UPDATE vendors SET inquire_at = $2 WHERE id = $1", transfer["vendor_id"], now)


async def locked(unit: Unit, payment_id: str) -> Row:
    """The payment of a transfer with its order, both locked, and the share behind them."""
    payment = await unit.fetch_one(
        """SELECT p.id, p.merchant_id, p.order_id, o.version AS order_version
             FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1 FOR UPDATE OF o, p""",
        payment_id,
    )
    assert payment is not None
    return payment


async def _end(
    unit: Unit,
    transfer: Row,
    status: TransferStatus,
    token: str | None,
    code: str | None,
    reason: str | None,
    now: datetime,
) -> bool:
    """Whether it had not ended before."""
    advance(TRANSFER_EDGES, TransferStatus.RESERVED, status)
    ended = await unit.execute(
        """UPDATE transfers SET status = $2, token = $3, error_code = $4, error = $5, updated_at = $6
            WHERE id = $1 AND status = 'reserved'""",
        transfer["id"],
        status.value,
        token,
        code[:100] if code else None,
        reason[:500] if reason else None,
        now,
    )
    return bool(ended)


def _news(kind: str, transfer: Row, more: dict[str, Any] | None = None) -> NewEvent:
    told = {
        "transfer_id": transfer["id"],
        "vendor_id": transfer["vendor_id"],
        "reverses_id": transfer["reverses_id"],
        "amount_minor": transfer["amount_minor"],
        "currency": transfer["currency"],
    }
    return NewEvent(type=kind, payment_id=transfer["payment_id"], data=told | (more or {}))
