"""Decides what is to be sent of a share, or taken back, and reserves it: one thing at a time for each share."""

from datetime import datetime, timedelta
from typing import Any

from domain import ledger
from domain.splits.rows import TRANSFERS
from domain.vendors.rows import locked
from kit import ids
from kit.database.unit import Unit
from kit.wakeups import wake
from models import PostingKind, TransferStatus

LEASE = timedelta(seconds=90)
"""How long whoever asks the PSP for a share's transfer has it to itself; longer than all the SDK's tries together."""
_NO_CHARGE_YET = timedelta(seconds=2)
_COLUMNS = """id, merchant_id, share_id, vendor_id, payment_id, reverses_id, currency, amount_minor, sourced, asks,
              created_at"""

Row = dict[str, Any]


async def reserve(unit: Unit, share_id: str, now: datetime) -> Row | None:
    """The transfer that the share wants next, with its key; None when it wants none, or has to wait.

    A share that is owed more than it got is sent the difference, less what its vendor owes; one that got more than it
    is owed is taken back from, after what the merchant withholds of it. What the PSP was asked for before, and has not
    answered, comes first.
    """
    share = await _locked(unit, share_id)
    earlier = await unit.fetch_one(
        f"SELECT {_COLUMNS} FROM transfers WHERE share_id = $1 AND status = 'reserved'",  # noqa: S608 - our own columns
        share_id,
    )
    if earlier:
        return earlier
    difference = share["owed_minor"] - share["transferred_minor"] - share["netted_minor"] - share["withheld_minor"]
    if difference < 0 < share["withheld_minor"]:
        difference += await _restore(unit, share, min(-difference, share["withheld_minor"]), now)
    if difference == 0:
        return await _wait(unit, share_id, None)
    vendor = await locked(unit, share["vendor_id"])
    if difference < 0:
        return await _take_back(unit, share, -difference, now)
    if vendor["disabled_at"] is not None or not vendor["transfers_enabled"]:
        return await _wait(unit, share_id, None)  # whatever changes that wakes it
    amount_minor = difference - await _net(unit, share, difference)
    if amount_minor == 0:
        return await _wait(unit, share_id, None)
    if share["charge_token"] is None:
        return await _wait(unit, share_id, now + _NO_CHARGE_YET)
    sourced = await _fits_the_charge(unit, share, amount_minor)
    return await _insert(unit, share, amount_minor, None, sourced, now)


async def _locked(unit: Unit, share_id: str) -> Row:
    """The share, locked behind its order, as everything locks them."""
    known = await unit.fetch_one("SELECT order_id FROM shares WHERE id = $1", share_id)
    assert known is not None
    await unit.fetch_one("SELECT id FROM orders WHERE id = $1 FOR UPDATE", known["order_id"])
    share = await unit.fetch_one(
        """SELECT s.id, s.merchant_id, s.order_id, s.payment_id, s.vendor_id, s.currency, s.owed_minor,
                  s.transferred_minor, s.netted_minor, s.withheld_minor, p.charge_token, p.captured_minor
             FROM shares s JOIN payments p ON p.id = s.payment_id WHERE s.id = $1 FOR UPDATE OF s""",
        share_id,
    )
    assert share is not None
    return share


async def _wait(unit: Unit, share_id: str, ask_at: datetime | None) -> Row | None:
    """Nothing is to be done for now."""
    await unit.execute("UPDATE shares SET ask_at = $2 WHERE id = $1", share_id, ask_at)
    return None


async def _net(unit: Unit, share: Row, most_minor: int) -> int:
    """How much of the share goes to what the vendor owes us, in minor units; the vendor is locked."""
    netted = min(await _debt(unit, share), most_minor)
    if netted:
        await _net_by(unit, share, netted)
    return netted


async def _debt(unit: Unit, share: Row) -> int:
    """What the vendor, which is locked, owes us in the share's currency."""
    row = await unit.fetch_one(
        """SELECT CAST(COALESCE(SUM(netted_minor), 0) AS BIGINT) AS n FROM shares
            WHERE vendor_id = $1 AND currency = $2 AND netted_minor <> 0""",
        share["vendor_id"],
        share["currency"],
    )
    assert row is not None
    return max(0, -int(row["n"]))


