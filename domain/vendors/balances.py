"""What vendors' accounts hold, from the ledger only: the newest snapshot, and the postings since."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.ledger import HELD, PAYOUTS, PSP_VENDOR, VENDOR_PAYABLE
from kit.database import reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, unit_of_work

_SETTLED = timedelta(hours=1)
"""A posting's number is given when it is written, and seen when it is committed: after this long, none is missing."""
_CHUNK, _WORTH_IT, _AT_ONCE = 5_000, 1_000, 100
"""How many postings are looked at in one transaction, from how many new ones on a vendor gets another snapshot, and
how many vendors are summed up by one statement."""
_CURSOR = ""
"""The snapshot without a vendor says how far was looked."""
_LAST = 2**62

Fetch = Callable[..., Awaitable[list[dict[str, Any]]]]


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


@dataclass(slots=True)
class _Sums:
    """A vendor's accounts by currency and name, debits less credits, and how many postings came since its snapshot."""

    upto_id: int = 0
    accounts: Counter[tuple[str, str]] = field(default_factory=Counter)
    since: int = 0


async def balances(vendor_ids: Sequence[str], merchant_id: str) -> list[Balance]:
    """Those of several of the merchant's vendors, by vendor and currency; three statements, whatever their past."""
    owned = await reading.fetch(
        "SELECT id FROM vendors WHERE merchant_id = $1 AND id = ANY($2) ORDER BY id", merchant_id, list(vendor_ids)
    )
    sums = await _sums(reading.fetch, [row["id"] for row in owned])
    found = []
    for vendor_id, each in sums.items():
        for currency in sorted({currency for currency, _ in each.accounts}):
            accounts = {name: amount for (of, name), amount in each.accounts.items() if of == currency}
            found.append(_balance(vendor_id, currency, Counter(accounts)))
    return found


async def opening(vendor_id: str, currency: str, before: datetime) -> Counter[str]:
    """What the vendor's accounts held just before a time, debits less credits. The caller knows whose vendor it is."""
    sums = await _sums(reading.fetch, [vendor_id], before=before)
    return Counter({name: amount for (of, name), amount in sums[vendor_id].accounts.items() if of == currency})


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


async def _sums(
    fetch: Fetch, vendor_ids: Sequence[str], *, before: datetime | None = None, upto_id: int = _LAST
) -> dict[str, _Sums]:
    """The vendors' accounts, as of a time if one is given, up to a posting."""
    sums = {vendor_id: _Sums() for vendor_id in vendor_ids}
    if not sums:
        return sums
    for row in await fetch(_NEWEST, list(vendor_ids), before):
        known = sums[row["vendor_id"]]
        known.upto_id = row["upto_id"]
        known.accounts[row["currency"], row["account"]] += row["amount_minor"]
    timed = f"AND posted_at < ${len(sums) + 1}" if before else ""
    moves = " UNION ALL ".join(_moves(n, each.upto_id, upto_id, timed) for n, each in enumerate(sums.values(), 1))
    for row in await fetch(moves, *sums, *([before] if before else [])):
        _add(sums[row["vendor_id"]], row)
    return sums


def _add(sums: _Sums, row: Mapping[str, Any]) -> None:
    sums.since += int(row["n"])
    for account, amount in ((row["debit"], int(row["amount"])), (row["credit"], -int(row["amount"]))):
        name, _, vendor_id = account.partition(":")
        if vendor_id == row["vendor_id"]:
            sums.accounts[row["currency"], name] += amount


_NEWEST = """
SELECT b.vendor_id, b.currency, b.account, b.amount_minor, b.upto_id FROM balance_snapshots b JOIN (
  SELECT v.id, (SELECT MAX(n.upto_id) FROM balance_snapshots n
                 WHERE n.vendor_id = v.id AND ($2::timestamptz IS NULL OR n.taken_at <= $2)) AS upto_id
    FROM vendors v WHERE v.id = ANY($1)) AS newest ON b.vendor_id = newest.id AND b.upto_id = newest.upto_id
"""


def _moves(number: int, since_id: int, upto_id: int, timed: str) -> str:
    """One vendor's, so that it is planned for this vendor, with bounds that the planner sees: for the average vendor,
    and for any bounds, it may read the whole table."""
    return f"""SELECT vendor_id, currency, debit, credit, count(*) AS n, CAST(SUM(amount_minor) AS BIGINT) AS amount
                 FROM postings WHERE vendor_id = ${number} AND id > {since_id} AND id <= {upto_id} {timed}
                GROUP BY vendor_id, currency, debit, credit"""  # noqa: S608 - numbers of ours


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
    busy = await unit.fetch(
        "SELECT DISTINCT vendor_id FROM postings WHERE vendor_id IS NOT NULL AND id > $1 AND id <= $2 ORDER BY 1",
        since,
        last["id"],
    )
    for first in range(0, len(busy), _AT_ONCE):
        some = [row["vendor_id"] for row in busy[first : first + _AT_ONCE]]
        await _keep(unit, await _sums(unit.fetch, some, upto_id=last["id"]), last["id"], now)
    await _look_on(unit, cursor is None, last["id"], now)
    return True


async def _keep(unit: Unit, sums: Mapping[str, _Sums], upto_id: int, now: datetime) -> None:
    for vendor_id, each in sums.items():
        if each.since >= _WORTH_IT:
            for (currency, account), amount_minor in sorted(each.accounts.items()):
                await _insert(unit, vendor_id, currency, account, upto_id, amount_minor, now)


async def _look_on(unit: Unit, is_first: bool, upto_id: int, now: datetime) -> None:
    if is_first:
        await _insert(unit, _CURSOR, "", "", upto_id, 0, now)
    else:
        await unit.execute("UPDATE balance_snapshots SET upto_id = $2 WHERE vendor_id = $1", _CURSOR, upto_id)


async def _insert(
    unit: Unit, vendor_id: str, currency: str, account: str, upto_id: int, amount_minor: int, now: datetime
) -> None:
    await unit.execute(
        """INSERT INTO balance_snapshots (vendor_id, currency, account, upto_id, amount_minor, taken_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        vendor_id,
        currency,
        account,
        upto_id,
        amount_minor,
        now,
    )
