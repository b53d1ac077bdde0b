"""What vendors' accounts hold, from the ledger only: the newest snapshot, and the postings since."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.ledger import HELD, PAYOUTS, PSP_VENDOR, VENDOR_PAYABLE
from kit.database import reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, unit_of_work

_SETTLED = timedelta(hours=1)
"""A posting's number is given when it is written, and seen when it is committed: after this long, none is missing."""
_CHUNK, _WORTH_IT = 5_000, 1_000
"""How many postings are looked at at once, and from how many new ones on a vendor gets another snapshot."""
_CURSOR = ""
"""The snapshot without a vendor says how far was looked."""

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
    """Those of several of the merchant's vendors, by vendor and currency; one statement, whatever their past."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in await reading.fetch(_BALANCES, merchant_id, list(vendor_ids)):
        found[row["vendor_id"], row["currency"]][row["account"]] += int(row["amount"])
    return [_balance(*key, accounts) for key, accounts in sorted(found.items())]


async def opening(vendor_id: str, currency: str, before: datetime) -> Counter[str]:
    """What the vendor's accounts held just before a time, debits less credits. The caller knows whose vendor it is."""
    rows = await reading.fetch(_OPENING, vendor_id, currency, before)
    return Counter({row["account"]: int(row["amount"]) for row in rows})


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


_ACCOUNT = "substr({0}, 1, length({0}) - length(p.vendor_id) - 1)"
_MOVES = f"""
SELECT p.vendor_id, p.currency, {_ACCOUNT.format("p.debit")} AS account, p.amount_minor AS amount
  FROM known JOIN postings p ON p.vendor_id = known.vendor_id AND p.id > known.upto_id
 WHERE p.debit LIKE '%:' || p.vendor_id{{0}}
UNION ALL
SELECT p.vendor_id, p.currency, {_ACCOUNT.format("p.credit")}, -p.amount_minor
  FROM known JOIN postings p ON p.vendor_id = known.vendor_id AND p.id > known.upto_id
 WHERE p.credit LIKE '%:' || p.vendor_id{{0}}
UNION ALL
SELECT b.vendor_id, b.currency, b.account, b.amount_minor
  FROM known JOIN balance_snapshots b ON b.vendor_id = known.vendor_id AND b.upto_id = known.upto_id
"""  # noqa: S608 - only our own text
_SUM = "SELECT vendor_id, currency, account, CAST(SUM(amount) AS BIGINT) AS amount FROM ({0}) AS moves{1}"
_BY = " GROUP BY vendor_id, currency, account"
_UPTO = "COALESCE((SELECT MAX(n.upto_id) FROM balance_snapshots n WHERE n.vendor_id = {0}{1}), 0) AS upto_id"
_BALANCES = f"""WITH known AS (
  SELECT v.id AS vendor_id, {_UPTO.format("v.id", "")} FROM vendors v WHERE v.merchant_id = $1 AND v.id = ANY($2)
) {_SUM.format(_MOVES.format(""), _BY)}"""  # noqa: S608 - only our own text
_OPENING = f"""WITH known AS (
  SELECT CAST($1 AS TEXT) AS vendor_id, {_UPTO.format("$1", " AND n.taken_at <= $3")}
) {_SUM.format(_MOVES.format(" AND p.posted_at < $3"), " WHERE currency = $2" + _BY)}"""
_TAKE = f"""WITH known AS (
  SELECT each.vendor_id, {_UPTO.format("each.vendor_id", "")}
    FROM (SELECT DISTINCT vendor_id FROM postings WHERE vendor_id IS NOT NULL AND id > $1 AND id <= $2) AS each
), worth AS (
  SELECT known.vendor_id FROM known JOIN postings p ON p.vendor_id = known.vendor_id
     AND p.id > known.upto_id AND p.id <= $2 GROUP BY known.vendor_id HAVING count(*) >= {_WORTH_IT}
)
INSERT INTO balance_snapshots (vendor_id, currency, account, upto_id, amount_minor, taken_at)
SELECT vendor_id, currency, account, CAST($2 AS BIGINT), CAST(SUM(amount) AS BIGINT), $3::timestamptz
  FROM ({_MOVES.format(" AND p.id <= $2")}) AS moves WHERE vendor_id IN (SELECT vendor_id FROM worth){_BY}"""  # noqa: S608 - only our own text


async def take_snapshots(now: datetime) -> None:
    """Sums up what is old enough to be complete, a stretch at a time, for vendors with many new postings."""
    while await unit_of_work(lambda unit: _take(unit, now)):
        pass


async def _take(unit: Unit, now: datetime) -> bool:
    """Whether a whole stretch was there."""
    cursor = await unit.fetch_one("SELECT upto_id FROM balance_snapshots WHERE vendor_id = $1 FOR UPDATE", _CURSOR)
    since = int(cursor["upto_id"]) if cursor else 0
    last = await unit.fetch_one(
        f"""SELECT id, posted_at FROM postings WHERE vendor_id IS NOT NULL AND id > $1
             ORDER BY id LIMIT 1 OFFSET {_CHUNK - 1}""",  # noqa: S608 - a number of ours
        since,
    )
    if last is None or decode_time(last["posted_at"]) > now - _SETTLED:
        return False
    await unit.execute(_TAKE, since, last["id"], now)
    if cursor:
        await unit.execute("UPDATE balance_snapshots SET upto_id = $2 WHERE vendor_id = $1", _CURSOR, last["id"])
    else:
        await unit.execute(
            """INSERT INTO balance_snapshots (vendor_id, currency, account, upto_id, amount_minor, taken_at)
               VALUES ($1, $1, $1, $2, 0, $3)""",
            _CURSOR,
            last["id"],
            now,
        )
    return True
