"""Paying without Checkout: PaymentIntents and PaymentMethods, as a merchant's server and a browser use them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe

pytestmark = pytest.mark.anyio

BACK = "https://shop.example/back"
PUBLIC = {"Authorization": "Bearer pk_test_1", "Origin": "https://shop.example"}
CARD = {"type": "card", "card[exp_month]": "12", "card[exp_year]": "2050", "card[cvc]": "123"}


async def pay(play: Any, method: str = "pm_card_visa", amount: int = 1000, **more: Any) -> Any:
    wanted = {"amount": amount, "currency": "usd", "confirm": True, "payment_method": method}
    if "off_session" not in more and "automatic_payment_methods" not in more:
        wanted["return_url"] = BACK
    return await play.v1.payment_intents.create_async({**wanted, **more})


async def declined(play: Any, method: str, **more: Any) -> Any:
    with pytest.raises(stripe.CardError) as caught:
        await pay(play, method, **more)
    return caught.value


async def tokenized(play: Any, number: str = "4242424242424242", **more: str) -> str:
    answer = await play.browser.post(
        "/v1/payment_methods", data={**CARD, "card[number]": number, **more}, headers=PUBLIC
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    found: str = answer.json()["id"]
    return found


async def saved(play: Any, token: str, **more: Any) -> tuple[str, str]:
    """(customer, payment method) after a payment that set the card up for later."""
    customer = await play.v1.customers.create_async({"email": "a@example.com"})
    intent = await pay(play, token, customer=customer.id, setup_future_usage="off_session", **more)
    if intent.status == "requires_action":
        await play.control(f"payment_intents/{intent.id}/action")
    assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"
    return customer.id, intent.payment_method


# -- the browser's part ----------------------------------------------------------------


async def test_a_browser_makes_a_token_that_pays(play: Any) -> None:
    token = await tokenized(play, **{"billing_details[name]": "Jane", "allow_redisplay": "limited"})
    intent = await pay(play, token, metadata={"order": "7"}, description="Mugs", expand=["payment_method"])
    assert (intent.status, intent.payment_method.id) == ("succeeded", token)
    assert (intent.payment_method.billing_details.name, intent.payment_method.card.last4) == ("Jane", "4242")
    assert (intent.payment_method.allow_redisplay, intent.payment_method.customer) == ("limited", None)


async def test_a_browser_learns_what_is_wrong_with_a_card(play: Any) -> None:
    for change, code, param in (
        ({"card[number]": "4242424242424241"}, "incorrect_number", "number"),
        ({"card[exp_month]": "13"}, "invalid_expiry_month", "exp_month"),
        ({"card[exp_year]": "2020"}, "invalid_expiry_year", "exp_year"),
        ({"card[cvc]": "12"}, "invalid_cvc", "cvc"),
    ):
        form = {**CARD, "card[number]": "4242424242424242", **change}
        answer = await play.browser.post("/v1/payment_methods", data=form, headers=PUBLIC)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (402, code, param)
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_publishable_key_can_do_little(play: Any) -> None:
    for method, path in (
        ("GET", "/v1/customers"),
        ("GET", "/v1/payment_methods"),
        ("POST", "/v1/payment_intents"),
        ("POST", "/v1/refunds"),
        ("POST", "/v1/payment_methods/pm_1/attach"),
        ("GET", "/v1/nothing"),
    ):
        answer = await play.browser.request(method, path, headers=PUBLIC)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "secret_key_required")
        assert "access-control-allow-origin" not in answer.headers


async def test_browsers_are_let_through_where_they_may(play: Any) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    for path, verb, status in (
        ("/v1/payment_methods", "POST", 204),
        ("/v1/payment_intents/pi_1/confirm", "POST", 204),
        ("/v1/refunds", "POST", 401),
    ):
        answer = await play.browser.options(path, headers={**asked, "Access-Control-Request-Method": verb})
        assert answer.status_code == status
        assert answer.headers.get("access-control-allow-headers") == (
            "authorization,idempotency-key" if status == 204 else None
        )
    play.checker_ignores()


async def test_a_browser_confirms_with_the_client_secret(play: Any) -> None:
    customer = await play.v1.customers.create_async({})
    intent = await play.v1.payment_intents.create_async(
        {"amount": 1000, "currency": "usd", "customer": customer.id, "metadata": {"secret": "margin"}}
    )
    path = f"/v1/payment_intents/{intent.id}"
    assert (await play.browser.get(path, headers=PUBLIC)).status_code == 400
    for wrong in ("pi_secret", "é"):
        answer = await play.browser.get(path, params={"client_secret": wrong}, headers=PUBLIC)
        assert answer.status_code == 404
    seen = (await play.browser.get(path, params={"client_secret": intent.client_secret}, headers=PUBLIC)).json()
    assert (seen["status"], seen["customer"], seen["metadata"]) == ("requires_payment_method", None, {})
    form = {"client_secret": intent.client_secret, "payment_method": await tokenized(play), "return_url": BACK}
    done = (await play.browser.post(f"{path}/confirm", data=form, headers=PUBLIC)).json()
    assert (done["status"], done["latest_charge"]) == ("succeeded", None)
    play.checker_ignores("unknown_param")


# -- declines --------------------------------------------------------------------------


async def test_a_decline_tells_all_it_knows(play: Any) -> None:
    error = await declined(play, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert (error.http_status, error.code, error.user_message) == (
        402,
        "card_declined",
        "Your card has insufficient funds.",
    )
    told = error.error
    assert (told.decline_code, told.advice_code, told.network_decline_code) == (
        "insufficient_funds",
        "try_again_later",
        "51",
    )
    assert told.doc_url.endswith("/card-declined")
    intent = told.payment_intent
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", "insufficient_funds")
    assert told.payment_method.card.last4 == "9995"
    paid = await play.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_visa", "return_url": BACK}
    )
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)
    assert len((await play.v1.charges.list_async({"payment_intent": intent.id})).data) == 2


async def test_errors_instead_of_challenges_when_asked(play: Any) -> None:
    error = await declined(play, "pm_card_threeDSecure2Required", error_on_requires_action=True)
    assert error.code == "authentication_required"
    assert "payment_intent.requires_action" not in await play.settle()


# -- off session -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "setup", "ok"),
    [
        ("pm_card_visa", "attach", True),
        ("pm_card_authenticationRequiredOnSetup", "attach", False),
        ("pm_card_authenticationRequiredOnSetup", "payment", True),
        ("pm_card_authenticationRequired", "payment", False),
        ("pm_card_authenticationRequiredSetupForOffSession", "payment", True),
        ("pm_card_authenticationRequiredSetupForOffSession", "attach", True),
    ],
)
async def test_off_session_some_cards_must_be_set_up(play: Any, token: str, setup: str, ok: bool) -> None:
    if setup == "payment":
        customer, method = await saved(play, token)
    else:
        customer = (await play.v1.customers.create_async({})).id
        method = (await play.v1.payment_methods.attach_async(token, {"customer": customer})).id
    if ok:
        intent = await pay(play, method, customer=customer, off_session=True)
        assert (intent.status, intent.payment_method) == ("succeeded", method)
        return
    error = await declined(play, method, customer=customer, off_session=True)
    assert (error.code, error.error.decline_code) == ("authentication_required", "authentication_required")
    intent = error.error.payment_intent
    assert (intent.status, intent.next_action) == ("requires_payment_method", None)
    assert (intent.last_payment_error.code, error.error.payment_method.id) == ("authentication_required", method)
    again = await play.v1.payment_intents.confirm_async(intent.id, {"payment_method": method, "return_url": BACK})
    assert again.status == "requires_action"
    await play.control(f"payment_intents/{intent.id}/action")
    assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"
    await play.settle()


# -- challenges ------------------------------------------------------------------------


@pytest.mark.parametrize(("outcome", "status"), [("complete", "succeeded"), ("fail", "failed")])
async def test_the_challenge_leads_back_to_the_merchant(play: Any, outcome: str, status: str) -> None:
    intent = await pay(play, "pm_card_threeDSecure2Required", return_url="https://shop.example/back?order=7")
    page = intent.next_action.redirect_to_url.url
    assert intent.next_action.redirect_to_url.return_url == "https://shop.example/back?order=7"
    shown = await play.browser.get(page)
    assert "$10.00" in shown.text
    sent = await play.browser.post(page, data={"key": page.rsplit("key=", 1)[1], "outcome": outcome})
    query = parse_qs(urlsplit(sent.headers["location"]).query)
    assert query == {
        "order": ["7"],
        "payment_intent": [intent.id],
        "payment_intent_client_secret": [intent.client_secret],
        "redirect_status": [status],
    }
    after = await play.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    if outcome == "complete":
        assert after.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"
    else:
        assert after.last_payment_error.code == "payment_intent_authentication_failure"
        assert (after.status, after.latest_charge) == ("requires_payment_method", None)


async def test_without_a_return_url_the_page_is_for_scripts(play: Any) -> None:
    never = {"enabled": True, "allow_redirects": "never"}
    intent = await pay(play, "pm_card_threeDSecure2Required", automatic_payment_methods=never)
    assert (intent.status, intent.next_action.type) == ("requires_action", "use_stripe_sdk")
    await play.control(f"payment_intents/{intent.id}/action")
    assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"confirm": False, "off_session": True}, "off_session"),
        ({"confirm": False, "return_url": BACK}, "return_url"),
        ({"return_url": None}, "return_url"),
        ({"payment_method_data": {"type": "paypal"}, "payment_method": None, "return_url": None}, "return_url"),
        ({"payment_method": "pm_nope"}, "payment_method"),
        ({"statement_descriptor": "MUGS"}, "statement_descriptor"),
    ],
)
async def test_what_can_not_be_confirmed(play: Any, more: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await pay(play, **more)
    assert caught.value.param == param
    assert (await play.v1.payment_intents.list_async()).data == []


async def test_the_suffix_is_on_the_statement(play: Any) -> None:
    intent = await pay(play, statement_descriptor_suffix="ORDER 7", expand=["latest_charge"])
    assert intent.latest_charge.calculated_statement_descriptor == "SANDBOX* ORDER 7"


# -- payment methods -------------------------------------------------------------------


async def test_a_method_of_nobody_pays_once(play: Any) -> None:
    token = await tokenized(play)
    await pay(play, token)
    customer = await play.v1.customers.create_async({})
    for again in (
        pay(play, token),
        play.v1.payment_methods.attach_async(token, {"customer": customer.id}),
        play.v1.customers.create_async({"payment_method": token}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
            await again
    refused = await tokenized(play, "4000000000000002")
    await declined(play, refused)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await pay(play, refused)
    challenged = await tokenized(play, "4000000000003220")
    intent = await pay(play, challenged)
    await play.control(f"payment_intents/{intent.id}/action")
    assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == "succeeded"


async def test_a_method_being_saved_may_be_attached_later(play: Any) -> None:
    token = await tokenized(play)
    intent = await pay(play, token, setup_future_usage="off_session")
    assert intent.payment_method == token
    customer = await play.v1.customers.create_async({})
    await play.v1.payment_methods.attach_async(token, {"customer": customer.id})
    for _ in range(2):
        assert (await pay(play, token, customer=customer.id, off_session=True)).status == "succeeded"


async def test_a_customer_has_a_default_method_until_it_is_detached(play: Any) -> None:
    customer = await play.v1.customers.create_async(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )
    first = customer.invoice_settings.default_payment_method
    second = (await play.v1.payment_methods.attach_async("pm_card_amex", {"customer": customer.id})).id
    listed = await play.v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
    assert [each.id for each in listed.data] == [second, first]
    changed = await play.v1.customers.update_async(
        customer.id,
        {
            "invoice_settings": {"default_payment_method": second},
            "expand": ["invoice_settings.default_payment_method"],
        },
    )
    assert changed.invoice_settings.default_payment_method.card.brand == "amex"
    await play.v1.payment_methods.detach_async(second)
    after = await play.v1.customers.retrieve_async(customer.id)
    assert after.invoice_settings.default_payment_method is None
    for method in (second, "pm_nope", "pm_card_visa"):
        with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
            await play.v1.customers.update_async(customer.id, {"invoice_settings": {"default_payment_method": method}})
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await pay(play, second)
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.payment_methods.detach_async(second)
    types = await play.settle()
    assert (types.count("payment_method.attached"), types.count("payment_method.detached")) == (2, 1)
    assert play.inbox.last("payment_method.detached")["previous_attributes"] == {"customer": customer.id}


async def test_a_saved_method_is_its_customers_alone(play: Any) -> None:
    customer, method = await saved(play, "pm_card_visa")
    other = await play.v1.customers.create_async({})
    for more in ({}, {"customer": other.id}):
        with pytest.raises(stripe.InvalidRequestError):
            await pay(play, method, **more)
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        await play.v1.payment_methods.attach_async(method, {"customer": other.id})
    again = await play.v1.payment_methods.attach_async(method, {"customer": customer})
    assert again.customer == customer


# -- capture, cancel, update -----------------------------------------------------------


async def test_an_authorization_says_when_it_ends(play: Any) -> None:
    for card, more, seconds in (
        ("pm_card_visa", {}, 7 * 86400),
        ("pm_card_visa", {"off_session": True}, 4 * 86400 + 18 * 3600),
        ("pm_card_mastercard", {"off_session": True}, 7 * 86400),
    ):
        intent = await pay(play, card, capture_method="manual", expand=["latest_charge"], **more)
        charge = intent.latest_charge
        assert charge.payment_method_details.card.capture_before == charge.created + seconds
        await play.control("clock/advance", seconds=seconds - 5)
        assert (await play.v1.payment_intents.retrieve_async(intent.id)).status == "requires_capture"
        await play.control("clock/advance", seconds=6)
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await play.v1.payment_intents.capture_async(intent.id)
        assert caught.value.code == "payment_intent_unexpected_state"
        assert caught.value.error.payment_intent.status == "canceled"
        gone = await play.v1.charges.retrieve_async(charge.id)
        assert (gone.captured, gone.refunded, gone.amount_refunded) == (False, True, 1000)
    assert (await play.settle())[-2:] == ["charge.expired", "payment_intent.canceled"]


async def test_an_expired_authorization_lingers_until_it_is_swept(play: Any) -> None:
    await play.control("settings", authorization_sweep_seconds=3600)
    intent = await pay(play, capture_method="manual")
    await play.control("clock/advance", seconds=7 * 86400 + 1)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.payment_intents.capture_async(intent.id)
    assert caught.value.code == "charge_expired_for_capture"
    assert caught.value.error.payment_intent.status == "requires_capture"
    await play.control("clock/advance", seconds=3600)
    gone = await play.v1.payment_intents.retrieve_async(intent.id)
    assert (gone.status, gone.cancellation_reason) == ("canceled", "automatic")


async def test_capture_and_cancel_exclude_each_other(play: Any) -> None:
    taken, void = await pay(play, capture_method="manual"), await pay(play, capture_method="manual")
    assert (await play.v1.payment_intents.capture_async(taken.id)).status == "succeeded"
    assert (await play.v1.payment_intents.cancel_async(void.id)).status == "canceled"
    for call, intent, status in (
        (play.v1.payment_intents.cancel_async, taken, "succeeded"),
        (play.v1.payment_intents.capture_async, taken, "succeeded"),
        (play.v1.payment_intents.capture_async, void, "canceled"),
        (play.v1.payment_intents.cancel_async, void, "canceled"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=f"it has a status of {status}") as caught:
            await call(intent.id)
        assert caught.value.code == "payment_intent_unexpected_state"
        assert caught.value.error.payment_intent.id == intent.id
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.refunds.create_async({"payment_intent": void.id})
    assert caught.value.code == "payment_intent_unexpected_state"
    await play.control("clock/advance", seconds=8 * 86400)
    assert (await play.v1.payment_intents.retrieve_async(taken.id)).status == "succeeded"


async def test_captures_are_final_and_within_what_is_held(play: Any) -> None:
    intent = await pay(play, capture_method="manual")
    for params in ({"amount_to_capture": 1001}, {"amount_to_capture": 0}, {"final_capture": False}):
        with pytest.raises(stripe.InvalidRequestError):
            await play.v1.payment_intents.capture_async(intent.id, params)
    taken = await play.v1.payment_intents.capture_async(
        intent.id, {"amount_to_capture": 999, "final_capture": True, "metadata": {"a": "b"}}
    )
    assert (taken.amount_received, taken.metadata.to_dict()) == (999, {"a": "b"})


@pytest.mark.parametrize("reason", ["duplicate", "fraudulent", "requested_by_customer", "abandoned"])
async def test_an_intent_is_canceled_for_a_reason(play: Any, reason: str) -> None:
    intent = await play.v1.payment_intents.create_async({"amount": 1000, "currency": "usd"})
    gone = await play.v1.payment_intents.cancel_async(intent.id, {"cancellation_reason": reason})
    assert (gone.status, gone.cancellation_reason) == ("canceled", reason)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa", "return_url": BACK})
    assert caught.value.code == "payment_intent_unexpected_state"


async def test_some_things_change_even_when_all_is_over(play: Any) -> None:
    intent = await pay(play)
    changed = await play.v1.payment_intents.update_async(
        intent.id, {"description": "Mugs", "metadata": {"order": "7"}, "receipt_email": "a@example.com"}
    )
    assert (changed.description, changed.metadata.to_dict()) == ("Mugs", {"order": "7"})
    for params in ({"amount": 2000}, {"setup_future_usage": "off_session"}, {"payment_method": "pm_card_visa"}):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await play.v1.payment_intents.update_async(intent.id, params)
        assert caught.value.code == "payment_intent_unexpected_state"


async def test_another_method_ends_a_challenge(play: Any) -> None:
    intent = await pay(play, "pm_card_threeDSecure2Required")
    changed = await play.v1.payment_intents.update_async(intent.id, {"payment_method": "pm_card_visa"})
    assert (changed.status, changed.next_action) == ("requires_confirmation", None)
    assert (await play.v1.payment_intents.confirm_async(intent.id, {"return_url": BACK})).status == "succeeded"
