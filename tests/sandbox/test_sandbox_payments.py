"""PaymentIntents, charges, refunds and the balance through the API."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.anyio

BACK = "https://shop.example/back"


async def pay(play: Any, method: str = "pm_card_visa", amount: int = 1000, **more: Any) -> Any:
    return await play.v1.payment_intents.create_async(
        {
            "amount": amount,
            "currency": "usd",
            "confirm": True,
            "payment_method": method,
            "return_url": BACK,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
    ],
)
async def test_a_decline_says_why_and_stays_on_record(
    play: Any, method: str, code: str, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await pay(play, method)
    error = caught.value.error
    assert (caught.value.code, getattr(error, "decline_code", None)) == (code, decline_code)
    charge = await play.v1.charges.retrieve_async(error.charge)
    assert (charge.status, charge.failure_code, charge.paid) == ("failed", code, False)
    intent = await play.v1.payment_intents.retrieve_async(charge.payment_intent)
    assert (intent.status, intent.latest_charge) == ("requires_payment_method", charge.id)
    assert await play.settle() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_riskLevelElevated"])
async def test_a_good_card_succeeds_at_once(play: Any, method: str) -> None:
    intent = await pay(play, method, metadata={"order": "7"})
    assert (intent.status, intent.amount_received) == ("succeeded", 1000)
    charge = await play.v1.charges.retrieve_async(intent.latest_charge, {"expand": ["refunds"]})
    assert charge.metadata.to_dict() == {"order": "7"}
    assert charge.refunds.data == []


async def test_a_challenge_waits_for_the_payer(play: Any) -> None:
    intent = await pay(play, "pm_card_authenticationRequired")
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    page = intent.next_action.redirect_to_url.url
    key = page.rsplit("key=", 1)[1]
    assert (await play.browser.post(page, data={"key": "wrong", "outcome": "complete"})).status_code == 404
    done = await play.browser.post(page, data={"key": key, "outcome": "complete"})
    assert done.headers["location"].startswith(f"{BACK}?payment_intent={intent.id}&")
    assert done.headers["location"].endswith("redirect_status=succeeded")
    assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_off_session_nobody_answers_a_challenge(play: Any) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await pay(play, "pm_card_authenticationRequired", off_session=True)
    assert caught.value.code == "authentication_required"


async def test_a_wallet_is_authorized_or_declined(play: Any) -> None:
    for outcome, status in (("success", "succeeded"), ("failure", "requires_payment_method")):
        intent = await play.v1.payment_intents.create_async(
            {
                "amount": 1000,
                "currency": "eur",
                "confirm": True,
                "payment_method_data": {"type": "ideal"},
                "allowed_payment_method_types": ["ideal"],
                "return_url": BACK,
            }
        )
        assert intent.status == "requires_action"
        await play.control(f"payment_intents/{intent.id}/action", outcome=outcome)
        assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == status


async def test_an_authorization_is_captured_in_part(play: Any) -> None:
    intent = await pay(play, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 1000)
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 1001})
    taken = await play.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 600})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 600, 0)
    charge = await play.v1.charges.retrieve_async(taken.latest_charge, {"expand": ["balance_transaction"]})
    assert (charge.amount_captured, charge.amount_refunded, charge.captured) == (600, 400, True)
    assert charge.balance_transaction.amount == 600
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.payment_intents.capture_async(intent.id)
    refund = await play.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.amount == 600
    assert "charge.captured" in await play.settle()


async def test_an_authorization_is_canceled_or_expires(play: Any) -> None:
    canceled, forgotten = await pay(play, capture_method="manual"), await pay(play, capture_method="manual")
    void = await play.v1.payment_intents.cancel_async(canceled.id, {"cancellation_reason": "duplicate"})
    assert (void.status, void.cancellation_reason, void.amount_capturable) == ("canceled", "duplicate", 0)
    await play.control("clock/advance", seconds=7 * 86400 + 1)
    gone = await play.v1.payment_intents.retrieve_async(forgotten.id)
    assert (gone.status, gone.cancellation_reason) == ("canceled", "automatic")
    assert "charge.expired" in await play.settle()
    assert (await play.v1.balance_transactions.list_async()).data == []


async def test_refunds_add_up_to_the_charge(play: Any) -> None:
    intent = await pay(play)
    first = await play.v1.refunds.create_async(
        {"payment_intent": intent.id, "amount": 400, "reason": "requested_by_customer", "metadata": {"a": "b"}}
    )
    assert (first.status, first.amount) == ("succeeded", 400)
    charge = await play.v1.charges.retrieve_async(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (400, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        await play.v1.refunds.create_async({"charge": charge.id, "amount": 601})
    await play.v1.refunds.create_async({"charge": charge.id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.refunds.create_async({"charge": charge.id, "amount": 1})
    assert caught.value.code == "charge_already_refunded"
    charge = await play.v1.charges.retrieve_async(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    listed = await play.v1.refunds.list_async({"payment_intent": intent.id})
    assert [refund.amount for refund in listed.data] == [600, 400]
    lines = await play.v1.balance_transactions.list_async({"source": first.id})
    assert [(line.amount, line.type) for line in lines.data] == [(-400, "refund")]
    types = await play.settle()
    assert types.count("refund.created") == types.count("charge.refunded") == 2
    assert play.inbox.last("charge.refunded")["previous_attributes"] == {
        "amount_refunded": 400,
        "refunded": False,
    }


async def test_a_refund_stays_pending_and_then_succeeds(play: Any) -> None:
    intent = await pay(play, "pm_card_pendingRefund")
    refund = await play.v1.refunds.create_async({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    await play.control("clock/advance", seconds=6)
    assert (await play.v1.refunds.retrieve_async(refund.id)).status == "succeeded"
    assert (await play.settle())[-1] == "refund.updated"


async def test_a_refund_fails_later_and_the_money_comes_back(play: Any) -> None:
    intent = await pay(play, "pm_card_refundFail")
    before = await play.v1.balance.retrieve_async()
    refund = await play.v1.refunds.create_async({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    await play.control("clock/advance", seconds=6)
    failed = await play.v1.refunds.retrieve_async(refund.id, {"expand": ["failure_balance_transaction", "charge"]})
    assert (failed.status, failed.failure_balance_transaction.amount) == ("failed", 1000)
    assert (failed.charge.amount_refunded, failed.charge.refunded) == (0, False)
    assert (await play.settle())[-2:] == ["refund.updated", "refund.failed"]
    after = await play.v1.balance.retrieve_async()
    assert after.available[0].amount == before.available[0].amount


async def test_the_balance_becomes_available(play: Any) -> None:
    await pay(play)
    await pay(play, "pm_card_bypassPending")
    balance = await play.v1.balance.retrieve_async()
    assert (balance.available[0].amount, balance.pending[0].amount) == (941, 941)
    lines = await play.v1.balance_transactions.list_async({"type": "charge"})
    assert [line.status for line in lines.data] == ["available", "pending"]
    await play.control("clock/advance", seconds=2 * 86400)
    balance = await play.v1.balance.retrieve_async()
    assert (balance.available[0].amount, balance.pending[0].amount) == (1882, 0)


@pytest.mark.parametrize(("currency", "amount", "fee"), [("jpy", 1000, 29), ("kwd", 10000, 590), ("usd", 50, 31)])
async def test_fees_are_integers_of_the_currency(play: Any, currency: str, amount: int, fee: int) -> None:
    intent = await pay(play, amount=amount, currency=currency)
    line = (await play.v1.balance_transactions.list_async()).data[0]
    assert (line.currency, line.amount, line.fee, line.net) == (currency, amount, fee, amount - fee)
    assert intent.amount_received == amount


async def test_a_method_is_saved_and_used_again(play: Any) -> None:
    customer = await play.v1.customers.create_async({"email": "a@example.com", "metadata": {"a": "1"}})
    saved = await play.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer.id})
    assert saved.customer == customer.id
    intent = await pay(play, saved.id, customer=customer.id, off_session=True)
    assert intent.customer == customer.id
    listed = await play.v1.customers.payment_methods.list_async(customer.id, {"type": "card"})
    assert [each.id for each in listed.data] == [saved.id]
    assert (await play.v1.payment_methods.detach_async(saved.id)).customer is None
    with pytest.raises(stripe.CardError):
        await play.v1.payment_methods.attach_async("pm_card_visa_chargeDeclined", {"customer": customer.id})
    changed = await play.v1.customers.update_async(customer.id, {"name": "Ann", "metadata": {"a": "", "b": "2"}})
    assert changed.metadata.to_dict() == {"b": "2"}
    await play.settle()
    assert play.inbox.last("customer.updated")["previous_attributes"] == {
        "name": None,
        "metadata": {"a": "1", "b": None},
    }
    gone = await play.v1.customers.delete_async(customer.id)
    assert gone.deleted is True
    assert (await play.v1.customers.retrieve_async(customer.id)).deleted is True
    assert (await play.v1.customers.list_async()).data == []


async def test_the_catalog_is_priced_in_a_session(play: Any) -> None:
    product = await play.v1.products.create_async({"name": "Mug", "description": "Blue"})
    price = await play.v1.prices.create_async({"currency": "eur", "unit_amount": 500, "product": product.id})
    session = await play.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [{"price": price.id, "quantity": 3}],
            "success_url": "https://shop.example",
            "expand": ["line_items.data.price.product"],
        }
    )
    assert session.amount_total == 1500
    assert session.line_items.data[0].price.product.name == "Mug"
    lines = await play.v1.checkout.sessions.line_items.list_async(session.id, {"limit": 1})
    assert [(line.description, line.quantity) for line in lines.data] == [("Mug", 3)]
    assert [each.id for each in (await play.v1.prices.list_async({"product": product.id})).data] == [price.id]
    assert [each.id for each in (await play.v1.products.list_async({"active": True})).data] == [product.id]


async def test_an_intent_of_an_open_session_is_not_touched_directly(play: Any) -> None:
    session = await play.session()
    told = await play.pay(session, card="4000000000000002")
    intent = told["payment_intent"]["id"]
    with pytest.raises(stripe.InvalidRequestError, match="open Checkout Session"):
        await play.v1.payment_intents.cancel_async(intent)
    await play.v1.checkout.sessions.expire_async(session.id)
    assert (await play.v1.payment_intents.retrieve_async(intent)).status == "canceled"
    found = await play.v1.checkout.sessions.list_async({"payment_intent": intent})
    assert [each.id for each in found.data] == [session.id]


async def test_update_changes_what_is_still_open(play: Any) -> None:
    intent = await play.v1.payment_intents.create_async({"amount": 1000, "currency": "usd"})
    changed = await play.v1.payment_intents.update_async(
        intent.id, {"amount": 2000, "metadata": {"a": "b"}, "description": "Two"}
    )
    assert (changed.amount, changed.description) == (2000, "Two")
    paid = await play.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_visa", "return_url": BACK}
    )
    assert paid.amount_received == 2000
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.payment_intents.update_async(intent.id, {"amount": 1})
    assert caught.value.code == "payment_intent_unexpected_state"


async def test_links_are_expanded_and_only_links(play: Any) -> None:
    customer = await play.v1.customers.create_async({}, {})
    intent = await pay(play, customer=customer.id, expand=["latest_charge.balance_transaction.source", "customer"])
    assert intent.latest_charge.balance_transaction.source.id == intent.latest_charge.id
    assert intent.customer.id == customer.id
    listed = await play.v1.payment_intents.list_async({"expand": ["data.latest_charge.refunds"]})
    assert listed.data[0].latest_charge.refunds.data == []
    full = await play.v1.customers.retrieve_async(customer.id, {"expand": ["sources", "subscriptions"]})
    assert full.sources.data == full.subscriptions.data == []
    for path in ("data", "latest_charge", "data.amount", "data.latest_charge.nope"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            await play.v1.payment_intents.list_async({"expand": [path]})


async def test_a_charge_shows_its_ten_newest_refunds(play: Any) -> None:
    intent = await pay(play, amount=1200)
    made = [(await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})).id for _ in range(12)][
        ::-1
    ]
    seen = await play.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge.refunds"]})
    inside = seen.latest_charge.refunds
    assert ([each.id for each in inside.data], inside.has_more) == (made[:10], True)
    first = await play.v1.refunds.list_async({"payment_intent": intent.id, "limit": 5})
    assert ([each.id for each in first.data], first.has_more) == (made[:5], True)
    assert [each.id async for each in first.auto_paging_iter()] == made
    assert [each.id async for each in inside.auto_paging_iter()] == made
    play.checker_ignores()  # Stripe has the inner list's own page, and does not list it among its operations


async def test_a_refund_that_turns_is_told_by_both_names(play: Any) -> None:
    slow, failing = await pay(play, "pm_card_pendingRefund"), await pay(play, "pm_card_refundFail")
    for intent in (slow, failing):
        await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 400})
    await play.control("clock/advance", seconds=6)
    types = await play.settle()
    assert types.count("charge.refund.updated") == types.count("refund.updated") == 2
    assert play.inbox.last("refund.failed")["object"]["failure_reason"] == "lost_or_stolen_card"
    before = play.inbox.last("charge.refund.updated")["previous_attributes"]
    assert before["status"] in ("pending", "succeeded")
    again = await play.v1.refunds.create_async({"payment_intent": failing.id})
    assert again.amount == 1000
