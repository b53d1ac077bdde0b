"""What must always hold of vendors' money: whose it is follows from the totals, and what was sent from whose it is.

Written down a second time, and otherwise than in the product: by exact fractions where the product counts units.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from models import RefundStatus

if TYPE_CHECKING:
    from tests.invariants import Books

Row = dict[str, Any]
_GONE = {RefundStatus.FAILED, RefundStatus.CANCELED}
_TOLERANCE = 3
"""In steps: by how much a share of a part may differ from the exact fraction of it."""


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def found_in(books: "Books", *, settled: bool) -> Iterator[str]:
    """A sentence for each broken invariant."""
    yield from _holds(books)
    yield from _transfers(books, settled)
    yield from _vendors(books)


def _holds(books: "Books") -> Iterator[str]:
    for hold in books.holds:
        name = f"Hold {hold['id']}"
        captured, returned, released = hold["captured_minor"], hold["returned_minor"], hold["released_minor"]
        if not 0 <= released <= captured or not 0 <= returned <= captured:
            yield f"{name}: captured {captured}, released {released}, returned {returned}."
        events = [event for event in books.events if event["type"] == "payment.split"]
        told = [each for event in events for each in event["data"]["holds"] if each["hold_id"] == hold["id"]]
        for column in ("captured", "returned", "released"):
            if sum(each[f"{column}_by"] for each in told) != hold[f"{column}_minor"]:
                yield f"{name}: the events' {column}_by add up to another amount than {hold[f'{column}_minor']}."
        yield from _posted(books, hold, name)
    for payment in books.payments.values():
        yield from _kept(books, payment)
    for order in books.orders.values():
        splits = [split for split in books.splits.values() if split["order_id"] == order["id"]]
        for split in splits:
            if sum(_json(split["plan"]).values()) != split["amount_minor"]:
                yield f"Split {split['id']}: its plan is not its amount."
            captured = sum(hold["captured_minor"] for hold in books.holds if hold["split_id"] == split["id"])
            if order["status"] == "paid" and captured != split["amount_minor"]:
                yield f"Split {split['id']} of a paid order: captured {captured} of {split['amount_minor']}."


def _kept(books: "Books", payment: Row) -> Iterator[str]:
    """What went back is out of the splits that it is said to be out of; where one had not so much, the rest of it is
    out of the others, so that together they never keep what is not there any more."""
    holds = [hold for hold in books.holds if hold["payment_id"] == payment["id"]]
    if not holds:
        return
    gone, out_of = _going_back(books, payment)
    kept = sum(hold["captured_minor"] - hold["returned_minor"] for hold in holds)
    own = payment["captured_minor"] - sum(hold["captured_minor"] for hold in holds) - out_of[""]
    there = max(0, payment["captured_minor"] - gone)
    step = max(books.splits[hold["split_id"]]["step"] for hold in holds)
    if kept - there >= step:
        yield f"Payment {payment['id']}: {there} is left of it, its holds keep {kept}."
    missing = own < 0 or any(hold["captured_minor"] < out_of[hold["split_id"]] for hold in holds)
    for hold in holds:
        returned, said = hold["returned_minor"], min(hold["captured_minor"], out_of[hold["split_id"]])
        if returned < said or (returned > said and not missing):
            yield f"Hold {hold['id']}: {returned} is said to be returned, its refunds and disputes say {said}."


def _going_back(books: "Books", payment: Row) -> tuple[int, Counter[str]]:
    """Refunds that have not failed, and what banks hold of disputes: in all, and by split; "" is the merchant's own."""
    going = [
        (refund["amount_minor"], _json(refund["parts"]) or {})
        for refund in books.refunds_of[payment["id"]]
        if refund["status"] not in _GONE
    ]
    for dispute in books.disputes_of(payment["id"]):
        if dispute["withdrawn_minor"] - dispute["reinstated_minor"] == dispute["amount_minor"]:
            going.append((dispute["amount_minor"], _json(dispute["parts"]) or {}))
    out_of: Counter[str] = Counter()
    for amount, parts in going:
        out_of.update(parts)
        out_of[""] += amount - sum(parts.values())
    return sum(amount for amount, _ in going), out_of


