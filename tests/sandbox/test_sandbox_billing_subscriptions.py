"""Subscriptions by the API: made, changed, paused and ended; their invoices by hand."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox import billing

pytestmark = pytest.mark.anyio


# -- beginning ---------------------------------------------------------------------------


async def test_a_saved_card_begins_a_subscription(play: Any) -> None:
    payer = await billing.customer(play)
    subscription = await billing.subscribe(
        play, payer, await billing.plan(play), metadata={"a": "b"}, expand=["latest_invoice.payments", "customer"]
    )
    assert (subscription.status, subscription.customer.id) == ("active", payer)
    assert subscription.billing_mode.type == "flexible"
    invoice = subscription.latest_invoice
    assert (invoice.status, invoice.total, invoice.attempt_count) == ("paid", 1000, 1)
    assert invoice.number.endswith("-0001")
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.parent.subscription_details.metadata.to_dict() == {"a": "b"}
    start, end = billing.period(subscription)
    [line] = invoice.lines.data
    assert (line.period.start, line.period.end) == (start, end)
    assert line.parent.subscription_item_details.subscription_item == subscription["items"].data[0].id
    assert line.pricing.price_details.price == subscription["items"].data[0].price.id
    lines = await play.v1.invoices.line_items.list_async(invoice.id, {"limit": 1})
    assert [each.id for each in lines.data] == [line.id]
    items = await play.v1.subscription_items.list_async({"subscription": subscription.id})
    assert [each.quantity for each in items.data] == [1]
    listed = await play.v1.subscriptions.list_async(
        {"customer": payer, "status": "active", "price": line.pricing.price_details.price, "expand": ["data.customer"]}
    )
    assert [each.id for each in listed.data] == [subscription.id]
    known = await play.v1.customers.retrieve_async(payer, {"expand": ["subscriptions"]})
    assert [each.id for each in known.subscriptions.data] == [subscription.id]
    await play.settle()


async def test_a_setup_fee_is_paid_with_the_first_period(play: Any) -> None:
    extra = await billing.fee(play, 700)
    subscription = await billing.subscribe(
        play,
        await billing.customer(play),
        await billing.plan(play),
        add_invoice_items=[{"price": extra.id, "quantity": 2}],
        expand=["latest_invoice"],
    )
    assert subscription.latest_invoice.amount_paid == 2400
    assert [line.amount for line in subscription.latest_invoice.lines.data] == [1400, 1000]


async def test_a_payer_confirms_what_was_left_to_them(play: Any) -> None:
    """default_incomplete -> client secret -> a browser confirms -> active, and the card is kept"""
    payer = await billing.customer(play, card=None)
    subscription = await billing.subscribe(
        play,
        payer,
        await billing.plan(play),
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["latest_invoice.confirmation_secret"],
    )
    assert (subscription.status, subscription.latest_invoice.status) == ("incomplete", "open")
    secret = subscription.latest_invoice.confirmation_secret.client_secret
    intent = secret.split("_secret_")[0]
    with pytest.raises(stripe.InvalidRequestError, match="Void the invoice"):
        await play.v1.payment_intents.cancel_async(intent)
    form = {"client_secret": secret, "payment_method": "pm_card_mastercard"}
    answer = await play.browser.post(
        f"/v1/payment_intents/{intent}/confirm", data=form, headers={"Authorization": "Bearer pk_test_1"}
    )
    assert answer.json()["status"] == "succeeded"
    active = await play.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["default_payment_method"]})
    assert (active.status, active.default_payment_method.card.brand) == ("active", "mastercard")
    types = await play.settle()
    assert {"invoice.paid", "customer.subscription.updated"} <= set(types)
    # a browser sends its secret with the form, which the checker does not know of
    play.checker_ignores("unknown_param")


async def test_a_declined_beginning_is_incomplete_and_can_be_paid(play: Any) -> None:
    payer = await billing.customer(play, card="pm_card_chargeCustomerFail")
    gold = await billing.plan(play)
    subscription = await billing.subscribe(play, payer, gold, expand=["latest_invoice"])
    assert (subscription.status, subscription.latest_invoice.status) == ("incomplete", "open")
    assert (subscription.latest_invoice.attempt_count, subscription.latest_invoice.next_payment_attempt) == (1, None)
    with pytest.raises(stripe.InvalidRequestError, match="incomplete"):
        await play.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.CardError) as caught:
        await play.v1.invoices.pay_async(subscription.latest_invoice.id)
    assert caught.value.code == "card_declined"
    better = await play.v1.payment_methods.attach_async("pm_card_visa", {"customer": payer})
    paid = await play.v1.invoices.pay_async(subscription.latest_invoice.id, {"payment_method": better.id})
    assert (paid.status, paid.amount_remaining, paid.attempt_count) == ("paid", 0, 1)
    assert (await play.v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    assert (await play.settle()).count("invoice.payment_failed") == 2


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined"),
        ("pm_card_authenticationRequired", "invoice_payment_intent_requires_action"),
    ],
)
async def test_what_must_be_paid_at_once_or_not_at_all(play: Any, card: str, code: str) -> None:
    payer, gold = await billing.customer(play, card=card), await billing.plan(play)
    with pytest.raises(stripe.CardError) as caught:
        await billing.subscribe(play, payer, gold, payment_behavior="error_if_incomplete")
    assert caught.value.code == code
    for kind in (play.v1.subscriptions, play.v1.invoices, play.v1.payment_intents):
        assert (await kind.list_async({"customer": payer})).data == []
    nobody = await billing.customer(play, card=None)
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        await billing.subscribe(play, nobody, gold)
    assert (await play.v1.subscriptions.list_async({"customer": nobody, "status": "all"})).data == []


async def test_a_card_that_asks_for_its_owner_waits_for_them(play: Any) -> None:
    payer = await billing.customer(play, card="pm_card_authenticationRequired")
    subscription = await billing.subscribe(play, payer, await billing.plan(play), expand=["latest_invoice.payments"])
    assert subscription.status == "incomplete"
    intent = subscription.latest_invoice.payments.data[0].payment.payment_intent
    assert (await play.v1.payment_intents.retrieve_async(intent)).status == "requires_action"
    await play.control(f"payment_intents/{intent}/action")
    assert (await play.v1.subscriptions.retrieve_async(subscription.id)).status == "active"
    assert "invoice.payment_action_required" in await play.settle()


async def test_a_trial_asks_for_a_method_to_charge_later(play: Any) -> None:
    payer = await billing.customer(play, card=None)
    subscription = await billing.subscribe(
        play,
        payer,
        await billing.plan(play),
        trial_period_days=7,
        payment_behavior="default_incomplete",
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}},
        expand=["pending_setup_intent"],
    )
    assert (subscription.status, subscription.pending_setup_intent.status) == ("trialing", "requires_payment_method")
    await play.v1.setup_intents.confirm_async(
        subscription.pending_setup_intent.id,
        {"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"},
    )
    ready = await play.v1.subscriptions.retrieve_async(subscription.id)
    assert (ready.pending_setup_intent, ready.default_payment_method is None) == (None, False)
    await play.settle()


async def test_the_same_key_begins_one_subscription(play: Any) -> None:
    payer, gold = await billing.customer(play), await billing.plan(play)
    given = {"customer": payer, "items": [{"price": gold.id}]}
    first = await play.v1.subscriptions.create_async(given, {"idempotency_key": "once"})
    again = await play.v1.subscriptions.create_async(given, {"idempotency_key": "once"})
    assert first.id == again.id
    assert len((await play.v1.payment_intents.list_async({"customer": payer})).data) == 1


async def test_a_cycle_can_begin_on_a_day_of_choice(play: Any) -> None:
    """The first period is cut short, and costs its share to the second."""
    clock = await play.v1.test_helpers.test_clocks.create_async({"frozen_time": billing.moment(2026, 1, 16)})
    payer = await billing.customer(play, test_clock=clock.id)
    subscription = await billing.subscribe(
        play,
        payer,
        await billing.plan(play, 3100),
        billing_cycle_anchor=billing.moment(2026, 2, 1),
        expand=["latest_invoice"],
    )
    assert billing.period(subscription) == (billing.moment(2026, 1, 16), billing.moment(2026, 2, 1))
    assert subscription.latest_invoice.total == 1600
    preview = await play.v1.invoices.create_preview_async({"subscription": subscription.id})
    assert (preview.total, preview.lines.data[0].period.end) == (3100, billing.moment(2026, 3, 1))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"items": []}, "Missing required param: items"),
        ({"items": [{"quantity": 1}]}, "exactly one"),
        ({"items": [{"price": "price_nope"}]}, "No such price"),
        ({"trial_period_days": 3, "trial_end": 2_000_000_000}, "only specify one"),
        ({"collection_method": "send_invoice"}, "days_until_due"),
        ({"default_payment_method": "pm_card_visa"}, "No such payment_method"),
        ({"billing_cycle_anchor": 5}, "future"),
        ({"payment_behavior": "pending_if_incomplete"}, "updates"),
        ({"discounts": [{"coupon": "x"}]}, "does not implement"),
    ],
)
async def test_what_a_subscription_can_not_be(play: Any, more: dict[str, Any], said: str) -> None:
    payer, gold = await billing.customer(play), await billing.plan(play)
    with pytest.raises(stripe.InvalidRequestError, match=said):
        await play.v1.subscriptions.create_async({"customer": payer, "items": [{"price": gold.id}], **more})
    once = await billing.fee(play)
    with pytest.raises(stripe.InvalidRequestError, match="type=recurring"):
        await billing.subscribe(play, payer, once)
    assert (await play.v1.subscriptions.list_async({"status": "all"})).data == []


# -- ending ------------------------------------------------------------------------------


async def test_it_ends_with_the_period_unless_that_is_undone(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    ending = await play.v1.subscriptions.update_async(
        subscription.id, {"cancel_at_period_end": True, "cancellation_details": {"comment": "Too dear"}}
    )
    assert (ending.status, ending.cancel_at_period_end, ending.cancel_at) == (
        "active",
        True,
        billing.period(subscription)[1],
    )
    assert (ending.cancellation_details.reason, ending.cancellation_details.comment) == (
        "cancellation_requested",
        "Too dear",
    )
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.invoices.create_preview_async({"subscription": subscription.id})
    assert caught.value.code == "invoice_upcoming_none"
    kept = await play.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": False})
    assert (kept.cancel_at_period_end, kept.cancel_at, kept.canceled_at) == (False, None, None)
    await play.settle()
    told = play.inbox.last("customer.subscription.updated")
    assert set(told["previous_attributes"]) >= {"cancel_at", "cancel_at_period_end"}


async def test_it_is_canceled_now(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    gone = await play.v1.subscriptions.cancel_async(subscription.id)
    assert (gone.status, gone.ended_at is None) == ("canceled", False)
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.subscriptions.cancel_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.subscriptions.update_async(subscription.id, {"description": "x"})
    assert caught.value.code == "invalid_canceled_subscription_fields"
    assert (await play.v1.subscriptions.update_async(subscription.id, {"metadata": {"why": "1"}})).metadata.why == "1"
    assert (await play.v1.subscriptions.list_async({})).data == []
    ended = await play.v1.subscriptions.list_async({"status": "ended"})
    assert [each.id for each in ended.data] == [subscription.id]
    assert (await play.settle()).count("customer.subscription.deleted") == 1


async def test_what_is_left_of_the_period_is_credited(play: Any) -> None:
    """DELETE with prorate and invoice_now: a negative invoice, whose amount is the customer's balance"""
    clock = await play.v1.test_helpers.test_clocks.create_async({"frozen_time": billing.moment(2026, 4, 1)})
    payer = await billing.customer(play, test_clock=clock.id)
    subscription = await billing.subscribe(play, payer, await billing.plan(play, 3000))
    await play.v1.test_helpers.test_clocks.advance_async(clock.id, {"frozen_time": billing.moment(2026, 4, 11)})
    preview = await play.v1.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": {"cancel_now": True}}
    )
    assert (preview.total, preview.amount_due) == (-2000, 0)
    gone = await play.v1.subscriptions.cancel_async(
        subscription.id, {"prorate": True, "invoice_now": True, "expand": ["latest_invoice"]}
    )
    invoice = gone.latest_invoice
    assert (invoice.status, invoice.total, invoice.amount_due, invoice.ending_balance) == ("paid", -2000, 0, -2000)
    [line] = invoice.lines.data
    assert line.description == "Unused time on Gold after 11 Apr 2026"
    credited = line.parent.subscription_item_details.proration_details.credited_items
    assert credited.invoice == (await billing.invoices(play, subscription.id))[0].id
    assert (await play.v1.customers.retrieve_async(payer)).balance == -2000
    [credit] = (await play.v1.customers.balance_transactions.list_async(payer)).data
    assert (credit.amount, credit.ending_balance, credit.invoice) == (-2000, -2000, invoice.id)
    next_one = await billing.subscribe(play, payer, await billing.plan(play, 2500), expand=["latest_invoice"])
    assert (next_one.latest_invoice.total, next_one.latest_invoice.amount_paid) == (2500, 500)
    await play.settle()


