"""Takes in what was taken back of transfers at the PSP, and not asked for here: the merchant did it, and keeps it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.events import Cause
from domain.payments.apply import Foreign, NotYetKnown
from domain.payments.writing import write
from domain.splits.rows import TRANSFERS
from domain.transfers import record
from gateways.connect import Reversal, TransferEvidence
from kit import ids
from kit.database.unit import Unit
from kit.wakeups import wake
from models import PostingKind, TransferStatus

Row = Mapping[str, Any]


async def observe(unit: Unit, evidence: TransferEvidence, *, cause: Cause, now: datetime) -> None:
    """Observing it again changes nothing, and neither do reversals that we asked for: whoever asked records them.
    Raises Foreign for a transfer that is none of ours, and NotYetKnown for one whose answer has not come."""
    transfer = await _known(unit, evidence)
    payment = await record.locked(unit, transfer["payment_id"])
    unknown = await _unknown(unit, transfer, evidence.reversals)
    for reversal in unknown:
        row = await _insert(unit, transfer, reversal, now)
        withheld = await _withheld(unit, row)
        writing = await record.done(unit, row, now)
        await unit.execute(
            """UPDATE shares SET netted_minor = netted_minor + $2, withheld_minor = withheld_minor + $3
                WHERE id = $1""",
            transfer["share_id"],
            withheld["settled"],
            withheld["kept"],
        )
        if withheld["kept"]:
            writing.entries.append(record.entry(PostingKind.SHARE_WITHHELD, row, withheld["kept"]))
        await write(unit, payment, writing, cause, now)
        payment = {**payment, "order_version": payment["order_version"] + len(writing.news)}
    if unknown:
        unit.after_commit(lambda: wake(TRANSFERS))


async def _known(unit: Unit, evidence: TransferEvidence) -> dict[str, Any]:
    row = await unit.fetch_one(
        """SELECT t.id, t.merchant_id, t.share_id, t.vendor_id, t.payment_id, t.currency, t.sourced, t.token, t.status
             FROM transfers t JOIN vendors v ON v.id = t.vendor_id JOIN merchants m ON m.id = t.merchant_id
            WHERE t.id = $1 AND v.gateway = $2 AND m.livemode = $3""",
        evidence.transfer_id,
        evidence.gateway,
        evidence.livemode,
    )
    if row is not None and row["status"] == TransferStatus.RESERVED:
        raise NotYetKnown("The transfer's answer has not come.")
    if row is None or row["token"] != evidence.token:
        raise Foreign("It is no transfer of ours.")
    return row


async def _unknown(unit: Unit, transfer: Row, reversals: Sequence[Reversal]) -> list[Reversal]:
    """Those that are not ours and not known yet, oldest first."""
    rows = await unit.fetch(
        "SELECT id, token, status FROM transfers WHERE share_id = $1 AND reverses_id = $2",
        transfer["share_id"],
        transfer["id"],
    )
    tokens = {row["token"] for row in rows}
    asked = {row["id"] for row in rows if row["status"] != TransferStatus.FAILED}
    return [each for each in reversed(reversals) if each.token not in tokens and each.reversal_id not in asked]


async def _withheld(unit: Unit, reversal: Row) -> dict[str, int]:
    """How much of it pays what the vendor owes of this share, and how much the merchant keeps; the rest takes back what
    was to be taken back. What we ask the PSP for just now counts as done."""
    share = await unit.fetch_one(
        """SELECT s.owed_minor - s.transferred_minor - s.netted_minor - s.withheld_minor AS difference, s.netted_minor,
                  COALESCE(CASE WHEN t.reverses_id IS NULL THEN -t.amount_minor ELSE t.amount_minor END, 0) AS coming
             FROM shares s LEFT JOIN transfers t ON t.share_id = s.id AND t.status = 'reserved' WHERE s.id = $1""",
        reversal["share_id"],
    )
    assert share is not None
    amount = reversal["amount_minor"]
    beyond = min(amount, max(0, share["difference"] + share["coming"] + amount))
    settled = min(beyond, max(0, -share["netted_minor"]))
    return {"settled": settled, "kept": beyond - settled}


async def _insert(unit: Unit, transfer: Row, reversal: Reversal, now: datetime) -> dict[str, Any]:
    row = {
        "id": ids.new("tr", now),
        "merchant_id": transfer["merchant_id"],
        "share_id": transfer["share_id"],
        "vendor_id": transfer["vendor_id"],
        "payment_id": transfer["payment_id"],
        "reverses_id": transfer["id"],
        "status": TransferStatus.MADE.value,
        "currency": transfer["currency"],
        "amount_minor": reversal.amount_minor,
        "reversed_minor": 0,
        "sourced": transfer["sourced"],
        "token": reversal.token,
        "asks": 0,
        "created_at": now,
        "updated_at": now,
    }
    await unit.insert("transfers", row)
    return row
