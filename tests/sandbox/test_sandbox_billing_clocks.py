"""Time passes for subscriptions: renewals, dunning, trials, ends; on test clocks and by the desk's controls."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import stripe

from sandbox.store import Store
from tests.sandbox import billing
from tests.sandbox.billing import moment

pytestmark = pytest.mark.anyio


async def clock_at(play: Any, *when: int) -> str:
    made = await play.v1.test_helpers.test_clocks.create_async({"frozen_time": moment(*when), "name": "a test"})
    identifier: str = made.id
    return identifier


async def go(play: Any, clock: str, *when: int) -> Any:
    return await play.v1.test_helpers.test_clocks.advance_async(clock, {"frozen_time": moment(*when)})


async def look(play: Any, subscription: Any) -> Any:
    return await play.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice"]})


# -- the clocks themselves ---------------------------------------------------------------


async def test_a_clock_is_made_moved_and_deleted(play: Any) -> None:
    clock = await clock_at(play, 2026, 1, 1)
    payer = await billing.customer(play, test_clock=clock)
    subscription = await billing.subscribe(play, payer, await billing.plan(play))
    assert (subscription.test_clock, subscription.created) == (clock, moment(2026, 1, 1))
    moved = await go(play, clock, 2026, 1, 2)
    assert (moved.status, moved.frozen_time) == ("ready", moment(2026, 1, 2))
    with pytest.raises(stripe.InvalidRequestError, match="past"):
        await go(play, clock, 2026, 1, 2)
    with pytest.raises(stripe.InvalidRequestError, match="two years"):
        await go(play, clock, 2030, 1, 2)
    assert [each.id for each in (await play.v1.test_helpers.test_clocks.list_async()).data] == [clock]
    assert (await play.v1.test_helpers.test_clocks.delete_async(clock)).deleted
    assert (await play.v1.subscriptions.retrieve_async(subscription.id)).status == "canceled"
    assert (await play.v1.customers.retrieve_async(payer)).deleted
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.test_helpers.test_clocks.retrieve_async(clock)
    # what happened is dated by the sandbox's own clock
    now = (await play.look("state"))["now"]
    events = (await play.v1.events.list_async({"limit": 100})).data
    assert all(abs(event.created - now) < 60 for event in events)
    await play.settle()


async def test_a_customer_takes_their_subscriptions_with_them(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    await play.v1.customers.delete_async(subscription.customer)
    gone = await look(play, subscription)
    assert (gone.status, gone.cancellation_details.reason) == ("canceled", "cancellation_requested")
    assert {"customer.subscription.deleted", "customer.deleted"} <= set(await play.settle())


def test_a_state_file_from_before_there_were_clocks_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    old = sqlite3.connect(file)
    old.executescript(
        "CREATE TABLE due(seq INTEGER PRIMARY KEY, at REAL NOT NULL, job TEXT NOT NULL, subject TEXT NOT NULL, "
        "livemode INTEGER NOT NULL); INSERT INTO due VALUES (1, 5.0, 'expire_session', 'cs_1', 0);"
    )
    old.close()
    for _ in range(2):
        store = Store(file)
        assert [(row["job"], row["clock"]) for row in store.all("SELECT * FROM due")] == [("expire_session", None)]
        store.close()


# -- renewals ----------------------------------------------------------------------------


async def test_a_month_renews_with_a_draft_that_is_charged_an_hour_later(play: Any) -> None:
    """period over -> draft -> an hour -> final and paid; the next period stands on the item"""
    clock = await clock_at(play, 2026, 1, 31)
    subscription = await billing.subscribe(
        play, await billing.customer(play, test_clock=clock), await billing.plan(play)
    )
    assert billing.period(subscription) == (moment(2026, 1, 31), moment(2026, 2, 28))
    await play.settle()
    play.inbox.bodies.clear()
    await go(play, clock, 2026, 2, 28, 0, 30)
    after = await look(play, subscription)
    draft = after.latest_invoice
    assert billing.period(after) == (moment(2026, 2, 28), moment(2026, 3, 31))
    assert (draft.status, draft.billing_reason, draft.auto_advance) == ("draft", "subscription_cycle", True)
    assert (draft.created, draft.automatically_finalizes_at) == (moment(2026, 2, 28), moment(2026, 2, 28, 1))
    assert (draft.period_start, draft.period_end) == (moment(2026, 1, 31), moment(2026, 2, 28))
    added = await play.v1.invoice_items.create_async(
        {"customer": draft.customer, "amount": 250, "currency": "eur", "invoice": draft.id, "description": "Extra"}
    )
    assert added.test_clock == clock
    await go(play, clock, 2026, 2, 28, 1)
    paid = (await look(play, subscription)).latest_invoice
    assert (paid.id, paid.status, paid.amount_paid, paid.attempt_count) == (draft.id, "paid", 1250, 1)
    assert paid.status_transitions.paid_at == moment(2026, 2, 28, 1)
    types = await play.settle()
    assert [type for type in types if not type.startswith("test_helpers")].count("invoice.paid") == 1
    assert {"invoice.upcoming", "invoice.created", "invoice.finalized", "charge.succeeded"} <= set(types)
    told = play.inbox.last("invoice.upcoming")["object"]
    assert (told["id"].startswith("upcoming_in_"), told["total"]) == (True, 1000)
    moves = play.inbox.last("customer.subscription.updated")
    assert "items" in moves["previous_attributes"]
    await go(play, clock, 2026, 6, 1)
    ends = [line.period.end for each in await billing.invoices(play, subscription.id) for line in each.lines.data[:1]]
    assert ends == [moment(2026, month, day) for month, day in [(2, 28), (3, 31), (4, 30), (5, 31), (6, 30)]]


async def test_a_leap_day_comes_back(play: Any) -> None:
    clock = await clock_at(play, 2028, 2, 29, 12)
    payer = await billing.customer(play, test_clock=clock)
    subscription = await billing.subscribe(play, payer, await billing.plan(play, interval="year"))
    ends = [billing.period(subscription)[1]]
    for year in (2029, 2030, 2031, 2032):
        await go(play, clock, year, 3, 2)
        ends.append(billing.period(await look(play, subscription))[1])
    days = [(2029, 28), (2030, 28), (2031, 28), (2032, 29), (2033, 28)]
    assert ends == [moment(year, 2, day, 12) for year, day in days]


async def test_a_customer_without_a_clock_is_moved_by_the_desk(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    await play.settle()
    before = len(play.inbox.bodies)
    told = await play.control(f"customers/{subscription.customer}/advance", renew=True)
    after = await look(play, subscription)
    assert after.test_clock == told["clock"]
    assert (after.latest_invoice.status, after.latest_invoice.billing_reason) == ("paid", "subscription_cycle")
    types = play.inbox.types[before:]
    assert types.index("invoice.created") < types.index("invoice.finalized") < types.index("invoice.paid")
    assert len(await billing.invoices(play, subscription.id)) == 2
    form = await play.browser.post(f"/sandbox/customers/{subscription.customer}/advance", data={"days": "31"})
    assert form.status_code == 200
    assert len(await billing.invoices(play, subscription.id)) == 3
    fresh = await play.session()
    assert fresh.status == "open"
    newest = (await play.v1.events.list_async({"limit": 3})).data
    older = (await play.v1.events.list_async({"limit": 100, "starting_after": newest[-1].id})).data
    newer = (await play.v1.events.list_async({"limit": 100, "ending_before": older[0].id})).data
    assert [each.id for each in newer][-3:] == [each.id for each in newest]


@pytest.mark.parametrize(
    "body", [{}, {"days": 1, "seconds": 1}, {"to": 1}, {"days": -1}, {"days": "x"}, {"wrong": 1, "days": 1}]
)
async def test_the_desk_says_what_it_does_not_understand(play: Any, body: dict[str, Any]) -> None:
    payer = await billing.customer(play)
    answer = await play.browser.post(f"/sandbox/customers/{payer}/advance", json=body)
    assert answer.status_code == 400, answer.text
    assert (await play.v1.customers.retrieve_async(payer)).test_clock is None
    for path in ("customers/cus_nope/advance", "customers/cus_nope/decline"):
        assert (await play.browser.post(f"/sandbox/{path}", json={"days": 1})).status_code in (400, 404)


async def test_many_renew_in_one_go(play: Any) -> None:
    gold = await billing.plan(play)
    subscribers = [await billing.subscribe(play, await billing.customer(play), gold) for _ in range(6)]
    told = await play.control("customers/advance", renew=True)
    assert told["customers"] == 6
    # what was not answered in time, on a busy machine, is sent again by then
    await play.control("clock/advance", seconds=60)
    await play.settle()
    assert play.inbox.types.count("invoice.paid") == 12
    renewed = await play.v1.subscriptions.list_async({"test_clock": told["clock"], "limit": 100})
    assert {each.id for each in renewed.data} == {each.id for each in subscribers}
    none_left = await play.browser.post("/sandbox/customers/advance", json={"days": 1})
    assert none_left.status_code == 400


# -- dunning -----------------------------------------------------------------------------


async def begun(play: Any, **more: Any) -> Any:
    """A subscription that is paid, of a customer whose bank says no from now on."""
    payer = await billing.customer(play, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(play, payer, await billing.plan(play), **more)
    await play.control(f"customers/{payer}/decline", code="insufficient_funds")
    return subscription


@pytest.mark.parametrize(("end", "status"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")])
async def test_an_unpaid_renewal_is_tried_again_and_given_up(play: Any, end: str, status: str) -> None:
    """+3, +5, +7 days, then the end that the settings name"""
    await play.control("settings", dunning_end=end)
    subscription = await begun(play)
    clock = subscription.test_clock
    await go(play, clock, 2026, 2, 1, 1)
    failed = await look(play, subscription)
    first = failed.latest_invoice
    assert (failed.status, first.status, first.attempt_count) == ("past_due", "open", 1)
    assert first.next_payment_attempt == moment(2026, 2, 4, 1)
    assert (await play.v1.customers.retrieve_async(subscription.customer)).delinquent
    for attempts, day, following in ((2, 4, 9), (3, 9, 16), (4, 16, None)):
        await go(play, clock, 2026, 2, day, 1)
        tried = await play.v1.invoices.retrieve_async(first.id)
        assert tried.attempt_count == attempts
        assert tried.next_payment_attempt == (moment(2026, 2, following, 1) if following else None)
    ended = await look(play, subscription)
    assert (ended.status, ended.latest_invoice.status) == (status, "open")
    types = await play.settle()
    assert types.count("invoice.payment_failed") == 4
    assert types.count("customer.subscription.deleted") == (1 if end == "cancel" else 0)
    if end == "cancel":
        assert ended.cancellation_details.reason == "payment_failed"
        return
    await go(play, clock, 2026, 3, 1, 2)
    newest = (await look(play, subscription)).latest_invoice
    assert (newest.id == first.id, newest.status) == (False, "draft" if end == "unpaid" else "open")


async def test_a_retry_that_works_mends_the_subscription(play: Any) -> None:
    subscription = await begun(play)
    await go(play, subscription.test_clock, 2026, 2, 2)
    await play.control(f"customers/{subscription.customer}/decline", code=None)
    await go(play, subscription.test_clock, 2026, 2, 5)
    mended = await look(play, subscription)
    assert (mended.status, mended.latest_invoice.status, mended.latest_invoice.attempt_count) == ("active", "paid", 2)
    assert not (await play.v1.customers.retrieve_async(subscription.customer)).delinquent
    await go(play, subscription.test_clock, 2026, 2, 28)
    assert len(await billing.invoices(play, subscription.id)) == 2
    await play.settle()


async def test_another_card_pays_the_next_try(play: Any) -> None:
    subscription = await begun(play)
    await go(play, subscription.test_clock, 2026, 2, 2)
    better = await play.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": subscription.customer})
    await play.v1.subscriptions.update_async(subscription.id, {"default_payment_method": better.id})
    await go(play, subscription.test_clock, 2026, 2, 5)
    assert (await look(play, subscription)).status == "active"


async def test_a_hard_decline_waits_for_another_card(play: Any) -> None:
    subscription = await begun(play)
    await play.control(f"customers/{subscription.customer}/decline", code="stolen_card")
    await go(play, subscription.test_clock, 2026, 2, 10)
    invoice = (await look(play, subscription)).latest_invoice
    assert invoice.attempt_count == 3
    tried = (await play.v1.charges.list_async({"customer": subscription.customer})).data
    assert [charge.status for charge in tried] == ["failed", "succeeded"]
    await play.control(f"customers/{subscription.customer}/decline", code=None)
    better = await play.v1.payment_methods.attach_async("pm_card_mastercard", {"customer": subscription.customer})
    await play.v1.subscriptions.update_async(subscription.id, {"default_payment_method": better.id})
    await go(play, subscription.test_clock, 2026, 2, 17)
    assert (await look(play, subscription)).status == "active"
    await play.settle()


async def test_a_customer_with_nothing_to_charge_is_past_due(play: Any) -> None:
    payer = await billing.customer(play, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(play, payer, await billing.plan(play))
    known = await play.v1.customers.retrieve_async(payer)
    await play.v1.payment_methods.detach_async(known.invoice_settings.default_payment_method)
    await go(play, subscription.test_clock, 2026, 2, 2)
    failed = await look(play, subscription)
    assert (failed.status, failed.latest_invoice.attempt_count) == ("past_due", 1)
    types = await play.settle()
    assert ("invoice.payment_failed" in types, "charge.failed" in types) == (True, False)


async def test_the_saved_card_that_always_fails_is_dunned(play: Any) -> None:
    subscription = await begun(play)
    await play.control(f"customers/{subscription.customer}/decline", code=None)
    bad = await play.v1.payment_methods.attach_async("pm_card_chargeCustomerFail", {"customer": subscription.customer})
    await play.v1.subscriptions.update_async(subscription.id, {"default_payment_method": bad.id})
    await go(play, subscription.test_clock, 2026, 2, 1, 2)
    assert (await look(play, subscription)).status == "past_due"


async def test_the_settings_of_dunning_are_checked(play: Any) -> None:
    for wrong in ({"dunning_end": "forgive"}, {"dunning_days": "soon"}, {"dunning_days": ""}):
        assert (await play.browser.post("/sandbox/settings", json=wrong)).status_code == 400
    told = await play.control("settings", dunning_days="1", dunning_end="unpaid")
    assert (told["dunning_days"], told["dunning_end"]) == ("1", "unpaid")


# -- trials ------------------------------------------------------------------------------


async def test_a_trial_ends_in_a_paid_period(play: Any) -> None:
    """three days before: trial_will_end; then active, and a draft that is paid an hour later"""
    payer = await billing.customer(play, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(play, payer, await billing.plan(play), trial_end=moment(2026, 1, 15))
    assert subscription.status == "trialing"
    await go(play, subscription.test_clock, 2026, 1, 11, 23)
    assert "customer.subscription.trial_will_end" not in await play.settle()
    await go(play, subscription.test_clock, 2026, 1, 12)
    assert "customer.subscription.trial_will_end" in await play.settle()
    await go(play, subscription.test_clock, 2026, 1, 15, 1)
    after = await look(play, subscription)
    assert (after.status, after.latest_invoice.status, after.latest_invoice.total) == ("active", "paid", 1000)
    assert billing.period(after) == (moment(2026, 1, 15), moment(2026, 2, 15))
    assert play.inbox.types.count("customer.subscription.trial_will_end") == 1


@pytest.mark.parametrize(
    ("behavior", "status"), [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")]
)
async def test_a_trial_ends_with_nothing_to_charge(play: Any, behavior: str, status: str) -> None:
    payer = await billing.customer(play, card=None, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(
        play,
        payer,
        await billing.plan(play),
        trial_period_days=2,
        trial_settings={"end_behavior": {"missing_payment_method": behavior}},
    )
    assert "customer.subscription.trial_will_end" not in await play.settle()
    await go(play, subscription.test_clock, 2026, 1, 3, 2)
    assert (await look(play, subscription)).status == status
    assert "customer.subscription.trial_will_end" in await play.settle()


# -- ends --------------------------------------------------------------------------------


async def test_it_ends_when_its_period_does(play: Any) -> None:
    payer = await billing.customer(play, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(play, payer, await billing.plan(play))
    await play.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    await go(play, subscription.test_clock, 2026, 3, 1)
    gone = await look(play, subscription)
    assert (gone.status, gone.ended_at, gone.canceled_at) == ("canceled", moment(2026, 2, 1), moment(2026, 1, 1))
    assert len(await billing.invoices(play, subscription.id)) == 1
    types = await play.settle()
    assert types.count("customer.subscription.deleted") == 1
    assert "invoice.upcoming" not in types


async def test_it_ends_at_a_moment(play: Any) -> None:
    payer = await billing.customer(play, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(play, payer, await billing.plan(play))
    await play.v1.subscriptions.update_async(subscription.id, {"cancel_at": moment(2026, 1, 20)})
    await go(play, subscription.test_clock, 2026, 1, 21)
    gone = await look(play, subscription)
    assert (gone.status, gone.ended_at) == ("canceled", moment(2026, 1, 20))


async def test_what_nobody_pays_expires_after_23_hours(play: Any) -> None:
    payer = await billing.customer(play, test_clock=await clock_at(play, 2026, 1, 1))
    subscription = await billing.subscribe(play, payer, await billing.plan(play), payment_behavior="default_incomplete")
    await go(play, subscription.test_clock, 2026, 1, 1, 22, 59)
    assert (await look(play, subscription)).status == "incomplete"
    await go(play, subscription.test_clock, 2026, 1, 1, 23)
    gone = await look(play, subscription)
    assert (gone.status, gone.latest_invoice.status) == ("incomplete_expired", "void")
    [intent] = (await play.v1.payment_intents.list_async({"customer": payer})).data
    assert (intent.status, intent.cancellation_reason) == ("canceled", "void_invoice")
    await go(play, subscription.test_clock, 2026, 3, 1)
    assert len(await billing.invoices(play, subscription.id)) == 1
    assert "customer.subscription.deleted" not in await play.settle()


# -- disturbances ------------------------------------------------------------------------


async def test_renewals_go_over_the_same_bad_network(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    await play.settle()
    play.inbox.bodies.clear()
    await play.control("webhooks/rules", action="drop", types=["invoice.paid"])
    await play.control("webhooks/rules", action="duplicate", types=["invoice.created"], copies=2)
    await play.control("webhooks/rules", action="hold", types=["customer.subscription.updated"])
    await play.control(f"customers/{subscription.customer}/advance", days=32)
    types = await play.settle()
    assert (types.count("invoice.paid"), types.count("invoice.created")) == (0, 3)
    assert "customer.subscription.updated" not in types
    await play.control("webhooks/release", order="reversed")
    assert "customer.subscription.updated" in await play.settle()
    await play.control("faults", kind="status", status=500, path="/v1/subscriptions/*", next=1)
    with pytest.raises(stripe.APIError):
        await play.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    assert not (await look(play, subscription)).cancel_at_period_end