def _posted(books: "Books", hold: Row, name: str) -> Iterator[str]:
    """The parties have all that is kept, each about what the plan gives it, and nobody less than nothing."""
    split = books.splits[hold["split_id"]]
    plan, step = _json(split["plan"]), split["step"]
    accounts = _accounts(books, hold["id"])
    kept = hold["captured_minor"] - hold["returned_minor"]
    if any(amount < 0 for account, amount in accounts.items() if account != "merchant_payable"):
        yield f"{name}: {dict(accounts)} goes below zero."
    if sum(accounts.values()) != 0 or -accounts["merchant_payable"] > kept:
        yield f"{name}: {kept} is kept, its parties have {dict(accounts)}."
    if hold["fee_minor"] == 0:
        exact = plan.get("commission", 0) * kept / split["amount_minor"]
        if abs(accounts["commission"] - exact) > _TOLERANCE * step:
            yield f"{name}: the commission of {kept} is {accounts['commission']}, exactly {exact}."
    if kept == split["amount_minor"] and accounts["commission"] != plan.get("commission", 0):
        yield f"{name}: all of it is kept, and the commission is {accounts['commission']}."
    if kept == 0 and any(accounts.values()):
        yield f"{name}: nothing is kept, but its parties have {dict(accounts)}."
    released = sum(amount for account, amount in accounts.items() if account.startswith("vendor_payable:"))
    held = sum(amount for account, amount in accounts.items() if account.startswith("held:"))
    if hold["released_minor"] == 0 and released:
        yield f"{name}: nothing is released, but vendors have {released}."
    if min(hold["released_minor"], kept) == kept and held:
        yield f"{name}: all is released, but {held} is held."


def _accounts(books: "Books", hold_id: str) -> Counter[str]:
    """What its postings have left in each account, credits less debits."""
    found: Counter[str] = Counter()
    for posting in books.postings:
        if posting["subject_id"] == hold_id:
            found[posting["credit"]] += posting["amount_minor"]
            found[posting["debit"]] -= posting["amount_minor"]
    return found


def accounts_of(books: "Books", payment: Row) -> Counter[str]:
    """What the accounts hold because this payment was shared, debits less credits."""
    found: Counter[str] = Counter()
    for hold in books.holds:
        if hold["payment_id"] == payment["id"]:
            found.subtract(_accounts(books, hold["id"]))
    for transfer in books.transfers:
        if transfer["payment_id"] == payment["id"] and transfer["status"] == "made":
            amount = -transfer["amount_minor"] if transfer["reverses_id"] else transfer["amount_minor"]
            found[f"psp_vendor:{transfer['vendor_id']}"] += amount
            found["psp_receivable"] -= amount
    for share in books.shares:
        if share["payment_id"] == payment["id"]:
            found[f"vendor_payable:{share['vendor_id']}"] += share["withheld_minor"]
            found["merchant_payable"] -= share["withheld_minor"]
    return found


def _transfers(books: "Books", settled: bool) -> Iterator[str]:
    for share in books.shares:
        name = f"Share {share['id']}"
        mine = [transfer for transfer in books.transfers if transfer["share_id"] == share["id"]]
        made = [t for t in mine if t["status"] == "made"]
        sent = sum(-t["amount_minor"] if t["reverses_id"] else t["amount_minor"] for t in made)
        if sent != share["transferred_minor"] or sent < 0:
            yield f"{name}: {share['transferred_minor']} is said to be sent, its transfers say {sent}."
        holds = {hold["id"] for hold in books.holds if hold["payment_id"] == share["payment_id"]}
        account = f"vendor_payable:{share['vendor_id']}"
        owed = sum(_accounts(books, hold_id)[account] for hold_id in holds)
        if owed != share["owed_minor"]:
            yield f"{name}: owed {share['owed_minor']}, its holds say {owed}."
        if sum(t["status"] == "reserved" for t in mine) > 1:
            yield f"{name}: the PSP is asked for several transfers at once."
        for transfer in made:
            back = sum(t["amount_minor"] for t in made if t["reverses_id"] == transfer["id"])
            if back != transfer["reversed_minor"] or back > transfer["amount_minor"]:
                yield f"Transfer {transfer['id']} of {transfer['amount_minor']}: {back} was taken back."


def _vendors(books: "Books") -> Iterator[str]:
    """A vendor's accounts add up to what it was sent and paid, and what it owes is what could not be taken back."""
    for vendor in books.vendors:
        paid: Counter[str] = Counter()
        for payout in books.payouts:
            if payout["vendor_id"] == vendor["id"]:
                paid[payout["status"]] += payout["amount_minor"]
        balances: Counter[str] = Counter()
        for posting in books.postings:
            if posting["vendor_id"] == vendor["id"]:
                balances[posting["debit"].partition(":")[0]] += posting["amount_minor"]
                balances[posting["credit"].partition(":")[0]] -= posting["amount_minor"]
        if balances["payouts"] != paid["pending"] + paid["in_transit"]:
            yield f"Vendor {vendor['id']}: {balances['payouts']} is on the way to its bank, payouts say {dict(paid)}."
        mine = [share for share in books.shares if share["vendor_id"] == vendor["id"]]
        owed = sum(share["owed_minor"] - share["withheld_minor"] for share in mine)
        if -balances["vendor_payable"] != owed - paid["paid"]:
            yield f"Vendor {vendor['id']}: it is owed {-balances['vendor_payable']}, its shares say {owed}."
