"""What a Checkout Session may be asked for, and what it says."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.anyio


def mug(currency: str) -> dict[str, Any]:
    price = {"currency": currency, "unit_amount": 500, "product_data": {"name": "Mug"}}
    return {"quantity": 1, "price_data": price}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"mode": None}, "parameter_missing", "mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        ({"success_url": "shop.example"}, "url_invalid", "success_url"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"locale": "xx"}, None, "locale"),
        ({"client_reference_id": "x" * 201}, None, "client_reference_id"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"customer": "cus_nope"}, "resource_missing", "customer"),
        ({"expires_at": 1}, None, "expires_at"),
        ({"expires_at": int(time.time()) + 90000}, None, "expires_at"),
        ({"line_items": [mug("usd"), mug("eur")]}, None, "line_items"),
        ({"allowed_payment_method_types": ["ideal"]}, None, "allowed_payment_method_types"),
        ({"discounts": [{"coupon": "x"}]}, None, "discounts"),
        ({"expand": ["payment_intent.latest_charge.balance_transaction.source.customer"]}, None, "expand"),
        ({"expand": ["metadata"]}, None, "expand"),
        ({"line_items": [{"price": "price_nope", "quantity": 1}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price]"),
    ],
)
async def test_what_a_session_can_not_be(play: Any, change: Any, code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.session(**change)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert (await play.v1.checkout.sessions.list_async()).data == []


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [(49, "usd", "amount_too_small"), (49, "jpy", "amount_too_small"), (5001, "kwd", None)],
)
async def test_amounts_have_their_bounds(play: Any, amount: int, currency: str, code: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.session(amount, currency)
    assert caught.value.code == code


async def test_a_session_repeats_what_it_was_asked_for(play: Any) -> None:
    until = int(time.time()) + 1900
    session = await play.session(
        client_reference_id="order-1",
        metadata={"a": "b"},
        customer_email="a@example.com",
        expires_at=until,
        locale="fr",
        submit_type="book",
        excluded_payment_method_types=["us_bank_account"],
        payment_intent_data={"metadata": {"c": "d"}, "description": "Books", "transfer_group": "g1"},
    )
    assert session.id.startswith("cs_test_")
    assert (session.client_reference_id, session.expires_at, session.locale) == ("order-1", until, "fr")
    assert "us_bank_account" not in session.payment_method_types
    assert session.url == f"{play.url}/c/pay/{session.id}"
    told = await play.pay(session)
    intent = told["payment_intent"]
    assert (intent["metadata"], intent["description"], intent["transfer_group"]) == ({"c": "d"}, "Books", "g1")
    assert told["session"]["metadata"] == {"a": "b"}


async def test_a_live_session_is_another_world(play: Any) -> None:
    live = play.sdk("rk_live_1")
    price = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Mug"}}
    session = await live.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": "https://shop.example",
        }
    )
    assert (session.livemode, session.id[:8]) == (True, "cs_live_")
    assert (await play.submit(session)).status_code == 303
    charges = await live.v1.charges.list_async({"expand": ["data.payment_intent"]})
    assert charges.data[0].payment_intent.livemode is True
    assert (await play.v1.charges.list_async()).data == []


async def test_sessions_are_listed_by_what_they_are_about(play: Any) -> None:
    customer = await play.v1.customers.create_async({"email": "a@example.com"})
    mine, other = await play.session(customer=customer.id), await play.session()
    found = await play.v1.checkout.sessions.list_async({"customer": customer.id})
    assert [each.id for each in found.data] == [mine.id]
    await play.pay(other)
    found = await play.v1.checkout.sessions.list_async({"status": "open"})
    assert [each.id for each in found.data] == [mine.id]
    found = await play.v1.checkout.sessions.list_async({"created": {"gt": mine.created + 100}})
    assert found.data == []


async def test_a_card_is_kept_for_later_when_asked(play: Any) -> None:
    customer = await play.v1.customers.create_async({"email": "a@example.com"})
    session = await play.session(customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"})
    await play.pay(session)
    kept = await play.v1.customers.payment_methods.list_async(customer.id)
    assert [each.card.last4 for each in kept.data] == ["4242"]
    assert "payment_method.attached" in await play.settle()


async def test_decimal_prices_are_rounded_half_up_per_line(play: Any) -> None:
    price = {"currency": "usd", "unit_amount_decimal": "0.5", "product_data": {"name": "Screw"}}
    session = await play.session(line_items=[{"quantity": 301, "price_data": price}])
    assert session.amount_total == 151
    line = (await play.v1.checkout.sessions.line_items.list_async(session.id)).data[0]
    assert line.price.unit_amount is None
    assert str(line.price.unit_amount_decimal) == "0.5"
