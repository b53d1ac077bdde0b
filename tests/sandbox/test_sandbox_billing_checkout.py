"""Products and prices, and Checkout Sessions that begin a subscription."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox import billing

pytestmark = pytest.mark.anyio


# -- the catalog -------------------------------------------------------------------------


async def test_a_price_is_found_by_its_lookup_key(play: Any) -> None:
    product = await play.v1.products.create_async({"name": "Gold", "metadata": {"a": "b"}})
    monthly = {"currency": "eur", "unit_amount": 1000, "product": product.id, "recurring": {"interval": "month"}}
    first = await play.v1.prices.create_async({**monthly, "lookup_key": "gold"})
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        await play.v1.prices.create_async({**monthly, "lookup_key": "gold"})
    second = await play.v1.prices.create_async({**monthly, "lookup_key": "gold", "transfer_lookup_key": True})
    found = await play.v1.prices.list_async({"lookup_keys": ["gold", "silver"], "expand": ["data.product"]})
    assert [(each.id, each.product.name) for each in found.data] == [(second.id, "Gold")]
    assert (await play.v1.prices.retrieve_async(first.id)).lookup_key is None
    assert [each.id for each in (await play.v1.prices.list_async({"recurring": {"interval": "year"}})).data] == []
    await play.v1.prices.update_async(first.id, {"active": False, "nickname": "old"})
    listed = await play.v1.prices.list_async({"product": product.id, "active": True, "type": "recurring"})
    assert [each.id for each in listed.data] == [second.id]
    assert sorted(await play.settle()) == ["price.created"] * 2 + ["price.updated"] * 2 + ["product.created"]


async def test_a_product_is_changed_and_deleted(play: Any) -> None:
    product = await play.v1.products.create_async({"name": "Gold"})
    await play.v1.products.update_async(product.id, {"name": "Platinum", "active": False})
    assert (await play.v1.products.retrieve_async(product.id)).name == "Platinum"
    assert (await play.v1.products.delete_async(product.id)).deleted
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.products.retrieve_async(product.id)
    sold = await billing.plan(play)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        await play.v1.products.delete_async(sold.product)
    assert await play.settle() == [
        "product.created",
        "product.updated",
        "product.deleted",
        "product.created",
        "price.created",
    ]


# -- subscribing at a page ---------------------------------------------------------------


async def test_a_payer_subscribes_on_the_page(play: Any) -> None:
    """session -> the page -> 4242 -> customer, subscription, invoice paid; the session has them"""
    gold, setup = await billing.plan(play), await billing.fee(play)
    session = await billing.session(
        play,
        gold,
        setup,
        metadata={"order": "1"},
        subscription_data={"metadata": {"plan": "gold"}, "description": "Gold"},
    )
    assert (session.amount_total, session.currency, session.payment_status) == (1500, "eur", "unpaid")
    assert (session.subscription, session.invoice, session.customer) == (None, None, None)
    page = await play.browser.get(f"/c/pay/{session.id}")
    assert "Subscribe to Sandbox Store" in page.text
    done = await play.submit(session)
    assert done.headers["location"] == f"https://shop.example/done?s={session.id}"
    paid = await play.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription.latest_invoice.payments", "customer", "line_items"]}
    )
    assert (paid.status, paid.payment_status, paid.payment_intent) == ("complete", "paid", None)
    subscription, invoice = paid.subscription, paid.subscription.latest_invoice
    assert (subscription.status, subscription.metadata.to_dict()) == ("active", {"plan": "gold"})
    assert (subscription.customer, paid.customer.email) == (paid.customer.id, "jane@example.com")
    assert subscription.default_payment_method
    assert paid.invoice == invoice.id
    assert (invoice.status, invoice.total, invoice.amount_paid, invoice.billing_reason) == (
        "paid",
        1500,
        1500,
        "subscription_create",
    )
    assert [(line.description, line.amount) for line in invoice.lines.data] == [
        ("Setup", 500),
        ("1 × Gold (at 10.00 EUR / month)", 1000),
    ]
    [payment] = invoice.payments.data
    assert (payment.status, payment.amount_paid, payment.is_default) == ("paid", 1500, True)
    by_intent = await play.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": payment.payment.payment_intent}}
    )
    assert [each.id for each in by_intent.data] == [payment.id]
    intent = await play.v1.payment_intents.retrieve_async(payment.payment.payment_intent, {"expand": ["latest_charge"]})
    assert (intent.amount, intent.latest_charge.status, intent.customer) == (1500, "succeeded", paid.customer.id)
    refund = await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})
    assert refund.status == "succeeded"
    types = await play.settle()
    assert types[6:] != []
    assert {
        "customer.created",
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "invoiceitem.created",
        "payment_intent.created",
        "payment_intent.succeeded",
        "charge.succeeded",
        "checkout.session.completed",
    } <= set(types)


async def test_a_declined_card_can_be_replaced(play: Any) -> None:
    session = await billing.session(play, await billing.plan(play))
    assert (await play.submit(session, "4000000000000002")).status_code == 402
    again = await play.submit(session, attempt="1")
    assert again.status_code == 303
    paid = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})
    assert (paid.status, paid.subscription.status) == ("complete", "active")
    [only] = (await play.v1.subscriptions.list_async({"customer": paid.customer})).data
    assert only.id == paid.subscription.id


async def test_a_challenge_comes_before_the_subscription(play: Any) -> None:
    session = await billing.session(play, await billing.plan(play))
    page = (await play.submit(session, "4000002500003155")).headers["location"]
    assert (await play.v1.checkout.sessions.retrieve_async(session.id)).subscription is None
    done = await play.browser.post(page, data={"key": page.rsplit("key=", 1)[1], "outcome": "complete"})
    back = await play.browser.get(done.headers["location"])
    assert back.headers["location"] == f"https://shop.example/done?s={session.id}"
    paid = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["subscription"]})
    assert (paid.payment_status, paid.subscription.status) == ("paid", "active")


@pytest.mark.parametrize("card", ["4242424242424242", "4000002500003155"])
async def test_a_trial_takes_a_card_and_no_money(play: Any, card: str) -> None:
    session = await billing.session(play, await billing.plan(play), subscription_data={"trial_period_days": 14})
    assert (session.amount_total, session.payment_method_collection) == (0, "always")
    assert "Start trial" in (await play.browser.get(f"/c/pay/{session.id}")).text
    told = await play.pay(session, card=card)
    assert (told["session"]["status"], told["session"]["payment_status"]) == ("complete", "no_payment_required")
    subscription = await play.v1.subscriptions.retrieve_async(
        told["session"]["subscription"], {"expand": ["latest_invoice", "default_payment_method"]}
    )
    assert subscription.status == "trialing"
    assert subscription.trial_end - subscription.trial_start == 14 * billing.DAY
    assert billing.period(subscription) == (subscription.trial_start, subscription.trial_end)
    assert subscription.default_payment_method.card.last4 == card[-4:]
    assert (subscription.latest_invoice.status, subscription.latest_invoice.total) == ("paid", 0)
    assert (await play.v1.payment_intents.list_async({"customer": subscription.customer})).data == []
    await play.settle()


async def test_a_trial_needs_no_card_if_it_is_not_asked_for(play: Any) -> None:
    session = await billing.session(
        play,
        await billing.plan(play),
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        },
    )
    told = await play.pay(session, email="jane@example.com")
    subscription = await play.v1.subscriptions.retrieve_async(told["session"]["subscription"])
    assert (subscription.status, subscription.default_payment_method) == ("trialing", None)
    assert subscription.trial_settings.end_behavior.missing_payment_method == "cancel"


async def test_a_slow_method_begins_before_its_money_is_there(play: Any) -> None:
    session = await billing.session(play, await billing.plan(play))
    told = await play.pay(session, method="sepa_debit")
    assert (told["session"]["status"], told["session"]["payment_status"]) == ("complete", "unpaid")
    identifier = told["session"]["subscription"]
    subscription = await play.v1.subscriptions.retrieve_async(identifier, {"expand": ["latest_invoice"]})
    assert (subscription.status, subscription.latest_invoice.status) == ("active", "open")
    await play.control("clock/advance", seconds=20)
    subscription = await play.v1.subscriptions.retrieve_async(identifier, {"expand": ["latest_invoice"]})
    assert (subscription.status, subscription.latest_invoice.status) == ("active", "paid")
    assert "checkout.session.async_payment_succeeded" in await play.settle()


async def test_a_session_that_runs_out_leaves_nothing_to_pay(play: Any) -> None:
    session = await billing.session(play, await billing.plan(play))
    told = await play.pay(session, outcome="failure")
    assert (told["session"]["status"], told["error"]["code"]) == ("open", "card_declined")
    await play.v1.checkout.sessions.expire_async(session.id)
    [begun] = (await play.v1.subscriptions.list_async({"status": "all"})).data
    assert begun.status == "incomplete_expired"
    [invoice] = await billing.invoices(play, begun.id)
    assert invoice.status == "void"
    assert "invoice.voided" in await play.settle()


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"line_items": None}, "line_items"),
        ({"customer_creation": "always"}, "customer_creation"),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data"),
        ({"subscription_data": {"trial_end": 1}}, "subscription_data[trial_end]"),
    ],
)
async def test_what_a_subscription_session_can_not_be(play: Any, more: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await billing.session(play, await billing.plan(play), **more)
    assert caught.value.param == param
    with pytest.raises(stripe.InvalidRequestError, match="at least one active item"):
        await billing.session(play, await billing.fee(play))
