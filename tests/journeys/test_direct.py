"""initialize -> tokenize at the PSP -> authorize -> capture -> refund -> inquire; and instruments left for later"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.town import ERRORS, PAYMENT_FIELDS, Shop, Town, eventually

INITIALIZE = f"""mutation ($input: PaymentInitializeInput!) {{ paymentInitialize(input: $input) {{
  tokenization {{ gateway publishableKey apiBase amount {{ amountMinor currency }} }} {ERRORS} }} }}"""
AUTHORIZE = f"""mutation ($input: PaymentAuthorizeInput!) {{ paymentAuthorize(input: $input) {{
  payment {{ {PAYMENT_FIELDS} nextAction {{ type url }} }} {ERRORS} }} }}"""
SAVE = f"""mutation ($input: PaymentMethodSaveInput!) {{ paymentMethodSave(input: $input) {{
  paymentMethod {{ id type brand last4 isDefault }} nextAction {{ type url }} {ERRORS} }} }}"""
DEFAULT = f"""mutation ($input: PaymentMethodInput!) {{ paymentMethodSetDefault(input: $input) {{
  paymentMethod {{ id isDefault }} {ERRORS} }} }}"""
REMOVE = f"mutation ($input: PaymentMethodInput!) {{ paymentMethodRemove(input: $input) {{ {ERRORS} }} }}"
METHODS = "query ($id: ID!) { customer(id: $id) { paymentMethods { id brand last4 isDefault } } }"
CAPTURE = f"""mutation ($input: PaymentCaptureInput!) {{
  paymentCapture(input: $input) {{ payment {{ status }} {ERRORS} }} }}"""


def tokenize(town: Town, told: Any, number: str = "4242424242424242") -> str:
    """What the browser does: the card goes to the PSP, with the PSP's publishable key, and never to us."""
    card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2050", "card[cvc]": "123"}
    headers = {"Authorization": f"Bearer {told['publishableKey']}"}
    made = httpx.post(f"{told['apiBase']}/v1/payment_methods", data={"type": "card", **card}, headers=headers)
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def authorize(shop: Shop, order: Any, *, key: str | None = None, **more: Any) -> Any:
    given = {"orderId": order["id"], "idempotencyKey": os.urandom(8).hex(), **more}
    return shop.ask(AUTHORIZE, key=key, input=given)["paymentAuthorize"]


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def test_a_browser_tokenizes_and_the_token_pays_the_order(town: Town, shop: Shop) -> None:
    order = shop.order(4200)
    mine = {"key": shop.publishable_key}
    asked = {"orderId": order["id"], "clientSecret": order["clientSecret"]}
    told = shop.ask(INITIALIZE, **mine, input=asked)["paymentInitialize"]["tokenization"]
    assert told["amount"] == {"amountMinor": 4200, "currency": "EUR"}
    token = tokenize(town, told)
    simple = AUTHORIZE.replace(PAYMENT_FIELDS, "id status captured { amountMinor }")
    given = asked | {"idempotencyKey": "pay", "token": token}
    paid = shop.ask(simple, **mine, input=given)["paymentAuthorize"]
    assert (codes(paid), paid["payment"]["status"]) == ([], "CAPTURED")
    assert shop.find_order(order["id"])["status"] == "PAID"
    again = shop.ask(simple, **mine, input=given)["paymentAuthorize"]
    assert again["payment"]["id"] == paid["payment"]["id"]
    assert len(town.calls("POST", "/v1/payment_intents", idempotency_key=paid["payment"]["id"])) == 1


def test_a_token_is_authorized_and_captured_later(town: Town, shop: Shop) -> None:
    order = shop.order()
    held = authorize(shop, order, token="pm_card_visa", captureMethod="MANUAL")["payment"]
    assert (held["status"], held["captured"]["amountMinor"]) == ("AUTHORIZED", 0)
    done = shop.ask(CAPTURE, input={"paymentId": held["id"], "idempotencyKey": "c"})["paymentCapture"]
    assert (codes(done), done["payment"]["status"]) == ([], "CAPTURED")
    assert shop.sync(held["id"])["payment"]["status"] == "CAPTURED"


