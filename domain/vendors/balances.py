"""What vendors' accounts hold, from the ledger only: the newest snapshot, and the postings since."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.ledger import HELD, PAYOUTS, PSP_VENDOR, VENDOR_PAYABLE
from kit.database import reading
from kit.database.unit import Unit, unit_of_work

_SETTLED = timedelta(hours=1)
"""A posting's number is given when it is written, and seen when it is committed: after this long, none is missing."""
_CHUNK = 20_000

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A vendor's money in one currency, in minor units. `held` until it is released; `pending` is released and not yet
    in the vendor's account at the PSP; `available` is there; `in_transit` is on the way to its bank. `negative` is what
    the vendor owes."""

    vendor_id: str
    currency: str
    held_minor: int
    pending_minor: int
    available_minor: int
    in_transit_minor: int
    negative_minor: int


async def balances(vendor_ids: Sequence[str], merchant_id: str) -> list[Balance]:
    """Those of several of the merchant's vendors, by vendor and currency; three statements, whatever their past."""
    upto = await _watermark()
    args = (merchant_id, list(vendor_ids), upto)
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in (*await reading.fetch(_NEWEST, *args), *await reading.fetch(_SINCE, *args)):
        found[row["vendor_id"], row["currency"]][row["account"]] += int(row["amount"])
    return [_balance(*key, accounts) for key, accounts in sorted(found.items())]


def _balance(vendor_id: str, currency: str, accounts: Mapping[str, int]) -> Balance:
    """Of accounts as the ledger has them: debits less credits."""
    payable, at_psp, away = -accounts[VENDOR_PAYABLE], accounts[PSP_VENDOR], accounts[PAYOUTS]
    unsent = payable - at_psp - away
    return Balance(
        vendor_id=vendor_id,
        currency=currency,
        held_minor=-accounts[HELD],
        pending_minor=max(0, unsent),
        available_minor=at_psp,
        in_transit_minor=away,
        negative_minor=max(0, -unsent),
    )


async def _watermark() -> int:
    row = await reading.fetch_one("SELECT COALESCE(MAX(upto_id), 0) AS n FROM balance_snapshots")
    assert row is not None
    return int(row["n"])


_NEWEST = """
SELECT b.vendor_id, b.currency, b.account, b.amount_minor AS amount
  FROM balance_snapshots b JOIN vendors v ON v.id = b.vendor_id
 WHERE v.merchant_id = $1 AND b.vendor_id = ANY($2) AND b.upto_id = (
       SELECT MAX(n.upto_id) FROM balance_snapshots n
        WHERE n.vendor_id = b.vendor_id AND n.currency = b.currency AND n.account = b.account AND n.upto_id <= $3)
"""
_MOVES = """
SELECT vendor_id, currency, substr(debit, 1, length(debit) - length(vendor_id) - 1) AS account, amount_minor AS amount
  FROM postings WHERE {0} AND debit LIKE '%:' || vendor_id
UNION ALL
SELECT vendor_id, currency, substr(credit, 1, length(credit) - length(vendor_id) - 1), -amount_minor
  FROM postings WHERE {0} AND credit LIKE '%:' || vendor_id
"""
_SINCE = f"""SELECT vendor_id, currency, account, CAST(SUM(amount) AS BIGINT) AS amount FROM (
{_MOVES.format("merchant_id = $1 AND vendor_id = ANY($2) AND id > $3")}
) AS moves GROUP BY vendor_id, currency, account"""  # noqa: S608 - only our own text
_TAKE = f"""INSERT INTO balance_snapshots (vendor_id, currency, account, upto_id, amount_minor, taken_at)
SELECT vendor_id, currency, account, CAST($2 AS BIGINT), CAST(SUM(amount) AS BIGINT), $3::timestamptz FROM (
{_MOVES.format("vendor_id IS NOT NULL AND id > $1 AND id <= $2")}
UNION ALL
SELECT b.vendor_id, b.currency, b.account, b.amount_minor FROM balance_snapshots b
 WHERE b.upto_id = (SELECT MAX(n.upto_id) FROM balance_snapshots n
                     WHERE n.vendor_id = b.vendor_id AND n.currency = b.currency AND n.account = b.account)
   AND b.vendor_id IN (SELECT vendor_id FROM postings WHERE vendor_id IS NOT NULL AND id > $1 AND id <= $2)
) AS moves GROUP BY vendor_id, currency, account
ON CONFLICT (vendor_id, currency, account, upto_id) DO NOTHING"""  # noqa: S608 - only our own text


async def take_snapshots(now: datetime) -> None:
    """Sums up what is old enough to be complete, a stretch at a time."""
    while await unit_of_work(lambda unit: _take(unit, now)):
        pass


async def _take(unit: Unit, now: datetime) -> bool:
    """Whether there may be more."""
    since = await _watermark()
    row = await unit.fetch_one(
        f"""SELECT MAX(id) AS upto, count(*) AS n FROM (
              SELECT id FROM postings WHERE vendor_id IS NOT NULL AND id > $1
                 AND id <= (SELECT COALESCE(MAX(id), 0) FROM postings WHERE posted_at < $2)
               ORDER BY id LIMIT {_CHUNK}) AS settled""",  # noqa: S608 - a number of ours
        since,
        now - _SETTLED,
    )
    assert row is not None
    if row["upto"] is not None:
        await unit.execute(_TAKE, since, row["upto"], now)
    return int(row["n"]) == _CHUNK
