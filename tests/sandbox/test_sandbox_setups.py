"""Saving payment methods: SetupIntents, Checkout in setup mode, and keeping a method from a payment."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.anyio

BACK = "https://shop.example/back"
PUBLIC = {"Authorization": "Bearer pk_test_1"}


async def set_up(play: Any, method: str = "pm_card_visa", **more: Any) -> Any:
    return await play.v1.setup_intents.create_async(
        {"confirm": True, "payment_method": method, "return_url": BACK, **more}
    )


async def customer_of(play: Any) -> str:
    made: str = (await play.v1.customers.create_async({"email": "a@example.com"})).id
    return made


async def kept(play: Any, customer: str) -> list[Any]:
    found: list[Any] = (await play.v1.customers.payment_methods.list_async(customer)).data
    return found


async def charge_later(play: Any, customer: str, method: str) -> Any:
    return await play.v1.payment_intents.create_async(
        {
            "amount": 1000,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
        }
    )


async def setup_session(play: Any, **more: Any) -> Any:
    return await play.v1.checkout.sessions.create_async(
        {
            "mode": "setup",
            "currency": "usd",
            "success_url": "https://shop.example/saved?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/account",
            **more,
        }
    )


# -- SetupIntents ----------------------------------------------------------------------


async def test_a_card_is_set_up_for_later(play: Any) -> None:
    customer = await customer_of(play)
    intent = await set_up(play, customer=customer, metadata={"a": "b"}, expand=["latest_attempt", "payment_method"])
    assert (intent.status, intent.usage, intent.payment_method.customer) == ("succeeded", "off_session", customer)
    assert intent.latest_attempt.status == "succeeded"
    assert (await charge_later(play, customer, intent.payment_method.id)).status == "succeeded"
    made = (await play.v1.events.list_async({"limit": 100})).data[::-1]
    assert [event.type for event in made[:4]] == [
        "customer.created",
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
    ]
    await play.settle()


async def test_a_setup_is_made_step_by_step(play: Any) -> None:
    customer = await customer_of(play)
    intent = await play.v1.setup_intents.create_async({"description": "Card on file", "usage": "on_session"})
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method") as caught:
        await play.v1.setup_intents.confirm_async(intent.id)
    assert caught.value.code == "setup_intent_unexpected_state"
    changed = await play.v1.setup_intents.update_async(
        intent.id, {"customer": customer, "payment_method": "pm_card_amex", "metadata": {"a": "b"}}
    )
    assert (changed.status, changed.metadata.to_dict()) == ("requires_confirmation", {"a": "b"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.setup_intents.confirm_async(intent.id)
    assert caught.value.param == "return_url"
    done = await play.v1.setup_intents.confirm_async(intent.id, {"return_url": BACK})
    assert (done.status, done.usage) == ("succeeded", "on_session")
    assert [each.card.brand for each in await kept(play, customer)] == ["amex"]
    for call in (play.v1.setup_intents.confirm_async, play.v1.setup_intents.cancel_async):
        with pytest.raises(stripe.InvalidRequestError, match="status of succeeded") as caught:
            await call(intent.id)
        assert caught.value.code == "setup_intent_unexpected_state"
        assert caught.value.error.setup_intent.id == intent.id


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
    ],
)
async def test_a_bank_refuses_to_set_up(play: Any, method: str, code: str, decline_code: str | None) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await set_up(play, method, customer=await customer_of(play))
    error = caught.value.error
    assert (caught.value.code, getattr(error, "decline_code", None)) == (code, decline_code)
    intent = await play.v1.setup_intents.retrieve_async(error.setup_intent.id)
    assert (intent.status, intent.last_setup_error.code) == ("requires_payment_method", code)
    attempts = await play.v1.setup_attempts.list_async({"setup_intent": intent.id})
    assert [(each.status, each.setup_error.code) for each in attempts.data] == [("failed", code)]
    assert await kept(play, intent.customer) == []
    assert "setup_intent.setup_failed" in await play.settle()


@pytest.mark.parametrize(
    ("token", "later"),
    [
        ("pm_card_authenticationRequiredOnSetup", True),
        ("pm_card_authenticationRequiredSetupForOffSession", True),
        ("pm_card_authenticationRequired", False),
    ],
)
async def test_a_challenge_comes_before_the_card_is_kept(play: Any, token: str, later: bool) -> None:
    customer = await customer_of(play)
    intent = await set_up(play, token, customer=customer)
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    page = intent.next_action.redirect_to_url.url
    shown = await play.browser.get(page)
    assert "Complete authentication" in shown.text
    assert "Amount" not in shown.text
    done = await play.browser.post(page, data={"key": page.rsplit("key=", 1)[1], "outcome": "complete"})
    assert done.headers["location"] == (
        f"{BACK}?setup_intent={intent.id}&setup_intent_client_secret={intent.client_secret}&redirect_status=succeeded"
    )
    [method] = await kept(play, customer)
    attempt = (await play.v1.setup_attempts.list_async({"setup_intent": intent.id})).data[0]
    assert attempt.payment_method_details.card.three_d_secure.result == "authenticated"
    if later:
        assert (await charge_later(play, customer, method.id)).status == "succeeded"
    else:
        with pytest.raises(stripe.CardError) as caught:
            await charge_later(play, customer, method.id)
        assert caught.value.code == "authentication_required"
    assert "setup_intent.requires_action" in await play.settle()


async def test_a_failed_challenge_keeps_nothing(play: Any) -> None:
    customer = await customer_of(play)
    intent = await set_up(play, "pm_card_authenticationRequired", customer=customer)
    failed = await play.control(f"setup_intents/{intent.id}/action", outcome="failure")
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert await kept(play, customer) == []
    again = await play.browser.post(f"/sandbox/setup_intents/{intent.id}/action", json={})
    assert again.status_code == 400
    assert "setup_intent.setup_failed" in await play.settle()


async def test_a_setup_without_customer_is_attached_later(play: Any) -> None:
    intent = await set_up(play, "pm_card_authenticationRequiredOnSetup")
    await play.control(f"setup_intents/{intent.id}/action")
    customer = await customer_of(play)
    await play.v1.payment_methods.attach_async(intent.payment_method, {"customer": customer})
    assert (await charge_later(play, customer, intent.payment_method)).status == "succeeded"


@pytest.mark.parametrize("method", ["paypal", "us_bank_account", "sepa_debit", "link", "cashapp"])
async def test_other_methods_are_set_up_too(play: Any, method: str) -> None:
    customer = await customer_of(play)
    data: dict[str, Any] = {
        "type": method,
        **({"sepa_debit": {"iban": "AT611904300234573201"}} if method == "sepa_debit" else {}),
    }
    intent = await play.v1.setup_intents.create_async(
        {
            "customer": customer,
            "confirm": True,
            "payment_method_data": data,
            "allowed_payment_method_types": [method],
            "return_url": BACK,
        }
    )
    if intent.status == "requires_action":
        await play.control(f"setup_intents/{intent.id}/action")
    [saved] = await kept(play, customer)
    currency = "eur" if method == "sepa_debit" else "usd"
    paid = await play.v1.payment_intents.create_async(
        {
            "amount": 1000,
            "currency": currency,
            "customer": customer,
            "payment_method": saved.id,
            "off_session": True,
            "confirm": True,
        }
    )
    assert paid.status in ("succeeded", "processing")
    await play.settle()


async def test_setups_are_canceled_and_listed(play: Any) -> None:
    customer = await customer_of(play)
    first = await play.v1.setup_intents.create_async({"customer": customer})
    second = await set_up(play, customer=customer)
    gone = await play.v1.setup_intents.cancel_async(first.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    listed = await play.v1.setup_intents.list_async({"customer": customer})
    assert [each.id for each in listed.data] == [second.id, first.id]
    listed = await play.v1.setup_intents.list_async({"payment_method": second.payment_method})
    assert [each.id for each in listed.data] == [second.id]
    assert "setup_intent.canceled" in await play.settle()


async def test_a_browser_confirms_a_setup_with_its_secret(play: Any) -> None:
    customer = await customer_of(play)
    intent = await play.v1.setup_intents.create_async({"customer": customer})
    card = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2050"}
    made = (await play.browser.post("/v1/payment_methods", data=card, headers=PUBLIC)).json()
    form = {"client_secret": intent.client_secret, "payment_method": made["id"], "return_url": BACK}
    path = f"/v1/setup_intents/{intent.id}/confirm"
    assert (await play.browser.post(path, data={**form, "client_secret": "x"}, headers=PUBLIC)).status_code == 404
    done = (await play.browser.post(path, data=form, headers=PUBLIC)).json()
    assert (done["status"], done["customer"]) == ("succeeded", None)
    assert [each.id for each in await kept(play, customer)] == [made["id"]]
    play.checker_ignores("unknown_param")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"confirm": False}, "return_url"),
        ({"payment_method": "pm_nope"}, "payment_method"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"allowed_payment_method_types": ["ideal"]}, "allowed_payment_method_types"),
        ({"allowed_payment_method_types": ["paypal"]}, "payment_method"),
        ({"customer": "cus_nope"}, "customer"),
        ({"usage": "sometimes"}, "usage"),
    ],
)
async def test_what_a_setup_can_not_be(play: Any, more: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await set_up(play, **more)
    assert caught.value.param == param
    assert (await play.v1.setup_intents.list_async()).data == []


# -- Checkout in setup mode ------------------------------------------------------------


async def test_checkout_saves_a_card(play: Any) -> None:
    customer = await customer_of(play)
    session = await setup_session(
        play, customer=customer, setup_intent_data={"description": "Card on file", "metadata": {"a": "b"}}
    )
    assert (session.mode, session.payment_status, session.amount_total) == ("setup", "no_payment_required", None)
    page = await play.browser.get(f"/c/pay/{session.id}")
    assert "Save a payment method for Sandbox Store" in page.text
    intent = await play.v1.setup_intents.retrieve_async(session.setup_intent)
    assert (intent.description, intent.metadata.to_dict(), intent.customer) == ("Card on file", {"a": "b"}, customer)
    with pytest.raises(stripe.InvalidRequestError, match="open Checkout Session"):
        await play.v1.setup_intents.cancel_async(intent.id)
    declined = await play.submit(session, "4000000000000002")
    assert declined.status_code == 402
    assert "could not be saved" in declined.text
    done = await play.submit(session, attempt="1")
    assert done.headers["location"] == f"https://shop.example/saved?s={session.id}"
    after = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method"]})
    assert (after.status, after.payment_status, after.payment_intent) == ("complete", "no_payment_required", None)
    assert (after.setup_intent.payment_method.customer, after.customer) == (customer, customer)
    assert after.setup_intent.payment_method.allow_redisplay == "limited"
    assert "All saved" in (await play.browser.get(f"/c/pay/{session.id}")).text
    assert (await play.v1.checkout.sessions.line_items.list_async(session.id)).data == []
    assert (await charge_later(play, customer, after.setup_intent.payment_method.id)).status == "succeeded"
    assert "checkout.session.completed" in await play.settle()


async def test_checkout_saves_after_a_challenge_for_a_new_customer(play: Any) -> None:
    session = await setup_session(play, customer_creation="always", allowed_payment_method_types=["card"])
    assert session.payment_method_types == ["card"]
    sent = await play.submit(session, "4000002500003155")
    page = sent.headers["location"]
    done = await play.browser.post(page, data={"key": page.rsplit("key=", 1)[1], "outcome": "complete"})
    back = await play.browser.get(done.headers["location"])
    assert back.headers["location"] == f"https://shop.example/saved?s={session.id}"
    after = await play.v1.checkout.sessions.retrieve_async(session.id)
    assert after.customer
    [method] = await kept(play, after.customer)
    assert (await charge_later(play, after.customer, method.id)).status == "succeeded"


async def test_the_controls_save_without_a_browser(play: Any) -> None:
    session = await setup_session(play, customer=await customer_of(play))
    told = await play.pay(session, card="4000002760003184", three_d_secure="fail")
    assert (told["session"]["status"], told["error"]["code"]) == ("open", "setup_intent_authentication_failure")
    told = await play.pay(session, card="4000002760003184")
    assert (told["session"]["status"], told["setup_intent"]["status"]) == ("complete", "succeeded")
    assert told["payment_intent"] is None
    again = await play.browser.post(f"/sandbox/sessions/{session.id}/pay", json={"force": True})
    assert again.status_code == 400


async def test_an_expired_setup_session_cancels_its_intent(play: Any) -> None:
    session = await setup_session(play)
    await play.v1.checkout.sessions.expire_async(session.id)
    assert (await play.v1.setup_intents.retrieve_async(session.setup_intent)).status == "canceled"
    assert (await play.settle())[-2:] == ["checkout.session.expired", "setup_intent.canceled"]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"currency": None}, "currency"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items"),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data"),
        ({"saved_payment_method_options": {"payment_method_save": "enabled"}}, "saved_payment_method_options"),
        ({"mode": "payment", "setup_intent_data": {"description": "x"}}, "line_items"),
        ({"mode": "subscription"}, "line_items"),
    ],
)
async def test_what_a_setup_session_can_not_be(play: Any, more: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await setup_session(play, **more)
    assert caught.value.param == param


# -- keeping a method from a payment ---------------------------------------------------


async def test_a_payer_chooses_to_save_the_card_and_finds_it_again(play: Any) -> None:
    customer = await customer_of(play)
    options = {"payment_method_save": "enabled"}
    session = await play.session(customer=customer, saved_payment_method_options=options)
    assert session.saved_payment_method_options.to_dict() == {
        "allow_redisplay_filters": ["always"],
        "payment_method_remove": "disabled",
        "payment_method_save": "enabled",
    }
    assert 'name="save"' in (await play.browser.get(f"/c/pay/{session.id}")).text
    assert (await play.submit(session)).status_code == 303
    assert await kept(play, customer) == []
    session = await play.session(customer=customer, saved_payment_method_options=options)
    assert (await play.submit(session, save="yes")).status_code == 303
    [method] = await kept(play, customer)
    assert method.allow_redisplay == "always"
    session = await play.session(customer=customer)
    page = (await play.browser.get(f"/c/pay/{session.id}")).text
    assert "Visa ···· 4242" in page
    assert 'name="save"' not in page
    done = await play.submit(session, "", method=method.id)
    assert done.headers["location"] == f"https://shop.example/done?s={session.id}"
    paid = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert paid.payment_intent.payment_method == method.id


async def test_what_is_kept_for_the_merchant_is_not_shown_to_the_payer(play: Any) -> None:
    customer = await customer_of(play)
    later = {"payment_intent_data": {"setup_future_usage": "off_session"}}
    await play.pay(await play.session(customer=customer, **later))
    [method] = await kept(play, customer)
    assert method.allow_redisplay == "limited"
    session = await play.session(customer=customer)
    assert "···· 4242" not in (await play.browser.get(f"/c/pay/{session.id}")).text
    assert (await play.submit(session, "", method=method.id)).status_code == 422
    filters = {"saved_payment_method_options": {"allow_redisplay_filters": ["limited", "always"]}}
    session = await play.session(customer=customer, **filters)
    assert "···· 4242" in (await play.browser.get(f"/c/pay/{session.id}")).text
    await play.pay(
        await play.session(customer=customer, **later, payment_method_data={"allow_redisplay": "always"}),
        card="5555555555554444",
    )
    assert [each.allow_redisplay for each in await kept(play, customer)] == ["always", "limited"]


async def test_saving_for_later_makes_the_customer_it_needs(play: Any) -> None:
    session = await play.session(payment_intent_data={"setup_future_usage": "off_session"})
    told = await play.pay(session, card="4000002500003155", email="jane@example.com")
    customer = told["session"]["customer"]
    assert (await play.v1.customers.retrieve_async(customer)).email == "jane@example.com"
    [method] = await kept(play, customer)
    assert (await charge_later(play, customer, method.id)).status == "succeeded"


async def test_the_controls_use_and_keep_saved_methods(play: Any) -> None:
    customer, other = await customer_of(play), await customer_of(play)
    method = (await play.v1.payment_methods.attach_async("pm_card_visa", {"customer": customer})).id
    told = await play.pay(await play.session(customer=customer), card=method)
    assert told["payment_intent"]["payment_method"] == method
    for session, body in (
        (await play.session(customer=other), {"card": method}),
        (await play.session(customer=other), {"save": True}),
    ):
        answer = await play.browser.post(f"/sandbox/sessions/{session.id}/pay", json=body)
        assert answer.status_code == 400
    options = {"payment_method_save": "enabled"}
    await play.pay(await play.session(customer=other, saved_payment_method_options=options), save=True)
    assert [each.allow_redisplay for each in await kept(play, other)] == ["always"]