def test_a_decline_is_an_answer_and_the_order_can_be_paid_with_another_token(town: Town, shop: Shop) -> None:
    order = shop.order()
    declined = authorize(shop, order, token="pm_card_visa_chargeDeclinedInsufficientFunds")
    assert codes(declined) == []
    assert declined["payment"]["status"] == "FAILED"
    assert declined["payment"]["lastError"]["declineCode"] == "insufficient_funds"
    paid = authorize(shop, order, token="pm_card_visa")
    assert paid["payment"]["status"] == "CAPTURED"
    assert [payment["status"] for payment in shop.find_order(order["id"])["payments"]] == ["FAILED", "CAPTURED"]


@pytest.mark.parametrize(("outcome", "status"), [("success", "CAPTURED"), ("failure", "FAILED")])
def test_a_bank_that_wants_to_be_asked_is_asked(town: Town, shop: Shop, outcome: str, status: str) -> None:
    order = shop.order()
    waiting = authorize(shop, order, token="pm_card_authenticationRequired")["payment"]
    assert waiting["status"] == "REQUIRES_ACTION"
    assert waiting["nextAction"]["url"].startswith(town.sandbox_url)
    refused = authorize(shop, order, token="pm_card_visa")
    assert codes(refused) == ["PAYMENT_IN_PROGRESS"]
    town.sandbox("POST", f"/payment_intents/{waiting['token']}/action", outcome=outcome)
    ended = eventually(lambda: shop.find_payment(waiting["id"]), lambda payment: payment["status"] == status)
    assert ended["status"] == status


def test_a_payer_who_walks_away_from_the_banks_question_leaves_the_order_free(town: Town, shop: Shop) -> None:
    order = shop.order()
    waiting = authorize(shop, order, token="pm_card_authenticationRequired")["payment"]
    town.sweep(timedelta(minutes=50), only=waiting["id"])
    assert shop.find_payment(waiting["id"])["status"] == "REQUIRES_ACTION"
    town.sweep(timedelta(minutes=61), only=waiting["id"])
    assert shop.find_payment(waiting["id"])["status"] == "CANCELED"
    assert authorize(shop, order, token="pm_card_visa")["payment"]["status"] == "CAPTURED"


def test_fifty_authorizations_with_one_key_charge_once(town: Town, shop: Shop) -> None:
    order = shop.order()
    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(lambda _: authorize(shop, order, token="pm_card_visa", idempotencyKey="once"), range(50)))
    assert {tuple(codes(payload)) for payload in done} == {()}
    (payment_id,) = {payload["payment"]["id"] for payload in done}
    assert len(town.calls("POST", "/v1/payment_intents", idempotency_key=payment_id)) == 1
    assert len(shop.find_order(order["id"])["payments"]) == 1


def test_an_open_page_is_closed_before_a_token_is_charged(town: Town, shop: Shop) -> None:
    payment = shop.open_payment()
    paid = authorize(shop, {"id": payment["orderId"]}, token="pm_card_visa")
    assert paid["payment"]["status"] == "CAPTURED"
    assert shop.find_payment(payment["id"])["status"] == "EXPIRED"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("4242424242424242", "CARD_NUMBER"),
        ("4242 4242 4242 4242", "CARD_NUMBER"),
        ("", "INVALID_TOKEN"),
        ("pm card", "INVALID_TOKEN"),
        ("pm_nobody_knows", "GATEWAY_REFUSED"),
    ],
)
def test_what_is_no_token_is_refused_and_nothing_is_charged(town: Town, shop: Shop, token: str, code: str) -> None:
    order = shop.order()
    assert codes(authorize(shop, order, token=token)) == [code]
    found = shop.find_order(order["id"])
    assert found["status"] == "OPEN"
    assert [payment["status"] for payment in found["payments"]] == (["FAILED"] if code == "GATEWAY_REFUSED" else [])
    assert codes(authorize(shop, order)) == ["INVALID"]