async def _net_by(unit: Unit, share: Row, amount_minor: int) -> None:
    await unit.execute("UPDATE shares SET netted_minor = netted_minor + $2 WHERE id = $1", share["id"], amount_minor)


async def take_again(unit: Unit, share_id: str, most_minor: int, now: datetime) -> int:
    """Has so much taken back after all of what could not be: in minor units, what it comes to."""
    share = await _locked(unit, share_id)
    await locked(unit, share["vendor_id"])
    debt = await _debt(unit, share)
    amount_minor: int = max(0, min(most_minor, debt, -share["netted_minor"], share["transferred_minor"]))
    if amount_minor:
        await _net_by(unit, share, amount_minor)
        await _wait(unit, share_id, now)
        unit.after_commit(lambda: wake(TRANSFERS))
    return amount_minor


async def _restore(unit: Unit, share: Row, amount_minor: int, now: datetime) -> int:
    """What the merchant took back at the PSP, and kept, counts as taken back for what goes back now."""
    left = share["withheld_minor"] - amount_minor
    await unit.execute("UPDATE shares SET withheld_minor = $2 WHERE id = $1", share["id"], left)
    row = await unit.fetch_one(
        "SELECT count(*) AS n FROM postings WHERE subject_id = $1 AND kind = 'share_restored'", share["id"]
    )
    assert row is not None
    posting = ledger.sharing(
        PostingKind.SHARE_RESTORED,
        share["id"],
        share["currency"],
        amount_minor,
        vendor_id=share["vendor_id"],
        payment_id=share["payment_id"],
        step=str(row["n"] + 1),
    )
    await ledger.post(unit, [posting], merchant_id=share["merchant_id"], now=now)
    return amount_minor


async def _take_back(unit: Unit, share: Row, amount_minor: int, now: datetime) -> Row | None:
    """A reversal of the share's newest transfer that has something left; what was never sent is owed by the vendor."""
    newest = await unit.fetch_one(
        """SELECT id, amount_minor - reversed_minor AS left_minor, sourced FROM transfers
            WHERE share_id = $1 AND status = 'made' AND reverses_id IS NULL AND amount_minor > reversed_minor
            ORDER BY id DESC LIMIT 1""",
        share["id"],
    )
    if newest is None:
        await _net_by(unit, share, -amount_minor)
        return await _wait(unit, share["id"], None)
    most = min(amount_minor, newest["left_minor"])
    return await _insert(unit, share, most, newest["id"], bool(newest["sourced"]), now)


async def _fits_the_charge(unit: Unit, share: Row, amount_minor: int) -> bool:
    """A charge is the source of as much as it took, transfers that were taken back included."""
    row = await unit.fetch_one(
        """SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) AS n FROM transfers
            WHERE payment_id = $1 AND sourced AND reverses_id IS NULL AND status <> 'failed'""",
        share["payment_id"],
    )
    assert row is not None
    return int(row["n"]) + amount_minor <= int(share["captured_minor"])


async def _insert(
    unit: Unit, share: Row, amount_minor: int, reverses_id: str | None, sourced: bool, now: datetime
) -> Row:
    await unit.execute("UPDATE shares SET ask_at = $2 WHERE id = $1", share["id"], now + LEASE)
    row = await unit.fetch_one(
        f"""INSERT INTO transfers (id, merchant_id, share_id, vendor_id, payment_id, reverses_id, status, currency,
                                   amount_minor, reversed_minor, sourced, asks, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, 0, $11, $11)
            RETURNING {_COLUMNS}""",  # noqa: S608 - our own columns
        ids.new("tr", now),
        share["merchant_id"],
        share["id"],
        share["vendor_id"],
        share["payment_id"],
        reverses_id,
        TransferStatus.RESERVED.value,
        share["currency"],
        amount_minor,
        sourced,
        now,
    )
    assert row is not None
    return row
