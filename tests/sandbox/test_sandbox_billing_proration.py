"""Periods and shares as arithmetic, and changes of a plan: what they cost, and that a preview says so before."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from sandbox.stripe.billing import periods, proration
from tests.sandbox import billing
from tests.sandbox.billing import moment

MOMENTS = st.integers(moment(2000, 1, 1), moment(2060, 1, 1))
AMOUNTS = st.integers(0, 10**12)
STEPS = st.sampled_from([1, 10, 100])


# -- periods -----------------------------------------------------------------------------


@given(MOMENTS, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 24), MOMENTS)
def test_periods_follow_on_each_other_without_a_gap(anchor: int, interval: str, step: int, when: int) -> None:
    recurring = {"interval": interval, "interval_count": step}
    start, end = periods.period_at(anchor, recurring, when)
    assert start <= when < end
    assert periods.period_at(anchor, recurring, end)[0] == end
    assert periods.period_at(anchor, recurring, start) == (start, end)
    assert periods.period_at(anchor, recurring, start - 1)[1] == start


@given(MOMENTS, st.integers(-400, 400))
def test_a_month_ends_on_the_anchors_day_or_the_last_one(anchor: int, count: int) -> None:
    first, then = (datetime.fromtimestamp(each, UTC) for each in (anchor, periods.add(anchor, "month", count)))
    assert then.day == min(first.day, calendar.monthrange(then.year, then.month)[1])
    assert (then.hour, then.minute, then.second) == (first.hour, first.minute, first.second)
    assert (then.year * 12 + then.month) - (first.year * 12 + first.month) == count


def test_the_end_of_january_comes_back_in_march() -> None:
    january = moment(2026, 1, 31, 9)
    ends = [periods.add(january, "month", count) for count in (1, 2, 3)]
    assert ends == [moment(2026, 2, 28, 9), moment(2026, 3, 31, 9), moment(2026, 4, 30, 9)]
    assert periods.add(moment(2028, 2, 29), "year", 1) == moment(2029, 2, 28)
    assert periods.add(moment(2028, 2, 29), "year", 4) == moment(2032, 2, 29)
    assert periods.add(moment(2028, 1, 31), "month", 1) == moment(2028, 2, 29)


# -- shares ------------------------------------------------------------------------------


@given(STEPS, AMOUNTS, MOMENTS, st.integers(1, 400 * 86400), MOMENTS)
def test_a_share_is_the_exact_one_rounded_to_what_can_be_charged(
    step: int, steps: int, start: int, length: int, when: int
) -> None:
    amount, end = steps * step, start + length
    inside = min(end, max(start, when))
    exact = Fraction(amount * (end - inside), length)
    found = proration.share(amount, start, end, when, step)
    assert 0 <= found <= amount
    assert found % step == 0
    assert abs(found - exact) <= Fraction(step, 2)
    assert proration.share(amount, start, end, start, step) == amount
    assert proration.share(amount, start, end, end, step) == 0


@given(STEPS, AMOUNTS, MOMENTS, st.integers(2, 400 * 86400), st.data())
def test_later_is_never_more(step: int, amount: int, start: int, length: int, data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.tuples(st.integers(0, length), st.integers(0, length))))
    end = start + length
    earlier, later = (proration.share(amount, start, end, start + after, step) for after in (one, other))
    assert earlier >= later


@given(st.integers(0, 10**9), st.integers(0, 12), st.integers(1, 10**6))
def test_decimal_prices_are_multiplied_exactly(digits: int, places: int, quantity: int) -> None:
    text = str(digits).rjust(places + 1, "0")
    exact = f"{text[:-places]}.{text[-places:]}" if places else text
    assert abs(proration.times(exact, quantity) - Fraction(digits * quantity, 10**places)) <= Fraction(1, 2)


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**9))
def test_halves_go_away_from_zero(dividend: int, divisor: int) -> None:
    assert proration.rounded(-dividend, divisor) == -proration.rounded(dividend, divisor)
    assert proration.rounded(5, 2) == 3


# -- changes of a plan -------------------------------------------------------------------


@pytest.fixture
async def april(play: Any) -> Any:
    """A customer in April of 2026, who pays 30.00 a month since the first."""
    clock = await play.v1.test_helpers.test_clocks.create_async({"frozen_time": moment(2026, 4, 1)})
    payer = await billing.customer(play, test_clock=clock.id)
    subscription = await billing.subscribe(play, payer, await billing.plan(play, 3000))
    await play.v1.test_helpers.test_clocks.advance_async(clock.id, {"frozen_time": moment(2026, 4, 16)})
    return subscription


def item_of(subscription: Any) -> str:
    identifier: str = subscription["items"].data[0].id
    return identifier


@pytest.mark.anyio
@pytest.mark.parametrize(("amount", "day", "second"), [(9000, 16, 0), (4567, 11, 7777), (1000, 21, 1)])
async def test_a_preview_tells_exactly_what_the_change_costs(
    play: Any, april: Any, amount: int, day: int, second: int
) -> None:
    other = await billing.plan(play, amount, name="Other")
    when = moment(2026, 4, day) + second
    change = {"items": [{"id": item_of(april), "price": other.id}], "proration_date": when}
    change["proration_behavior"] = "always_invoice"
    preview = await play.v1.invoices.create_preview_async({"subscription": april.id, "subscription_details": change})
    assert (preview.status, preview.billing_reason, preview.id[:12]) == ("draft", "upcoming", "upcoming_in_")
    assert preview.parent.subscription_details.subscription_proration_date == when
    assert len(await billing.invoices(play, april.id)) == 1
    after = await play.v1.subscriptions.update_async(april.id, {**change, "expand": ["latest_invoice"]})
    invoice = after.latest_invoice
    same = ("total", "subtotal", "amount_due", "currency", "starting_balance")
    assert [getattr(invoice, name) for name in same] == [getattr(preview, name) for name in same]
    lines = [[(line.amount, line.description) for line in each.lines.data] for each in (preview, invoice)]
    assert lines[0] == lines[1]
    left = Fraction(moment(2026, 5, 1) - when, 30 * billing.DAY)
    assert [line.amount for line in invoice.lines.data] == [
        -proration.rounded((3000 * left).numerator, (3000 * left).denominator),
        proration.rounded((amount * left).numerator, (amount * left).denominator),
    ]
    assert billing.period(after) == billing.period(april)
    assert (invoice.status, after.status) == ("paid", "active")
    await play.settle()


@pytest.mark.anyio
async def test_prorations_wait_for_the_next_invoice(play: Any, april: Any) -> None:
    """30.00 -> 60.00 half way: 15.00 more, with the 60.00 of May"""
    better = await billing.plan(play, 6000, name="Better")
    change = {"items": [{"id": item_of(april), "price": better.id}]}
    preview = await play.v1.invoices.create_preview_async({"subscription": april.id, "subscription_details": change})
    assert [line.amount for line in preview.lines.data] == [-1500, 3000, 6000]
    await play.v1.subscriptions.update_async(april.id, change)
    waiting = (await play.v1.invoice_items.list_async({"customer": april.customer, "pending": True})).data
    assert [(each.amount, each.proration) for each in waiting[::-1]] == [(-1500, True), (3000, True)]
    upcoming = await play.v1.invoices.create_preview_async({"subscription": april.id})
    assert upcoming.total == preview.total == 7500
    await play.control(f"customers/{april.customer}/advance", renew=True)
    newest = (await billing.invoices(play, april.id))[-1]
    assert (newest.total, newest.status) == (7500, "paid")
    [credit, debit, period] = newest.lines.data
    assert credit.parent.subscription_item_details.proration
    assert credit.parent.subscription_item_details.proration_details.credited_items is not None
    assert debit.parent.subscription_item_details.invoice_item == waiting[0].id
    assert not period.parent.subscription_item_details.proration
    await play.settle()


@pytest.mark.anyio
async def test_two_changes_leave_nothing_paid_twice(play: Any, april: Any) -> None:
    """to 60.00 and back in the same second: what is credited is what was asked for"""
    better = await billing.plan(play, 6000, name="Better")
    old = april["items"].data[0].price.id
    for price in (better.id, old):
        await play.v1.subscriptions.update_async(
            april.id, {"items": [{"id": item_of(april), "price": price}], "proration_behavior": "always_invoice"}
        )
    totals = [each.total for each in await billing.invoices(play, april.id)]
    assert totals == [3000, 1500, -1500]
    assert (await play.v1.customers.retrieve_async(april.customer)).balance == -1500
    await play.v1.subscriptions.update_async(
        april.id, {"items": [{"id": item_of(april), "quantity": 3}], "proration_behavior": "none"}
    )
    upcoming = await play.v1.invoices.create_preview_async({"subscription": april.id})
    assert (upcoming.total, upcoming.amount_due) == (9000, 7500)
    assert upcoming.lines.data[0].description == "3 × Gold (at 30.00 EUR / month)"


@pytest.mark.anyio
async def test_items_come_and_go(play: Any, april: Any) -> None:
    extra = await billing.plan(play, 1000, name="Extra")
    change = {"items": [{"price": extra.id, "quantity": 2}], "proration_behavior": "always_invoice"}
    more = await play.v1.subscriptions.update_async(april.id, {**change, "expand": ["latest_invoice"]})
    assert (len(more["items"].data), more.latest_invoice.total) == (2, 1000)
    [added] = [each for each in more["items"].data if each.price.id == extra.id]
    less = await play.v1.subscriptions.update_async(
        april.id,
        {
            "items": [{"id": added.id, "deleted": True}],
            "proration_behavior": "always_invoice",
            "expand": ["latest_invoice"],
        },
    )
    assert (len(less["items"].data), less.latest_invoice.total) == (1, -1000)
    with pytest.raises(stripe.InvalidRequestError, match="at least one active item"):
        await play.v1.subscriptions.update_async(april.id, {"items": [{"id": item_of(april), "deleted": True}]})


@pytest.mark.anyio
async def test_another_interval_begins_at_once(play: Any, april: Any) -> None:
    yearly = await billing.plan(play, 30000, interval="year", name="Year")
    change = {"items": [{"id": item_of(april), "price": yearly.id}]}
    preview = await play.v1.invoices.create_preview_async({"subscription": april.id, "subscription_details": change})
    after = await play.v1.subscriptions.update_async(april.id, {**change, "expand": ["latest_invoice"]})
    assert billing.period(after) == (moment(2026, 4, 16), moment(2027, 4, 16))
    assert after.billing_cycle_anchor == moment(2026, 4, 16)
    assert [line.amount for line in after.latest_invoice.lines.data] == [-1500, 30000]
    assert (after.latest_invoice.total, after.latest_invoice.status) == (preview.total, "paid")


@pytest.mark.anyio
async def test_a_trial_is_given_and_ended_by_hand(play: Any, april: Any) -> None:
    trial = await play.v1.subscriptions.update_async(
        april.id, {"trial_end": moment(2026, 5, 10), "proration_behavior": "none"}
    )
    assert (trial.status, billing.period(trial)) == ("trialing", (moment(2026, 4, 16), moment(2026, 5, 10)))
    ended = await play.v1.subscriptions.update_async(april.id, {"trial_end": "now", "expand": ["latest_invoice"]})
    assert (ended.status, ended.latest_invoice.total) == ("active", 3000)
    assert billing.period(ended) == (moment(2026, 4, 16), moment(2026, 5, 16))


@pytest.mark.anyio
async def test_a_change_that_can_not_be_paid(play: Any, april: Any) -> None:
    better = await billing.plan(play, 6000, name="Better")
    await play.control(f"customers/{april.customer}/decline", code="insufficient_funds")
    change = {
        "items": [{"id": item_of(april), "price": better.id}],
        "proration_behavior": "always_invoice",
    }
    with pytest.raises(stripe.CardError) as caught:
        await play.v1.subscriptions.update_async(april.id, {**change, "payment_behavior": "error_if_incomplete"})
    assert caught.value.error.decline_code == "insufficient_funds"
    same = await play.v1.subscriptions.retrieve_async(april.id)
    assert (same.status, same["items"].data[0].price.unit_amount) == ("active", 3000)
    assert len(await billing.invoices(play, april.id)) == 1
    after = await play.v1.subscriptions.update_async(april.id, change)
    assert (after.status, after["items"].data[0].price.unit_amount) == ("past_due", 6000)
    await play.settle()


@pytest.mark.anyio
@pytest.mark.parametrize("paid", [True, False])
async def test_a_change_waits_until_it_is_paid(play: Any, april: Any, paid: bool) -> None:
    """pending_if_incomplete: the old plan goes on; paid within 23 hours it is the new one, else the change is gone"""
    better = await billing.plan(play, 6000, name="Better")
    await play.control(f"customers/{april.customer}/decline", code="insufficient_funds")
    change = {
        "items": [{"id": item_of(april), "price": better.id}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    waiting = await play.v1.subscriptions.update_async(april.id, {**change, "expand": ["latest_invoice"]})
    assert (waiting.status, waiting["items"].data[0].price.unit_amount) == ("active", 3000)
    assert waiting.pending_update.subscription_items[0].price.unit_amount == 6000
    assert (waiting.latest_invoice.total, waiting.latest_invoice.status) == (1500, "open")
    if paid:
        await play.control(f"invoices/{waiting.latest_invoice.id}/pay")
    await play.control(f"customers/{april.customer}/advance", seconds=23 * 3600)
    after = await play.v1.subscriptions.retrieve_async(april.id, {"expand": ["latest_invoice"]})
    assert (after.status, after.pending_update) == ("active", None)
    assert after["items"].data[0].price.unit_amount == (6000 if paid else 3000)
    assert after.latest_invoice.status == ("paid" if paid else "void")
    upcoming = await play.v1.invoices.create_preview_async({"subscription": april.id})
    assert upcoming.total == (6000 if paid else 3000)
    types = await play.settle()
    told = "applied" if paid else "expired"
    assert f"customer.subscription.pending_update_{told}" in types
    with pytest.raises(stripe.InvalidRequestError, match="description"):
        await play.v1.subscriptions.update_async(
            april.id, {"payment_behavior": "pending_if_incomplete", "description": "x"}
        )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"items": [{"id": "si_nope", "quantity": 2}]}, "No such subscription item"),
        ({"proration_date": 5, "items": []}, "Missing|outside|proration"),
        ({"cancel_at": 5}, "future"),
        ({"trial_end": 5}, "two years"),
    ],
)
async def test_what_a_change_can_not_be(play: Any, april: Any, change: dict[str, Any], said: str) -> None:
    given = {**change, "items": change.get("items") or [{"id": item_of(april), "quantity": 2}]}
    with pytest.raises(stripe.InvalidRequestError, match=said):
        await play.v1.subscriptions.update_async(april.id, given)
    assert (await play.v1.subscriptions.retrieve_async(april.id))["items"].data[0].quantity == 1


@pytest.mark.anyio
async def test_a_first_invoice_is_previewed_before_there_is_a_subscription(play: Any) -> None:
    payer, gold = await billing.customer(play), await billing.plan(play)
    asked = {"customer": payer, "subscription_details": {"items": [{"price": gold.id, "quantity": 2}]}}
    preview = await play.v1.invoices.create_preview_async(
        {**asked, "invoice_items": [{"amount": 100, "currency": "eur", "description": "Once"}]}
    )
    assert (preview.total, preview.status) == (2100, "draft")
    for kind in (play.v1.subscriptions, play.v1.invoices, play.v1.payment_intents, play.v1.invoice_items):
        assert (await kind.list_async({"customer": payer})).data == []
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.invoices.create_preview_async({"customer": payer})
    assert caught.value.code == "invoice_upcoming_none"
    assert "invoice.created" not in await play.settle()


# -- taxes -------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("inclusive", "sums"), [(False, (-1500 + 4500, 570, 3570)), (True, (-1500 + 4500, 478 + 1, 3000))]
)
async def test_every_line_is_taxed_and_a_credit_has_its_tax_credited(
    play: Any, april: Any, inclusive: bool, sums: tuple[int, int, int]
) -> None:
    await play.control(f"customers/{april.customer}/tax", percent=19, inclusive=inclusive)
    better = await billing.plan(play, 9000, name="Better")
    change = {"items": [{"id": item_of(april), "price": better.id}], "proration_behavior": "always_invoice"}
    preview = await play.v1.invoices.create_preview_async({"subscription": april.id, "subscription_details": change})
    after = await play.v1.subscriptions.update_async(april.id, {**change, "expand": ["latest_invoice"]})
    for invoice in (preview, after.latest_invoice):
        [tax] = invoice.total_taxes
        assert (invoice.subtotal, tax.amount, invoice.total) == sums
        assert [line.taxes[0].amount < 0 for line in invoice.lines.data] == [True, False]
        assert invoice.total - tax.amount == invoice.total_excluding_tax == tax.taxable_amount
    await play.control(f"customers/{april.customer}/tax", percent=None)
    await play.control(f"customers/{april.customer}/advance", renew=True)
    [*_, newest] = await billing.invoices(play, april.id)
    assert (newest.total, newest.total_taxes) == (9000, [])