def test_a_page_that_is_being_opened_is_waited_for_and_closed_before_a_token_is_charged(town: Town, shop: Shop) -> None:
    order = shop.order()
    sessions = "/v1/checkout/sessions"
    town.sandbox("POST", "/faults", method="POST", path=sessions, when="after", kind="reset", next=3, stored=False)
    assert codes(shop.checkout(order["id"])) == ["GATEWAY_UNAVAILABLE"]
    paid = authorize(shop, order, token="pm_card_visa", idempotencyKey="token")
    assert (codes(paid), paid["payment"]["status"]) == ([], "CAPTURED")
    assert (
        authorize(shop, order, token="pm_card_visa", idempotencyKey="token")["payment"]["id"] == paid["payment"]["id"]
    )
    page, charge = shop.find_order(order["id"])["payments"]
    assert (page["status"], charge["id"]) == ("EXPIRED", paid["payment"]["id"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_psp_that_fails_at_a_charge_is_searched_for_it_before_another_is_made(
    town: Town, shop: Shop, when: str
) -> None:
    order = shop.order()
    town.sandbox(
        "POST", "/faults", method="POST", path="/v1/payment_intents", when=when, kind="status", status=500, next=3
    )
    first = authorize(shop, order, key=None, token="pm_card_visa")
    if when == "after":
        assert (codes(first), first["payment"]["status"]) == ([], "CAPTURED")
        return
    assert codes(first) == ["GATEWAY_UNAVAILABLE"]
    (payment,) = shop.find_order(order["id"])["payments"]
    assert payment["status"] == "UNKNOWN"
    assert codes(authorize(shop, order, token="pm_card_visa")) == ["GATEWAY_UNAVAILABLE"]

    town.sweep(timedelta(minutes=61), only=payment["id"])
    assert shop.find_payment(payment["id"])["status"] == "FAILED"
    assert authorize(shop, order, token="pm_card_visa")["payment"]["status"] == "CAPTURED"
    assert len(shop.find_order(order["id"])["payments"]) == 2


def test_a_lost_answer_is_asked_for_again_and_the_card_is_charged_once(town: Town, shop: Shop) -> None:
    order = shop.order()
    town.sandbox(
        "POST", "/faults", method="POST", path="/v1/payment_intents", when="after", kind="reset", next=3, stored=False
    )
    town.sandbox("POST", "/webhooks/rules", action="drop")
    key = os.urandom(8).hex()
    assert codes(authorize(shop, order, token="pm_card_visa", idempotencyKey=key)) == ["GATEWAY_UNAVAILABLE"]
    done = authorize(shop, order, token="pm_card_visa", idempotencyKey=key)
    assert (codes(done), done["payment"]["status"]) == ([], "CAPTURED")
    assert len(shop.find_order(order["id"])["payments"]) == 1


def customer(shop: Shop) -> tuple[Any, str]:
    """An order of a customer, and the customer's id."""
    order = shop.order(customer={"email": f"{os.urandom(4).hex()}@example.com"})
    return order, order["customer"]["id"]


def methods(shop: Shop, customer_id: str) -> list[Any]:
    return list(shop.ask(METHODS, id=customer_id)["customer"]["paymentMethods"])


def test_instruments_are_left_listed_chosen_charged_and_removed(town: Town, shop: Shop) -> None:
    order, customer_id = customer(shop)
    first = authorize(shop, order, token="pm_card_visa", savePaymentMethod=True)
    assert first["payment"]["status"] == "CAPTURED"
    saved = shop.ask(
        SAVE, input={"customerId": customer_id, "token": "pm_card_mastercard", "idempotencyKey": "second"}
    )["paymentMethodSave"]
    assert codes(saved) == []
    assert [(m["brand"], m["isDefault"]) for m in methods(shop, customer_id)] == [("visa", True), ("mastercard", False)]

    second_id = saved["paymentMethod"]["id"]
    shop.ask(DEFAULT, input={"paymentMethodId": second_id})
    assert [m["isDefault"] for m in methods(shop, customer_id)] == [False, True]

    other = shop.order(customer={"email": order["customer"]["email"]})
    charged = authorize(shop, other, paymentMethodId=second_id, offSession=True)
    assert (codes(charged), charged["payment"]["status"], charged["payment"]["type"]) == ([], "CAPTURED", "SALE")
    monthly = shop.order(customer={"email": order["customer"]["email"]})
    for unfit in ({"token": "pm_card_visa"}, {"paymentMethodId": second_id}):
        assert codes(authorize(shop, monthly, type="RECC", **unfit)) == ["INVALID"]
    charged = authorize(shop, monthly, paymentMethodId=second_id, offSession=True, type="RECC")
    assert (codes(charged), charged["payment"]["status"], charged["payment"]["type"]) == ([], "CAPTURED", "RECC")

    assert codes(shop.ask(REMOVE, input={"paymentMethodId": second_id})["paymentMethodRemove"]) == []
    assert [m["brand"] for m in methods(shop, customer_id)] == ["visa"]
    third = shop.order(customer={"email": order["customer"]["email"]})
    assert codes(authorize(shop, third, paymentMethodId=second_id)) == ["NOT_FOUND"]


def test_an_off_session_charge_that_the_bank_wants_confirmed_says_so(town: Town, shop: Shop) -> None:
    order, customer_id = customer(shop)
    saved = shop.ask(
        SAVE, input={"customerId": customer_id, "token": "pm_card_authenticationRequired", "idempotencyKey": "s"}
    )["paymentMethodSave"]
    if saved["nextAction"]:
        setup = town.http.get(
            f"{town.sandbox_url}/v1/setup_intents?limit=1", headers={"Authorization": "Bearer sk_test_dashboard"}
        ).json()["data"][0]
        town.sandbox("POST", f"/setup_intents/{setup['id']}/action", outcome="success")
        saved = shop.ask(
            SAVE, input={"customerId": customer_id, "token": "pm_card_authenticationRequired", "idempotencyKey": "s"}
        )["paymentMethodSave"]
    assert saved["paymentMethod"] is not None, saved
    charged = authorize(shop, order, paymentMethodId=saved["paymentMethod"]["id"], offSession=True)["payment"]
    assert (charged["status"], charged["lastError"]["code"]) == ("FAILED", "authentication_required")


def test_a_method_of_another_customer_or_merchant_is_not_charged(town: Town, shop: Shop) -> None:
    order, customer_id = customer(shop)
    saved = shop.ask(SAVE, input={"customerId": customer_id, "token": "pm_card_visa", "idempotencyKey": "s"})
    method_id = saved["paymentMethodSave"]["paymentMethod"]["id"]
    assert codes(authorize(shop, customer(shop)[0], paymentMethodId=method_id)) == ["INVALID"]
    assert codes(authorize(shop, shop.order(), paymentMethodId=method_id)) == ["INVALID"]
    other = town.merchant()
    assert codes(authorize(other, other.order(), paymentMethodId=method_id)) == ["NOT_FOUND"]
    assert codes(other.ask(REMOVE, input={"paymentMethodId": method_id})["paymentMethodRemove"]) == ["NOT_FOUND"]
    mine = shop.publishable_key
    given = {"orderId": order["id"], "clientSecret": order["clientSecret"], "idempotencyKey": "x"}
    simple = AUTHORIZE.replace(PAYMENT_FIELDS, "id status")
    tried = shop.ask(simple, key=mine, input=given | {"paymentMethodId": method_id})["paymentAuthorize"]
    assert codes(tried) == ["INVALID"]


def test_a_method_is_saved_once_for_its_key_and_a_failed_challenge_says_so(town: Town, shop: Shop) -> None:
    _, customer_id = customer(shop)

    def save(**more: Any) -> Any:
        given = {"customerId": customer_id, "token": "pm_card_visa", "idempotencyKey": "s", **more}
        return shop.ask(SAVE, input=given)["paymentMethodSave"]

    saved = save()
    assert save()["paymentMethod"] == saved["paymentMethod"]
    assert codes(save(token="pm_card_mastercard")) == ["IDEMPOTENCY_KEY_REUSED"]
    assert codes(save(customerId=customer(shop)[1])) == ["IDEMPOTENCY_KEY_REUSED"]

    strict = {"token": "pm_card_authenticationRequired", "idempotencyKey": "strict"}
    assert save(**strict)["nextAction"] is not None
    setup = town.http.get(
        f"{town.sandbox_url}/v1/setup_intents?limit=1", headers={"Authorization": "Bearer sk_test_dashboard"}
    ).json()["data"][0]
    town.sandbox("POST", f"/setup_intents/{setup['id']}/action", outcome="failure")
    assert codes(save(**strict)) == ["GATEWAY_REFUSED"]

    town.sandbox("POST", "/faults", method="POST", path="/v1/setup_intents", kind="status", status=500, next=3)
    assert codes(save(idempotencyKey="failing")) == ["GATEWAY_REFUSED"]
    assert codes(save(idempotencyKey="anew")) == []
