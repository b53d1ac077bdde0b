"""Transfers to connected accounts and their reversals: what funds them, what refuses them, and both sides' lines."""

from __future__ import annotations

import asyncio
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
    transfer,
    unlisted_code,
    vendor,
)

__all__ = ["connected"]
pytestmark = pytest.mark.anyio


async def reverse(play: Any, made: Any, amount: int | None = None, **more: Any) -> Any:
    wanted = {"amount": amount} if amount else {}
    return await play.v1.transfers.reversals.create_async(made.id, {**wanted, **more})


async def test_a_transfer_from_a_charge_waits_for_its_funds_on_both_sides(connected: Any) -> None:
    account, paid = await manual(connected), await charge(connected, transfer_group="ord_1")
    made = await transfer(
        connected, account, 7000, source_transaction=paid.id, metadata={"share": "1"}, description="Cups"
    )
    assert (made.amount, made.destination, made.source_transaction) == (7000, account.id, paid.id)
    assert (made.transfer_group, made.reversed, made.amount_reversed) == ("ord_1", False, 0)
    assert (await balance(connected), await balance(connected, account)) == ((0, 10000 - 320 - 7000), (0, 7000))
    own = (await lines(connected))[-1]
    assert (own.type, own.reporting_category, own.amount, own.fee) == ("transfer", "transfer", -7000, 0)
    assert (own.source, own.status) == (made.id, "pending")
    [theirs] = await lines(connected, account)
    assert (theirs.type, theirs.reporting_category, theirs.amount, theirs.fee) == ("payment", "charge", 7000, 0)
    assert (theirs.source, theirs.available_on) == (made.destination_payment, own.available_on)
    await connected.control("clock/advance", seconds=2 * DAY)
    assert (await balance(connected), await balance(connected, account)) == ((2680, 0), (7000, 0))
    assert (await connected.settle()).count("transfer.created") == 1
    event = next(each for each in connected.inbox.events if each["type"] == "transfer.created")
    assert ("account" in event, event["data"]["object"]["id"]) == (False, made.id)


