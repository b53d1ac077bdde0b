"""The life of a payout, from a connected account's balance to its bank, by schedule or on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import events, ids, ledger, params
from sandbox.stripe.connect import accounts, banks, mishaps, schedule
from sandbox.stripe.errors import InvalidRequest
from sandbox.world import Call

UNPAID: Final = "json_extract(body, '$._.payout') IS NULL AND json_extract(body, '$.currency') = ?"


def ask(call: Call, given: dict[str, Any]) -> Json:
    """A payout that the platform asks for as the account."""
    currency = given["currency"]
    if call.account is None:
        raise _nowhere(currency)
    account = accounts.get(call, call.account)
    if not account["payouts_enabled"]:
        raise InvalidRequest(
            "Payouts have been disabled on this account. Check its requirements.", code="payouts_not_allowed"
        )
    bank = _bank(call, account, given.get("destination"), currency)
    if ledger.totals(call)[0].get(currency, 0) < given["amount"]:
        raise InvalidRequest(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You "
            "can use the /v1/balance endpoint to view your Stripe balance (for more details, see "
            "stripe.com/docs/api#balance).",
            code="balance_insufficient",
        )
    return make(call, bank, given["amount"], given)


def _bank(call: Call, account: Json, wanted: str | None, currency: str) -> Json:
    if wanted:
        bank: Json | None = banks.get(call.of(None), account, wanted)
    else:
        bank = banks.receiving(banks.of_account(call, account["id"]), currency)
    if bank is None or bank["currency"] != currency or bank["status"] == "errored":
        raise _nowhere(currency)
    return bank


def _nowhere(currency: str) -> InvalidRequest:
    """The platform's own balance, too, has no bank here."""
    return InvalidRequest(f"Sorry, you don't have any external accounts in that currency ({currency}).")


def make(call: Call, bank: Json, amount: int, given: dict[str, Any], *, automatic: bool = False) -> Json:
    """payout.created. The money leaves the balance at once."""
    settings = call.world.settings
    arrival = call.now + settings.payout_transit_seconds + settings.payout_arrival_seconds
    payout: Json = {
        "id": ids.new("po"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": arrival // schedule.DAY * schedule.DAY,
        "automatic": automatic,
        "balance_transaction": None,
        "created": call.now,
        "currency": bank["currency"],
        "description": given.get("description", "STRIPE PAYOUT" if automatic else None),
        "destination": bank["id"],
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": call.livemode,
        "metadata": params.merged({}, given.get("metadata")),
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": given.get("statement_descriptor"),
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
        "_": {"failure": mishaps.take(call.store, "payouts") or bank["_"]["failure"]},
    }
    call.insert(payout)
    line = ledger.post(call, payout, "payout", -amount, description="STRIPE PAYOUT")
    events.change(call, payout, balance_transaction=line["id"])
    if automatic:
        _gather(call, payout)
    events.emit(call, "payout.created", payout)
    call.schedule("send_payout", payout["id"], settings.payout_transit_seconds)
    return payout


def _gather(call: Call, payout: Json) -> None:
    """Notes which lines it pays out: all that are available and in no other one; its own is among them."""
    here = [call.owned(), (UNPAID, payout["currency"]), ("json_extract(body, '$.available_on') <= ?", call.now)]
    for line in call.store.select(call.livemode, "balance_transaction", here):
        line["_"]["payout"] = payout["id"]
        call.save(line)


# -- by schedule -----------------------------------------------------------------------


def pay_out(call: Call, account: Json) -> None:
    """Midnight: all that is available goes to the account's bank, if its schedule and its banks have it so."""
    if account.get("deleted") or not account["payouts_enabled"]:
        return
    if account["settings"]["payouts"]["schedule"]["interval"] != "daily":
        return
    inside, own = call.of(account["id"]), banks.of_account(call, account["id"])
    for currency, amount in ledger.totals(inside)[0].items():
        bank = banks.receiving(own, currency)
        if bank and amount > 0:
            make(inside, bank, amount, {}, automatic=True)


# -- what becomes of it ----------------------------------------------------------------


def send(call: Call, payout: Json) -> None:
    """It is with the bank: payout.updated."""
    if payout["status"] != "pending":
        return
    inside = _inside(call, payout)
    events.change(inside, payout, "payout.updated", status="in_transit")
    _reconcile(inside, payout)
    call.schedule("arrive_payout", payout["id"], call.world.settings.payout_arrival_seconds)


def _reconcile(inside: Call, payout: Json) -> None:
    """What it is made of can be asked for from now on."""
    if payout["reconciliation_status"] == "in_progress":
        events.change(inside, payout, reconciliation_status="completed")
        events.emit(inside, "payout.reconciliation_completed", payout)


def arrive(call: Call, payout: Json) -> None:
    """The day of arrival: payout.paid, or payout.failed if the bank sends it back."""
    if payout["status"] != "in_transit":
        return
    if payout["_"]["failure"]:
        fail(call, payout, payout["_"]["failure"])
    else:
        trace = {"status": "supported", "value": ids.token(15).upper()}
        events.change(_inside(call, payout), payout, "payout.paid", status="paid", trace_id=trace)


def fail(call: Call, payout: Json, code: str) -> None:
    """The bank sends it back, also after it was paid: payout.failed. That bank account gets no more payouts."""
    inside = _inside(call, payout)
    line = _take_back(inside, payout, "payout_failure")
    events.change(
        inside,
        payout,
        "payout.failed",
        status="failed",
        failure_balance_transaction=line["id"],
        failure_code=code,
        failure_message=banks.FAILURES[code],
        trace_id={"status": "unsupported", "value": None},
    )
    _reconcile(inside, payout)
    platform = call.of(None)
    account, bank = accounts.known(platform, str(inside.account)), platform.find(payout["destination"], "bank_account")
    if bank:
        banks.failed(platform, bank)
    if account:
        accounts.change(platform, account)


def cancel(call: Call, payout: Json) -> Json:
    """payout.canceled"""
    if payout["automatic"] or payout["status"] != "pending":
        why = "it is automatic" if payout["automatic"] else f"it is {payout['status']}"
        raise InvalidRequest(f"The payout {payout['id']} can't be canceled: {why}.")
    line = _take_back(call, payout, "payout_cancel")
    trace = {"status": "unsupported", "value": None}
    changes = {"status": "canceled", "failure_balance_transaction": line["id"], "trace_id": trace}
    return events.change(call, payout, "payout.canceled", **changes)


def _take_back(inside: Call, payout: Json, type: str) -> Json:
    """The money is on the balance again, and goes into the next payout."""
    schedule.plan(inside, inside.now)
    return ledger.post(inside, payout, type, payout["amount"], description="REFUND FOR PAYOUT (STRIPE PAYOUT)")


def _inside(call: Call, payout: Json) -> Call:
    return call.of(payout["_"]["owner"])


JOBS: dict[str, Callable[[Call, Json], None]] = {
    schedule.JOB: pay_out,
    "send_payout": send,
    "arrive_payout": arrive,
}
