"""Controls that act as the owner of a connected account, as Stripe, or as the account's bank."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from sandbox.controls.desk import Desk, Unknown, control, locate, payer_call
from sandbox.controls.forms import BadInput, read
from sandbox.store import Json
from sandbox.stripe import currencies, ledger
from sandbox.stripe.connect import accounts, banks, mishaps, onboarding, payouts, requirements, schedule
from sandbox.stripe.errors import StripeError
from sandbox.wire import base_url
from sandbox.world import Call, public

REASONS = ("listed", "other", "platform_paused", "requirements.past_due", "under_review")


def _account(desk: Desk, request: Request) -> tuple[Call, Json]:
    livemode, found = locate(desk.world, request.path_params["id"], "account")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    account = accounts.known(call, found["id"])
    if account is None:
        raise Unknown(f"the account {found['id']} is gone")
    return call, account


@control("POST", "/sandbox/accounts/{id}/onboard")
async def onboard(desk: Desk, request: Request) -> Any:
    """{"outcome": "complete", "bank_account": "000123456789"}: what the page of an account link does. complete (also
    lifts a restriction, but no rejection), partial (some fields remain due), document (a document is due), review (to
    be verified), rejected, or leave; the bank account is any of Stripe's test numbers."""
    body = await read(request)
    outcome = body.text("outcome", "complete", among=onboarding.OUTCOMES)
    number = body.text("bank_account", None)
    body.done()
    call, account = _account(desk, request)
    try:
        with call.store.transaction():
            onboarding.submit(call, account, outcome, number)
    except StripeError as error:
        raise BadInput(error.message) from error
    return public(account)


@control("POST", "/sandbox/accounts/{id}/restrict")
async def restrict(desk: Desk, request: Request) -> Any:
    """{"reason": "requirements.past_due" | "under_review" | "listed" | "other" | "platform_paused", "fields":
    ["individual.verification.document"], "only": "payouts" | "transfers"}: Stripe stops an account, or a part of what
    it may do; with fields it wants to know them first."""
    body = await read(request)
    reason = body.text("reason", "requirements.past_due", among=REASONS)
    fields = body.texts("fields", [])
    only = body.text("only", None, among=requirements.STOPS)
    body.done()
    call, account = _account(desk, request)
    facts = {"disabled": reason, "stops": [only] if only else list(requirements.STOPS)}
    with call.store.transaction():
        return public(accounts.change(call, account, facts | ({"due": fields} if fields else {})))


@control("POST", "/sandbox/accounts/{id}/deauthorize")
async def deauthorize(desk: Desk, request: Request) -> Any:
    """{}: the account's owner disconnects it from the platform, which has no access to it any more."""
    (await read(request)).done()
    call, account = _account(desk, request)
    with call.store.transaction():
        accounts.leave(call, account)
    return {"left": account["id"]}


@control("POST", "/sandbox/accounts/{id}/adjust")
async def adjust(desk: Desk, request: Request) -> Any:
    """{"amount": -500, "currency": "usd"}: Stripe adjusts the account's balance by minor units, also below zero."""
    body = await read(request)
    amount = body.whole("amount", least=-(10**12))
    currency = body.text("currency")
    body.done()
    call, account = _account(desk, request)
    try:
        source = {"id": None, "currency": currencies.require_known(currency, "currency")}
    except StripeError as error:
        raise BadInput(error.message) from error
    inside = call.of(account["id"])
    with call.store.transaction():
        line = ledger.post(inside, source, "adjustment", amount, category="other_adjustment")
        schedule.plan(inside, call.now)
    return public(line)


@control("POST", "/sandbox/transfers/fail")
async def fail_transfers(desk: Desk, request: Request) -> Any:
    """{"code": "balance_insufficient" | "insufficient_capabilities_for_transfer" | "account_invalid" |
    "transfers_not_allowed", "next": 1}: the next transfers are refused with it; next 0 takes it back."""
    return await _order(desk, request, "transfers", "balance_insufficient", tuple(mishaps.REFUSALS))


@control("POST", "/sandbox/payouts/fail")
async def fail_payouts(desk: Desk, request: Request) -> Any:
    """{"code": "account_closed", "next": 1}: the banks send the next payouts back, with any of Stripe's codes; next 0
    takes it back."""
    return await _order(desk, request, "payouts", "could_not_process", tuple(banks.FAILURES))


async def _order(desk: Desk, request: Request, what: str, default: str, codes: tuple[str, ...]) -> Json:
    body = await read(request)
    code = body.text("code", default, among=codes)
    times = body.whole("next", 1, most=10**6)
    body.done()
    mishaps.order(desk.world.store, what, code, times)
    return {"code": code, "next": times}


@control("POST", "/sandbox/payouts/{id}/pay")
async def pay_payout(desk: Desk, request: Request) -> Any:
    """{}: the payout arrives now, whatever its bank account's number says."""
    (await read(request)).done()
    call, payout = _payout(desk, request, ("pending", "in_transit"))
    with call.store.transaction():
        payout["_"]["failure"] = None
        payouts.send(call, payout)
        payouts.arrive(call, payout)
    return public(payout)


@control("POST", "/sandbox/payouts/{id}/fail")
async def fail_payout(desk: Desk, request: Request) -> Any:
    """{"code": "account_closed"}: the bank sends the payout back now, also one that was paid."""
    body = await read(request)
    code = body.text("code", "could_not_process", among=tuple(banks.FAILURES))
    body.done()
    call, payout = _payout(desk, request, ("pending", "in_transit", "paid"))
    with call.store.transaction():
        payouts.fail(call, payout, code)
    return public(payout)


def _payout(desk: Desk, request: Request, statuses: tuple[str, ...]) -> tuple[Call, Json]:
    livemode, payout = locate(desk.world, request.path_params["id"], "payout")
    if payout["status"] not in statuses:
        raise BadInput(f"the payout is {payout['status']}")
    return payer_call(desk, livemode, base_url(request, desk.public_url)), payout