async def test_what_a_transfer_leads_to(play: Any) -> None:
    account, paid = await vendor(play), await charge(play)
    wanted = ["balance_transaction", "destination", "destination_payment", "source_transaction"]
    made = await transfer(play, account, 500, source_transaction=paid.id, expand=wanted)
    assert (made.balance_transaction.amount, made.destination.id, made.source_transaction.id) == (
        -500,
        account.id,
        paid.id,
    )
    payment = made.destination_payment
    assert (payment.amount, payment.source_transfer, payment.payment_intent) == (500, made.id, None)
    assert (await play.v1.charges.retrieve_async(payment.id, {}, inside(account))).id == payment.id
    assert [each.id for each in (await play.v1.charges.list_async({}, inside(account))).data] == [payment.id]
    assert [each.id for each in (await play.v1.charges.list_async()).data] == [paid.id]
    with pytest.raises(stripe.InvalidRequestError, match="No such charge"):
        await play.v1.charges.retrieve_async(payment.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such transfer"):
        await play.v1.transfers.retrieve_async("tr_nope")
    line = (await lines(play, account))[0]
    found = await play.v1.balance_transactions.retrieve_async(line.id, {"expand": ["source"]}, inside(account))
    assert found.source.id == payment.id
    with pytest.raises(stripe.InvalidRequestError, match="No such balance_transaction"):
        await play.v1.balance_transactions.retrieve_async(line.id)


async def test_a_charge_without_a_group_gets_one(play: Any) -> None:
    account, paid = await vendor(play), await charge(play)
    made = await transfer(play, account, 100, source_transaction=paid.id)
    assert made.transfer_group == f"group_{paid.payment_intent}"
    assert (await play.v1.charges.retrieve_async(paid.id)).transfer_group == made.transfer_group
    with pytest.raises(stripe.InvalidRequestError, match="transfer_group"):
        await transfer(play, account, 100, source_transaction=paid.id, transfer_group="another")
    free = await charge(play, method="pm_card_bypassPending")
    assert (await transfer(play, account, 100, transfer_group="mine")).transfer_group == "mine"
    assert (await play.v1.charges.retrieve_async(free.id)).transfer_group is None


async def test_the_transfers_of_a_charge_come_to_no_more_than_it(play: Any) -> None:
    account, other = await vendor(play), await vendor(play)
    paid = await charge(play, 1000)
    for to, amount in ((account, 600), (other, 300)):
        await transfer(play, to, amount, source_transaction=paid.id)
    with pytest.raises(stripe.InvalidRequestError, match=r"amount of 10\.00\. .*amounting to 9\.00"):
        await transfer(play, account, 101, source_transaction=paid.id)
    last = await transfer(play, account, 100, source_transaction=paid.id)
    await reverse(play, last)
    with pytest.raises(stripe.InvalidRequestError, match="must not exceed the source amount"):
        await transfer(play, account, 1, source_transaction=paid.id)
    assert len((await play.v1.transfers.list_async()).data) == 3


async def test_only_a_part_that_was_captured_can_be_transferred(play: Any) -> None:
    account = await vendor(play)
    held = await charge(play, 1000, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError, match="no funds to transfer"):
        await transfer(play, account, 500, source_transaction=held.id)
    await play.v1.payment_intents.capture_async(held.payment_intent, {"amount_to_capture": 400})
    with pytest.raises(stripe.InvalidRequestError, match=r"source amount of 4\.00"):
        await transfer(play, account, 401, source_transaction=held.id)
    assert (await transfer(play, account, 400, source_transaction=held.id)).amount == 400


async def test_money_that_a_delayed_method_promises_is_not_transferred(play: Any) -> None:
    account = await vendor(play, country="DE", bank_account="DE89370400440532013000")
    session = await play.session(currency="eur")
    paid = await play.pay(session, method="sepa_debit")
    with pytest.raises(stripe.InvalidRequestError, match="no funds to transfer"):
        await transfer(play, account, 100, currency="eur", source_transaction=paid["payment_intent"]["latest_charge"])


async def test_what_refuses_a_transfer(play: Any) -> None:
    account, paid = await vendor(play), await charge(play)
    for more, sentence in (
        (
            {"currency": "eur", "source_transaction": paid.id},
            r"\(usd\) must be the same as the transfer currency \(eur\)",
        ),
        ({"source_transaction": "ch_nope"}, "No such charge"),
        ({"destination": "acct_nope"}, "No such destination"),
        ({"amount": 0}, "greater than or equal to 1"),
        ({"currency": "xxx"}, "currency"),
        ({"source_type": "fpx"}, "source_type"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=sentence):
            await play.v1.transfers.create_async({"amount": 100, "currency": "usd", "destination": account.id, **more})
    with pytest.raises(stripe.InvalidRequestError, match="amount"):
        await play.v1.transfers.create_async({"currency": "usd", "destination": account.id})
    assert (await play.v1.transfers.list_async()).data == []
    assert await balance(play, account) == (0, 0)


async def test_without_a_charge_it_takes_an_available_balance(play: Any) -> None:
    account = await manual(play)
    await charge(play, 10000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await transfer(play, account, 1)
    assert (refused.value.code, refused.value.http_status) == ("balance_insufficient", 400)
    await charge(play, 1000, "pm_card_bypassPending")
    made = await transfer(play, account, 941, transfer_group="ord_2")
    assert (made.source_transaction, made.transfer_group) == (None, "ord_2")
    assert (await balance(play))[0] == 0
    assert await balance(play, account) == (941, 0)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await transfer(play, account, 1)
    assert refused.value.code == "balance_insufficient"


async def test_a_charge_whose_funds_are_available_is_no_exception(play: Any) -> None:
    """The platform's balance must have them still."""
    account = await vendor(play)
    paid = await charge(play, 1000)
    await play.control("clock/advance", seconds=2 * DAY)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await transfer(play, account, 1000, source_transaction=paid.id)
    assert refused.value.code == "balance_insufficient"
    assert (await transfer(play, account, 941, source_transaction=paid.id)).amount == 941


@pytest.mark.parametrize("onboarded", [False, True])
async def test_an_account_needs_the_transfers_capability(play: Any, onboarded: bool) -> None:
    account = await play.v1.accounts.create_async(EXPRESS)
    if onboarded:
        await play.control(f"accounts/{account.id}/onboard")
        await play.control(f"accounts/{account.id}/restrict", only="transfers")
    paid = await charge(play)
    with pytest.raises(stripe.InvalidRequestError, match="at least one of the following capabilities") as refused:
        await transfer(play, account, 100, source_transaction=paid.id)
    assert (refused.value.code, refused.value.http_status) == ("insufficient_capabilities_for_transfer", 400)
    unlisted_code(play, "insufficient_capabilities_for_transfer")
    assert (await play.v1.transfers.list_async()).data == []


async def test_the_next_transfers_fail_on_order(play: Any) -> None:
    account, paid = await vendor(play), await charge(play)
    await play.control("transfers/fail", code="transfers_not_allowed", next=2)
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await transfer(play, account, 100, source_transaction=paid.id)
        assert refused.value.code == "transfers_not_allowed"
    assert (await transfer(play, account, 100, source_transaction=paid.id)).amount == 100
    await play.control("transfers/fail")
    await play.control("transfers/fail", next=0)
    assert (await transfer(play, account, 100, source_transaction=paid.id)).amount == 100
    assert (await play.browser.post("/sandbox/transfers/fail", json={"code": "bad_weather"})).status_code == 400


async def test_a_key_transfers_once_also_when_the_answer_is_lost(play: Any) -> None:
    account, paid = await vendor(play), await charge(play)
    wanted = {"amount": 300, "currency": "usd", "destination": account.id, "source_transaction": paid.id}
    await play.control("faults", kind="reset", path="/v1/transfers", method="POST", when="after", stored=False)
    with pytest.raises(stripe.APIConnectionError):
        await play.v1.transfers.create_async(wanted, {"idempotency_key": "share-1"})
    again = await asyncio.gather(
        *(play.v1.transfers.create_async(wanted, {"idempotency_key": "share-1"}) for _ in range(3))
    )
    assert len({each.id for each in again}) == 1
    with pytest.raises(stripe.IdempotencyError):
        await play.v1.transfers.create_async({**wanted, "amount": 301}, {"idempotency_key": "share-1"})
    assert len((await play.v1.transfers.list_async()).data) == 1
    assert await balance(play, account) == (0, 300)
    play.checker_ignores("bad_error")


async def test_a_refusal_is_remembered_by_its_key(play: Any) -> None:
    """As Stripe does: who tries again once there is money takes another key."""
    account = await vendor(play)
    wanted, key = {"amount": 100, "currency": "usd", "destination": account.id}, {"idempotency_key": "k"}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError):
            await play.v1.transfers.create_async(wanted, key)
        await charge(play, 1000, "pm_card_bypassPending")
    assert (await play.v1.transfers.create_async(wanted, {"idempotency_key": "other"})).amount == 100


async def test_transfers_are_listed_and_noted(play: Any) -> None:
    first, second = await vendor(play), await vendor(play)
    await charge(play, 10000, "pm_card_bypassPending")
    made = [
        await transfer(play, to, 100, transfer_group=group) for to, group in ((first, "a"), (second, "a"), (first, "b"))
    ]
    one, two, three = (each.id for each in made)

    async def listed(**filters: Any) -> list[str]:
        return [each.id for each in (await play.v1.transfers.list_async(filters)).data]

    assert await listed() == [three, two, one]
    assert await listed(destination=first.id) == [three, one]
    assert await listed(transfer_group="a") == [two, one]
    assert await listed(transfer_group="a", destination=first.id) == [one]
    assert await listed(created={"gt": made[2].created}) == []
    assert await listed(limit=1, starting_after=three) == [two]
    noted = await play.v1.transfers.update_async(one, {"metadata": {"share": "7"}, "description": "Cups"})
    assert (noted.metadata.to_dict(), noted.description) == ({"share": "7"}, "Cups")
    assert (await play.settle()).count("transfer.updated") == 1
    before = play.inbox.last("transfer.updated")["previous_attributes"]
    assert before == {"metadata": {"share": None}, "description": None}


# -- reversals -------------------------------------------------------------------------


async def test_a_transfer_is_reversed_in_parts(play: Any) -> None:
    account = await manual(play)
    await charge(play, 10000, "pm_card_bypassPending")
    made = await transfer(play, account, 1000)
    part = await reverse(play, made, 300, metadata={"refund": "re_1"})
    assert (part.amount, part.transfer, part.metadata.to_dict()) == (300, made.id, {"refund": "re_1"})
    found = await play.v1.transfers.retrieve_async(made.id)
    assert (found.amount_reversed, found.reversed, [each.id for each in found.reversals.data]) == (
        300,
        False,
        [part.id],
    )
    rest = await reverse(play, made)
    assert rest.amount == 700
    found = await play.v1.transfers.retrieve_async(made.id)
    assert (found.amount_reversed, found.reversed, len(found.reversals.data)) == (1000, True, 2)
    for amount, sentence in ((None, "is already fully reversed"), (1, "is already fully reversed")):
        with pytest.raises(stripe.InvalidRequestError, match=sentence):
            await reverse(play, made, amount)
    assert await balance(play, account) == (0, 0)
    own, theirs = await lines(play), await lines(play, account)
    assert [(each.type, each.reporting_category, each.amount) for each in own[1:]] == [
        ("transfer", "transfer", -1000),
        ("transfer_refund", "transfer_reversal", 300),
        ("transfer_refund", "transfer_reversal", 700),
    ]
    assert [(each.type, each.reporting_category, each.amount) for each in theirs] == [
        ("payment", "charge", 1000),
        ("payment_refund", "refund", -300),
        ("payment_refund", "refund", -700),
    ]
    assert (own[2].source, theirs[1].source) == (part.id, part.destination_payment_refund)
    types = await play.settle()
    assert types.count("transfer.reversed") == 2
    assert play.inbox.last("transfer.reversed")["previous_attributes"] == {"amount_reversed": 300, "reversed": False}


async def test_reversals_are_listed_and_noted(play: Any) -> None:
    account = await vendor(play)
    await charge(play, 10000, "pm_card_bypassPending")
    made, other = await transfer(play, account, 1000), await transfer(play, account, 1000)
    parts = [(await reverse(play, made, 10)).id for _ in range(12)]
    v1 = play.v1.transfers.reversals
    listed = await v1.list_async(made.id, {"limit": 100})
    assert [each.id for each in listed.data] == parts[::-1]
    inner = (await play.v1.transfers.retrieve_async(made.id)).reversals
    assert ([each.id for each in inner.data], inner.has_more) == (parts[:1:-1], True)
    noted = await v1.update_async(made.id, parts[-1], {"metadata": {"a": "b"}})
    assert (await v1.retrieve_async(made.id, parts[-1])).metadata.to_dict() == noted.metadata.to_dict() == {"a": "b"}
    assert (await play.v1.transfers.retrieve_async(made.id)).reversals.data[0].metadata.to_dict() == {"a": "b"}
    for transfer_id, reversal in ((other.id, parts[0]), (made.id, "trr_nope"), ("tr_nope", parts[0])):
        with pytest.raises(stripe.InvalidRequestError, match="No such transfer_reversal"):
            await v1.retrieve_async(transfer_id, reversal)
    wanted = ["balance_transaction", "destination_payment_refund", "transfer"]
    full = await v1.retrieve_async(made.id, parts[0], {"expand": wanted})
    assert (full.balance_transaction.amount, full.transfer.id) == (10, made.id)
    assert full.destination_payment_refund.source_transfer_reversal == parts[0]
    refunds = await play.v1.refunds.list_async({"charge": made.destination_payment}, inside(account))
    assert len(refunds.data) == 10
    assert (await play.v1.refunds.list_async()).data == []


async def test_what_refuses_a_reversal(play: Any) -> None:
    account = await manual(play)
    await charge(play, 10000, "pm_card_bypassPending")
    made = await transfer(play, account, 1000)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unreversed amount"):
        await reverse(play, made, 1001)
    await play.v1.payouts.create_async({"amount": 600, "currency": "usd"}, inside(account))
    with pytest.raises(stripe.InvalidRequestError, match="insufficient available funds") as refused:
        await reverse(play, made, 401)
    assert (refused.value.code, refused.value.http_status) == ("balance_insufficient", 400)
    assert (await reverse(play, made, 400)).amount == 400
    assert await balance(play, account) == (0, 0)
    assert (await play.v1.transfers.retrieve_async(made.id)).amount_reversed == 400


@pytest.mark.parametrize("allowed", [True, False])
async def test_funds_that_are_pending_can_go_back(play: Any, allowed: bool) -> None:
    await play.control("settings", reverse_pending_transfers=allowed)
    account, paid = await vendor(play), await charge(play)
    made = await transfer(play, account, 1000, source_transaction=paid.id)
    if not allowed:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await reverse(play, made)
        assert refused.value.code == "balance_insufficient"
        return
    await reverse(play, made)
    assert (await balance(play), await balance(play, account)) == ((0, 10000 - 320), (0, 0))
    await play.control("clock/advance", seconds=2 * DAY)
    assert (await balance(play), await balance(play, account)) == ((9680, 0), (0, 0))


async def test_refunds_and_disputes_leave_transfers_alone(connected: Any) -> None:
    """The platform pays them, below zero if need be; whoever transferred has to reverse."""
    account = await manual(connected)
    refunded, disputed = await charge(connected, 1000), await charge(connected, 1000)
    made = [await transfer(connected, account, 900, source_transaction=each.id) for each in (refunded, disputed)]
    await connected.v1.refunds.create_async({"charge": refunded.id})
    await connected.control(f"charges/{disputed.id}/dispute")
    for each in made:
        found = await connected.v1.transfers.retrieve_async(each.id)
        assert (found.amount_reversed, found.reversed, found.reversals.data) == (0, False, [])
    assert await balance(connected, account) == (0, 1800)
    assert [each.type for each in await lines(connected, account)] == ["payment", "payment"]
    assert (await balance(connected))[0] == -1000 - 2500
    types = await connected.settle()
    assert "transfer.reversed" not in types
    assert (await reverse(connected, made[0])).amount == 900


async def test_minor_units_stay_what_they_are(play: Any) -> None:
    for currency, amount in (("jpy", 1001), ("kwd", 10010)):
        account, paid = await vendor(play), await charge(play, amount, currency=currency)
        await transfer(play, account, amount - 1, currency=currency, source_transaction=paid.id)
        assert await balance(play, account, currency) == (0, amount - 1)
        with pytest.raises(stripe.InvalidRequestError, match="must not exceed"):
            await transfer(play, account, 2, currency=currency, source_transaction=paid.id)


async def test_what_the_accounts_have_adds_up_to_what_came_in(play: Any) -> None:
    """Transfers and reversals, in any mix, move money and make none."""
    accounts = [await vendor(play, settings={"payouts": {"schedule": {"interval": "manual"}}}) for _ in range(3)]
    paid = await charge(play, 9999)
    for turn, (account, amount) in enumerate(zip(accounts * 2, (3333, 1111, 2222, 1, 999, 777), strict=True)):
        made = await transfer(play, account, amount, source_transaction=paid.id)
        if turn % 2:
            await reverse(play, made, max(1, amount // 3))
    for seconds in (0, 2 * DAY):
        await play.control("clock/advance", seconds=seconds)
        sides = [await balance(play), *[await balance(play, account) for account in accounts]]
        total = 9999 - 320
        assert (sum(a for a, _ in sides), sum(p for _, p in sides)) == ((0, total) if seconds == 0 else (total, 0))