# -- pausing -----------------------------------------------------------------------------


async def test_collection_is_paused_and_goes_on(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    paused = await play.v1.subscriptions.update_async(subscription.id, {"pause_collection": {"behavior": "void"}})
    assert (paused.status, paused.pause_collection.behavior) == ("active", "void")
    await play.control(f"customers/{subscription.customer}/advance", renew=True)
    invoices = await billing.invoices(play, subscription.id)
    assert [each.status for each in invoices] == ["paid", "void"]
    resumed = await play.v1.subscriptions.update_async(subscription.id, {"pause_collection": ""})
    assert resumed.pause_collection is None
    await play.control(f"customers/{subscription.customer}/advance", renew=True)
    assert [each.status for each in await billing.invoices(play, subscription.id)] == ["paid", "void", "paid"]


@pytest.mark.parametrize(("behavior", "status"), [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")])
async def test_a_pause_that_ends_by_itself(play: Any, behavior: str, status: str) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    _, end = billing.period(subscription)
    await play.v1.subscriptions.update_async(
        subscription.id, {"pause_collection": {"behavior": behavior, "resumes_at": end + billing.DAY}}
    )
    await play.control(f"customers/{subscription.customer}/advance", to=end + 2 * billing.DAY)
    again = await play.v1.subscriptions.retrieve_async(subscription.id)
    assert (again.status, again.pause_collection) == ("active", None)
    assert [each.status for each in await billing.invoices(play, subscription.id)] == ["paid", status]


async def test_a_subscription_is_paused_and_resumed(play: Any) -> None:
    subscription = await billing.subscribe(play, await billing.customer(play), await billing.plan(play))
    paused = await play.v1.subscriptions.pause_async(subscription.id, {"type": "subscription"})
    assert (paused.status, paused.status_details.paused.type) == ("paused", "subscription")
    await play.control(f"customers/{subscription.customer}/advance", days=70)
    assert len(await billing.invoices(play, subscription.id)) == 1
    resumed = await play.v1.subscriptions.resume_async(subscription.id, {"expand": ["latest_invoice"]})
    assert (resumed.status, resumed.latest_invoice.status) == ("active", "paid")
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= set(await play.settle())


# -- invoices by hand --------------------------------------------------------------------


async def test_an_invoice_of_single_items(play: Any) -> None:
    payer = await billing.customer(play)
    item = await play.v1.invoice_items.create_async(
        {"customer": payer, "amount": 900, "currency": "eur", "description": "Repair"}
    )
    extra = await billing.fee(play)
    await play.v1.invoice_items.create_async({"customer": payer, "pricing": {"price": extra.id}, "quantity": 2})
    gone = await play.v1.invoice_items.create_async({"customer": payer, "amount": 1, "currency": "eur"})
    await play.v1.invoice_items.update_async(gone.id, {"amount": 2})
    assert (await play.v1.invoice_items.delete_async(gone.id)).deleted
    invoice = await play.v1.invoices.create_async(
        {"customer": payer, "currency": "eur", "pending_invoice_items_behavior": "include", "metadata": {"a": "b"}}
    )
    assert (invoice.status, invoice.total, invoice.number) == ("draft", 1900, None)
    late = await play.v1.invoice_items.create_async(
        {"customer": payer, "amount": 100, "currency": "eur", "invoice": invoice.id}
    )
    assert (await play.v1.invoices.retrieve_async(invoice.id)).total == 2000
    assert late.invoice == invoice.id
    pending = await play.v1.invoice_items.list_async({"customer": payer, "pending": True})
    assert pending.data == []
    assert (await play.v1.invoice_items.retrieve_async(item.id)).invoice == invoice.id
    final = await play.v1.invoices.finalize_invoice_async(invoice.id)
    assert (final.status, final.amount_due) == ("open", 2000)
    paid = await play.v1.invoices.pay_async(invoice.id, {"expand": ["payments"]})
    assert (paid.status, paid.payments.data[0].amount_paid) == ("paid", 2000)
    await play.settle()


async def test_invoices_end_without_money(play: Any) -> None:
    payer = await billing.customer(play)

    async def open_one(**more: Any) -> Any:
        await play.v1.invoice_items.create_async({"customer": payer, "amount": 900, "currency": "eur"})
        made = await play.v1.invoices.create_async(
            {"customer": payer, "currency": "eur", "pending_invoice_items_behavior": "include", **more}
        )
        return await play.v1.invoices.finalize_invoice_async(made.id)

    voided = await play.v1.invoices.void_invoice_async((await open_one()).id, {"expand": ["payments"]})
    assert (voided.status, voided.payments.data[0].status) == ("void", "canceled")
    lost = await play.v1.invoices.mark_uncollectible_async((await open_one()).id)
    assert lost.status == "uncollectible"
    assert (await play.v1.invoices.pay_async(lost.id)).status == "paid"
    cash = await play.v1.invoices.pay_async((await open_one()).id, {"paid_out_of_band": True})
    assert (cash.status, cash.attempt_count) == ("paid", 0)
    mailed = await open_one(collection_method="send_invoice", days_until_due=14)
    sent = await play.v1.invoices.send_invoice_async(mailed.id)
    assert sent.due_date == sent.status_transitions.finalized_at + 14 * billing.DAY
    draft = await play.v1.invoices.create_async({"customer": payer})
    assert (await play.v1.invoices.delete_async(draft.id)).deleted
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.invoices.void_invoice_async(voided.id)
    assert caught.value.code == "invoice_not_editable"
    types = await play.settle()
    assert {"invoice.voided", "invoice.marked_uncollectible", "invoice.sent", "invoice.deleted"} <= set(types)


async def test_a_small_amount_waits_for_the_next_invoice(play: Any) -> None:
    payer = await billing.customer(play)
    small = await billing.subscribe(play, payer, await billing.plan(play, 30), expand=["latest_invoice"])
    assert (small.status, small.latest_invoice.amount_due, small.latest_invoice.ending_balance) == ("active", 0, 30)
    adjusted = await play.v1.customers.balance_transactions.create_async(payer, {"amount": 25, "currency": "eur"})
    assert (adjusted.type, adjusted.ending_balance) == ("adjustment", 55)
    big = await billing.subscribe(play, payer, await billing.plan(play, 1000), expand=["latest_invoice"])
    assert (big.latest_invoice.total, big.latest_invoice.amount_paid) == (1000, 1055)
    assert (await play.v1.customers.retrieve_async(payer)).balance == 0
