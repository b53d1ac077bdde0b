"""Payouts of connected accounts: by schedule and on demand, to banks that take them and banks that send them back."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.connect import (
    DAY,
    EXPRESS,
    balance,
    charge,
    connected,
    inside,
    lines,
    manual,
    told,
    transfer,
    vendor,
)

__all__ = ["connected"]
pytestmark = pytest.mark.anyio

BANK = {"object": "bank_account", "country": "US", "account_number": "000123456789", "routing_number": "110000000"}


async def funded(play: Any, amount: int = 1000, **more: Any) -> Any:
    """An account that is paid out on demand, with so much available."""
    account = await manual(play, **more)
    await fund(play, account, amount)
    return account


async def fund(play: Any, account: Any, amount: int) -> Any:
    await charge(play, amount * 2 + 1000, "pm_card_bypassPending")
    return await transfer(play, account, amount)


async def pay_out(play: Any, account: Any, amount: int, **more: Any) -> Any:
    return await play.v1.payouts.create_async({"amount": amount, "currency": "usd", **more}, inside(account))


async def payouts_of(play: Any, account: Any, **filters: Any) -> list[Any]:
    return list((await play.v1.payouts.list_async(filters, inside(account))).data)


async def pass_time(play: Any, seconds: float) -> None:
    await play.control("clock/advance", seconds=seconds)


async def test_a_payout_on_demand_arrives(connected: Any) -> None:
    account = await funded(connected, 1000)
    made = await pay_out(connected, account, 600, metadata={"week": "9"}, statement_descriptor="CUPS")
    bank = account.external_accounts.data[0]
    assert (made.status, made.amount, made.automatic, made.destination) == ("pending", 600, False, bank.id)
    assert (made.reconciliation_status, made.statement_descriptor) == ("not_applicable", "CUPS")
    assert await balance(connected, account) == (400, 0)
    line = (await lines(connected, account))[-1]
    assert (line.type, line.reporting_category, line.amount, line.source) == ("payout", "payout", -600, made.id)
    await pass_time(connected, 3600)
    [found] = await payouts_of(connected, account, status="in_transit")
    assert found.id == made.id
    await pass_time(connected, DAY)
    found = await connected.v1.payouts.retrieve_async(made.id, {}, inside(account))
    assert (found.status, found.trace_id.status, found.failure_code) == ("paid", "supported", None)
    await connected.settle()
    assert told(connected, account)[-3:] == ["payout.created", "payout.updated", "payout.paid"]
    assert await balance(connected, account) == (400, 0)


async def test_what_refuses_a_payout(connected: Any) -> None:
    account = await funded(connected, 1000)
    for more, sentence, code in (
        ({"amount": 1001}, "insufficient funds", "balance_insufficient"),
        ({"amount": 0}, "greater than or equal", "parameter_invalid_integer"),
        ({"currency": "eur"}, r"external accounts in that currency \(eur\)", None),
        ({"destination": "ba_nope"}, "No such external account", "resource_missing"),
        ({"method": "instant"}, "method", None),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=sentence) as refused:
            await pay_out(connected, account, **{"amount": 100, **more})
        assert refused.value.code == code
    other = await vendor(connected)
    with pytest.raises(stripe.InvalidRequestError, match="No such external account"):
        await pay_out(connected, account, 100, destination=other.external_accounts.data[0].id)
    await connected.control(f"accounts/{account.id}/restrict", only="payouts")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await pay_out(connected, account, 100)
    assert refused.value.code == "payouts_not_allowed"
    with pytest.raises(stripe.InvalidRequestError, match="external accounts in that currency"):
        await connected.v1.payouts.create_async({"amount": 100, "currency": "usd"})
    assert await payouts_of(connected, account) == []
    assert await balance(connected, account) == (1000, 0)


async def test_a_payout_is_canceled_while_it_is_pending(connected: Any) -> None:
    account = await funded(connected, 1000)
    made = await pay_out(connected, account, 600)
    canceled = await connected.v1.payouts.cancel_async(made.id, {}, inside(account))
    assert (canceled.status, await balance(connected, account)) == ("canceled", (1000, 0))
    line = (await lines(connected, account))[-1]
    assert (line.type, line.reporting_category, line.amount) == ("payout_cancel", "payout_reversal", 600)
    assert canceled.failure_balance_transaction == line.id
    await pass_time(connected, 2 * DAY)
    assert (await connected.v1.payouts.retrieve_async(made.id, {}, inside(account))).status == "canceled"
    late = await pay_out(connected, account, 100)
    await pass_time(connected, 3600)
    for payout in (made, late):
        with pytest.raises(stripe.InvalidRequestError, match="can't be canceled"):
            await connected.v1.payouts.cancel_async(payout.id, {}, inside(account))
    await connected.settle()
    assert told(connected, account).count("payout.canceled") == 1


@pytest.mark.parametrize(
    ("number", "code", "country", "currency"),
    [
        ("000111111116", "no_account", "US", "usd"),
        ("000111111113", "account_closed", "US", "usd"),
        ("000222222227", "insufficient_funds", "US", "usd"),
        ("DE89370400440532013004", "debit_not_authorized", "DE", "eur"),
        ("11111116", "no_account", "GB", "gbp"),
    ],
)
async def test_some_banks_send_payouts_back(
    connected: Any, number: str, code: str, country: str, currency: str
) -> None:
    account = await manual(connected, bank_account=number, country=country)
    await connected.control(f"accounts/{account.id}/adjust", amount=1000, currency=currency)
    made = await pay_out(connected, account, 1000, currency=currency)
    await pass_time(connected, 2 * DAY)
    found = await connected.v1.payouts.retrieve_async(made.id, {}, inside(account))
    assert (found.status, found.failure_code) == ("failed", code)
    assert found.failure_message
    assert await balance(connected, account, currency) == (1000, 0)
    line = (await lines(connected, account))[-1]
    assert (line.type, line.reporting_category, line.amount) == ("payout_failure", "payout_reversal", 1000)
    assert found.failure_balance_transaction == line.id
    await connected.settle()
    tail = ["payout.created", "payout.updated", "payout.failed"]
    assert [each for each in told(connected, account) if each.startswith("payout.")] == tail


async def test_a_bank_that_sent_a_payout_back_gets_no_other(connected: Any) -> None:
    account = await funded(connected, 1000, bank_account="000111111113")
    await pay_out(connected, account, 500)
    await pass_time(connected, 2 * DAY)
    stopped = await connected.v1.accounts.retrieve_async(account.id)
    assert (stopped.payouts_enabled, stopped.capabilities.transfers) == (False, "active")
    assert stopped.requirements.past_due == ["external_account"]
    assert stopped.external_accounts.data[0].status == "errored"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await pay_out(connected, account, 500)
    assert refused.value.code == "payouts_not_allowed"
    await connected.v1.accounts.external_accounts.create_async(account.id, {"external_account": BANK})
    assert (await connected.v1.accounts.retrieve_async(account.id)).payouts_enabled is True
    made = await pay_out(connected, account, 1000)
    await pass_time(connected, 2 * DAY)
    assert (await connected.v1.payouts.retrieve_async(made.id, {}, inside(account))).status == "paid"
    await connected.settle()
    assert "account.external_account.updated" in told(connected, account)


async def test_a_payout_that_was_paid_may_still_fail(connected: Any) -> None:
    account = await funded(connected, 1000)
    made = await pay_out(connected, account, 1000)
    assert (await connected.control(f"payouts/{made.id}/pay"))["status"] == "paid"
    assert (await connected.control(f"payouts/{made.id}/fail", code="account_closed"))[
        "failure_code"
    ] == "account_closed"
    assert await balance(connected, account) == (1000, 0)
    for button in ("fail", "pay"):
        assert (await connected.browser.post(f"/sandbox/payouts/{made.id}/{button}", json={})).status_code == 400
    await pass_time(connected, 2 * DAY)
    await connected.settle()
    types = [each for each in told(connected, account) if each.startswith("payout.")]
    assert types == ["payout.created", "payout.updated", "payout.paid", "payout.failed"]
    assert connected.inbox.last("payout.failed")["previous_attributes"]["status"] == "paid"


async def test_the_next_payouts_fail_on_order(play: Any) -> None:
    account = await funded(play, 1000)
    await play.control("payouts/fail", code="account_frozen", next=1)
    first, second = await pay_out(play, account, 300), await pay_out(play, account, 200)
    await pass_time(play, 2 * DAY)
    found = {each.id: (each.status, each.failure_code) for each in await payouts_of(play, account)}
    assert found == {first.id: ("failed", "account_frozen"), second.id: ("paid", None)}
    assert (await play.browser.post("/sandbox/payouts/fail", json={"code": "rain"})).status_code == 400


# -- by schedule -----------------------------------------------------------------------


async def test_all_that_is_available_goes_out_each_midnight(connected: Any) -> None:
    account, paid = await vendor(connected), await charge(connected, 10000)
    first = await transfer(connected, account, 4000, source_transaction=paid.id)
    second = await transfer(connected, account, 3000, source_transaction=paid.id)
    await connected.v1.transfers.reversals.create_async(second.id, {"amount": 1000})
    await pass_time(connected, 2 * DAY - 60)
    assert (await payouts_of(connected, account), await balance(connected, account)) == ([], (0, 6000))
    await pass_time(connected, DAY + 60)
    [made] = await payouts_of(connected, account)
    assert (made.amount, made.automatic, made.created % DAY < 5) == (6000, True, True)
    assert await balance(connected, account) == (0, 0)
    await pass_time(connected, 2 * DAY)
    [made] = await payouts_of(connected, account)
    assert (made.status, made.reconciliation_status) == ("paid", "completed")
    inner = await lines(connected, account, payout=made.id)
    assert [each.type for each in inner] == ["payment", "payment", "payment_refund", "payout"]
    assert sum(each.net for each in inner) == 0
    assert inner[0].source == first.destination_payment
    await connected.settle()
    types = [each for each in told(connected, account) if each.startswith("payout.")]
    assert types == ["payout.created", "payout.updated", "payout.reconciliation_completed", "payout.paid"]


async def test_each_line_goes_out_once(play: Any) -> None:
    """Also when a payout was asked for between, and when one came back: it is in the next one."""
    await play.control("settings", payout_transit_seconds=3 * DAY)
    account = await vendor(play)
    await fund(play, account, 1000)
    by_hand = await pay_out(play, account, 300)
    await pass_time(play, DAY)
    [first] = await payouts_of(play, account, limit=1)
    assert (first.amount, first.automatic) == (700, True)
    await play.control(f"payouts/{first.id}/fail", code="account_closed")
    await fund(play, account, 50)
    await play.v1.accounts.external_accounts.create_async(account.id, {"external_account": BANK})
    await pass_time(play, DAY)
    [second] = await payouts_of(play, account, limit=1)
    assert second.amount == 750
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await lines(play, account, payout=second.id)
    assert refused.value.code == "payout_reconciliation_not_ready"
    await play.control(f"payouts/{second.id}/pay")
    inner = [await lines(play, account, payout=each.id) for each in (first, second)]
    assert [[each.type for each in one] for one in inner] == [
        ["payment", "payout", "payout"],
        ["payout_failure", "payment", "payout"],
    ]
    assert [sum(each.net for each in one) for one in inner] == [0, 0]
    assert inner[0][1].source == by_hand.id
    with pytest.raises(stripe.InvalidRequestError, match="only be filtered on automatic"):
        await lines(play, account, payout=by_hand.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such payout"):
        await play.v1.balance_transactions.list_async({"payout": first.id})
    with pytest.raises(stripe.InvalidRequestError, match="can't be canceled"):
        await play.v1.payouts.cancel_async(second.id, {}, inside(account))


async def test_a_manual_schedule_waits_until_it_is_daily(play: Any) -> None:
    account = await funded(play, 1000)
    await pass_time(play, 3 * DAY)
    assert await payouts_of(play, account) == []
    daily = {"settings": {"payouts": {"schedule": {"interval": "daily"}}}}
    await play.v1.accounts.update_async(account.id, daily)
    await pass_time(play, DAY)
    assert [each.amount for each in await payouts_of(play, account)] == [1000]


async def test_a_stopped_account_is_paid_out_when_it_is_restored(play: Any) -> None:
    account = await vendor(play)
    await fund(play, account, 1000)
    await play.control(f"accounts/{account.id}/restrict", only="payouts")
    await pass_time(play, 2 * DAY)
    assert await payouts_of(play, account) == []
    await play.control(f"accounts/{account.id}/onboard")
    await pass_time(play, DAY)
    assert [each.amount for each in await payouts_of(play, account)] == [1000]


async def test_each_currency_goes_to_a_bank_of_its_own(play: Any) -> None:
    account = await vendor(play, country="DE", bank_account="DE89370400440532013000")
    for currency in ("eur", "usd"):
        await play.control(f"accounts/{account.id}/adjust", amount=500, currency=currency)
    await pass_time(play, DAY)
    assert [(each.amount, each.currency) for each in await payouts_of(play, account)] == [(500, "eur")]
    assert await balance(play, account, "usd") == (500, 0)
    dollars = {**BANK, "currency": "usd"}
    await play.v1.accounts.external_accounts.create_async(account.id, {"external_account": dollars})
    await pass_time(play, DAY)
    assert [each.currency for each in await payouts_of(play, account)] == ["usd", "eur"]


async def test_what_is_below_zero_is_made_up_for_first(play: Any) -> None:
    account = await vendor(play)
    await play.control(f"accounts/{account.id}/adjust", amount=-300, currency="usd")
    assert await balance(play, account) == (-300, 0)
    await pass_time(play, DAY)
    assert await payouts_of(play, account) == []
    await fund(play, account, 1000)
    await pass_time(play, DAY)
    assert [each.amount for each in await payouts_of(play, account)] == [700]
    assert (await lines(play, account))[0].reporting_category == "other_adjustment"


async def test_payouts_are_listed_noted_and_an_accounts_own(play: Any) -> None:
    account, other = await funded(play, 1000), await funded(play, 1000)
    first, second = await pay_out(play, account, 100), await pay_out(play, account, 200)
    theirs = await pay_out(play, other, 300)
    assert [each.id for each in await payouts_of(play, account)] == [second.id, first.id]
    assert [each.id for each in await payouts_of(play, other)] == [theirs.id]
    assert await payouts_of(play, account, destination=other.external_accounts.data[0].id) == []
    assert await payouts_of(play, account, arrival_date={"lt": first.arrival_date}) == []
    assert len(await payouts_of(play, account, arrival_date={"gte": first.arrival_date}, status="pending")) == 2
    assert (await play.v1.payouts.list_async()).data == []
    for options in ({}, inside(other)):
        with pytest.raises(stripe.InvalidRequestError, match="No such payout"):
            await play.v1.payouts.retrieve_async(first.id, {}, options)
    noted = await play.v1.payouts.update_async(first.id, {"metadata": {"a": "b"}}, inside(account))
    assert noted.metadata.to_dict() == {"a": "b"}
    full = await play.v1.payouts.retrieve_async(
        first.id, {"expand": ["destination", "balance_transaction"]}, inside(account)
    )
    assert (full.destination.last4, full.balance_transaction.amount) == ("6789", -100)


async def test_an_account_that_was_deleted_is_not_paid_out(play: Any) -> None:
    account = await vendor(play)
    await fund(play, account, 1000)
    await play.v1.accounts.delete_async(account.id)
    await pass_time(play, 2 * DAY)
    state = await play.look("state")
    assert "payout" not in state["objects"]


async def test_an_account_may_be_ready_without_a_bank(play: Any) -> None:
    account = await play.v1.accounts.create_async(EXPRESS)
    await play.control(f"accounts/{account.id}/onboard", outcome="review")
    found = await play.v1.accounts.retrieve_async(account.id)
    assert (found.payouts_enabled, found.external_accounts.data) == (False, [])


async def test_rules_and_faults_disturb_connected_accounts_too(connected: Any) -> None:
    account = await funded(connected, 1000)
    await connected.settle()
    await connected.control("webhooks/rules", action="duplicate", types=["payout.created"], copies=2, next=1)
    await connected.control("webhooks/rules", action="drop", types=["payout.updated"])
    made = await pay_out(connected, account, 100)
    await pass_time(connected, 2 * DAY)
    await connected.settle()
    assert [each for each in told(connected, account) if each.startswith("payout.")] == [
        *["payout.created"] * 3,
        "payout.paid",
    ]
    events = await connected.v1.events.list_async({"type": "payout.updated"}, inside(account))
    assert [each.data.object.id for each in events.data] == [made.id]
    assert (await connected.v1.events.list_async({"type": "payout.*"})).data == []
    await connected.control("faults", path="/v1/payouts", method="POST", status=500, when="before")
    key = {**inside(account), "idempotency_key": "p-1"}
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await connected.v1.payouts.create_async({"amount": 100, "currency": "usd"}, key)
    assert len(await payouts_of(connected, account)) == 1
