"""What a subscriber sees: an invoice to pay or to confirm, and the portal where a card is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox import billing

pytestmark = pytest.mark.anyio

CARD = {"method": "card", "number": "4242 4242 4242 4242", "expiry": "12 / 50", "cvc": "123", "name": "Jane Diaz"}


async def past_due(play: Any, code: str = "insufficient_funds") -> tuple[Any, Any]:
    """A subscription whose renewal was refused, and its open invoice."""
    payer = await billing.customer(play)
    subscription = await billing.subscribe(play, payer, await billing.plan(play))
    await play.control(f"customers/{payer}/decline", code=code)
    await play.control(f"customers/{payer}/advance", renew=True)
    late = await play.v1.subscriptions.retrieve_async(subscription.id, {"expand": ["latest_invoice.payments"]})
    assert (late.status, late.latest_invoice.status) == ("past_due", "open")
    return late, late.latest_invoice


async def standing(play: Any, subscription: Any) -> str:
    status: str = (await play.v1.subscriptions.retrieve_async(subscription.id)).status
    return status


# -- SCA on a renewal --------------------------------------------------------------------


async def test_a_renewal_that_the_bank_wants_confirmed(play: Any) -> None:
    """renewal -> authentication_required -> past_due -> the invoice's page -> the bank -> paid, active"""
    subscription, invoice = await past_due(play, "authentication_required")
    types = await play.settle()
    assert {"invoice.payment_action_required", "payment_intent.requires_action"} <= set(types)
    intent = await play.v1.payment_intents.retrieve_async(invoice.payments.data[0].payment.payment_intent)
    assert intent.status == "requires_action"
    page = await play.browser.get(invoice.hosted_invoice_url)
    assert "Visa ···· 4242" in page.text
    assert f"Invoice {invoice.number} from Sandbox Store" in page.text
    saved = subscription.default_payment_method or (
        (await play.v1.customers.retrieve_async(subscription.customer)).invoice_settings.default_payment_method
    )
    sent = await play.browser.post(invoice.hosted_invoice_url, data={"method": saved})
    bank = sent.headers["location"]
    assert "Complete authentication" in (await play.browser.get(bank)).text
    done = await play.browser.post(bank, data={"key": bank.rsplit("key=", 1)[1], "outcome": "complete"})
    assert done.headers["location"] == invoice.hosted_invoice_url
    assert "Invoice paid" in (await play.browser.get(invoice.hosted_invoice_url)).text
    assert await standing(play, subscription) == "active"
    paid = await play.v1.invoices.retrieve_async(invoice.id)
    assert (paid.status, paid.attempt_count, paid.next_payment_attempt) == ("paid", 1, None)
    await play.settle()


async def test_a_challenge_of_a_renewal_that_fails(play: Any) -> None:
    subscription, invoice = await past_due(play, "authentication_required")
    intent = invoice.payments.data[0].payment.payment_intent
    await play.control(f"payment_intents/{intent}/action", outcome="failure")
    assert (await play.v1.payment_intents.retrieve_async(intent)).status == "requires_payment_method"
    assert await standing(play, subscription) == "past_due"
    told = await play.control(f"invoices/{invoice.id}/pay", card="4000002760003184")
    assert (told["invoice"]["status"], told["error"]) == ("paid", None)
    assert await standing(play, subscription) == "active"


# -- the invoice's page ------------------------------------------------------------------


async def test_an_invoice_is_paid_with_another_card(play: Any) -> None:
    subscription, invoice = await past_due(play)
    page = invoice.hosted_invoice_url
    assert (await play.browser.post(page, data={**CARD, "number": "4000000000000002"})).status_code == 402
    assert (await play.browser.post(page, data={**CARD, "cvc": "x"})).status_code == 422
    done = await play.browser.post(page, data=CARD)
    assert "Invoice paid" in done.text
    assert await standing(play, subscription) == "active"
    again = await play.browser.post(page, data=CARD)
    assert "Invoice paid" in again.text
    assert len((await play.v1.invoice_payments.list_async({"invoice": invoice.id})).data) == 1
    charges = (await play.v1.charges.list_async({"customer": subscription.customer})).data
    assert [charge.status for charge in charges][::-1] == ["succeeded", "failed", "failed", "succeeded"]


async def test_an_invoice_is_shown_to_those_who_were_given_its_address(play: Any) -> None:
    _, invoice = await past_due(play)
    bare = invoice.hosted_invoice_url.split("?")[0]
    for address in (bare, f"{bare}?key=x", bare.replace(invoice.id, "in_nope")):
        assert (await play.browser.get(address)).status_code == 404
        assert (await play.browser.post(address, data=CARD)).status_code == 404
    await play.v1.invoices.void_invoice_async(invoice.id)
    assert "Invoice void" in (await play.browser.get(invoice.hosted_invoice_url)).text
    refused = await play.browser.post(f"/sandbox/invoices/{invoice.id}/pay", json={})
    assert refused.status_code == 400


# -- the portal --------------------------------------------------------------------------


async def portal(play: Any, customer: str, **more: Any) -> Any:
    return await play.v1.billing_portal.sessions.create_async(
        {"customer": customer, "return_url": "https://shop.example/account", **more}
    )


async def test_a_card_is_replaced_in_the_portal(play: Any) -> None:
    subscription, invoice = await past_due(play)
    session = await portal(play, subscription.customer, flow_data={"type": "payment_method_update"})
    assert session.flow.type == "payment_method_update"
    page = await play.browser.get(session.url)
    assert "Your payment method for Sandbox Store" in page.text
    assert (await play.browser.post(session.url, data={**CARD, "number": "4000000000000002"})).status_code == 402
    done = await play.browser.post(session.url, data={**CARD, "number": "5555 5555 5555 4444"})
    assert done.headers["location"] == "https://shop.example/account"
    customer = await play.v1.customers.retrieve_async(
        subscription.customer, {"expand": ["invoice_settings.default_payment_method"]}
    )
    assert customer.invoice_settings.default_payment_method.card.brand == "mastercard"
    assert (await play.v1.invoices.pay_async(invoice.id)).status == "paid"
    assert await standing(play, subscription) == "active"
    await play.settle()


async def test_the_portal_asks_the_bank_first(play: Any) -> None:
    session = await play.v1.checkout.sessions.retrieve_async(
        (await play.pay(await billing.session(play, await billing.plan(play))))["session"]["id"]
    )
    door = await portal(
        play,
        session.customer,
        flow_data={
            "type": "payment_method_update",
            "after_completion": {"type": "redirect", "redirect": {"return_url": "https://shop.example/thanks"}},
        },
    )
    bank = (await play.browser.post(door.url, data={**CARD, "number": "4000002500003155"})).headers["location"]
    done = await play.browser.post(bank, data={"key": bank.rsplit("key=", 1)[1], "outcome": "complete"})
    assert done.headers["location"] == door.url
    subscription = await play.v1.subscriptions.retrieve_async(
        session.subscription, {"expand": ["default_payment_method"]}
    )
    assert subscription.default_payment_method.card.last4 == "3155"
    told = await play.control(f"portal_sessions/{door.id}/save", card="5555555555554444")
    assert (told["setup_intent"]["status"], told["error"]) == ("succeeded", None)
    [configuration] = (await play.v1.billing_portal.configurations.list_async({"is_default": True})).data
    assert configuration.id == door.configuration
    assert (await play.browser.get("/c/portal/bps_nope")).status_code == 404
    await play.settle()
