"""What a payer sees and may do on the hosted pages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.hosted.money import shown
from sandbox.stripe import cards

pytestmark = pytest.mark.anyio


async def page(play: Any, session: Any) -> str:
    answer = await play.browser.get(f"/c/pay/{session.id}")
    assert answer.status_code == 200, answer.text
    text: str = answer.text
    return text


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        (1999, "usd", None, "$19.99"),
        (1999, "jpy", "en", "¥1,999"),
        (19990, "kwd", "en", "KWD\xa019.990"),
        (1999, "eur", "de", "19,99\xa0€"),
        (199900, "huf", "hu", "1\xa0999,00\xa0Ft"),
        (100, "inr", "hi-IN", "₹1.00"),
        (1999, "usd", "zz", "$19.99"),
    ],
)
async def test_amounts_are_shown_in_their_currency(amount: int, currency: str, locale: str | None, text: str) -> None:
    assert shown(amount, currency, locale) == text


async def test_the_page_shows_the_order_and_can_be_used_without_script(play: Any) -> None:
    session = await play.session(allowed_payment_method_types=["card", "us_bank_account", "paypal"])
    text = await page(play, session)
    assert "Blue mug" in text
    assert "$19.99" in text
    assert 'href="https://shop.example/cart"' in text
    assert "No real money" in text
    assert [*re.findall(r'name="method" id="[^"]*" value="(\w+)"', text)] == ["card", "us_bank_account", "paypal"]
    for want in ('autocomplete="cc-number"', 'autocomplete="cc-exp"', 'autocomplete="cc-csc"', 'inputmode="numeric"'):
        assert want in text
    labelled = set(re.findall(r'<label for="([^"]+)"', text))
    inputs = set(re.findall(r'<input (?:type="radio" )?(?:name="\w+" )?id="([^"]+)"', text))
    assert inputs <= labelled


async def test_the_page_is_locked_down(play: Any) -> None:
    answer = await play.browser.get(f"/c/pay/{(await play.session()).id}")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<script(?! src)|<style| style=| on\w+=", answer.text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//(?!shop\.example)', answer.text)
    for asset in ("pages.css", "checkout.js"):
        assert (await play.browser.get(f"/c/static/{asset}")).status_code == 200


async def test_markup_in_names_is_only_text(play: Any) -> None:
    session = await play.session(
        line_items=[
            {
                "quantity": 2,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 500,
                    "product_data": {"name": "<script>alert(1)</script>"},
                },
            }
        ]
    )
    text = await page(play, session)
    assert "<script>alert" not in text
    assert "Qty 2 · $5.00 each" in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"number": "4242424242424241"}, "Your card number is incorrect."),
        ({"number": ""}, "Enter the card number."),
        ({"number": "４２４２４２４２４２４２４２４２"}, "Your card number is incorrect."),
        ({"expiry": "01 / 20"}, "in the past"),
        ({"expiry": "13 / 50"}, "expiration month is invalid"),
        ({"expiry": "soon"}, "expiration month is invalid"),
        ({"cvc": "12"}, "security code is invalid"),
        ({"cvc": ""}, "Enter the security code."),
        ({"name": ""}, "Enter the name on the card."),
        ({"email": "nope"}, "Enter your email address"),
        ({"method": "ideal"}, "Choose how you want to pay."),
        ({"method": ""}, "Choose how you want to pay."),
    ],
)
async def test_mistakes_are_told_at_their_field(play: Any, fields: dict[str, str], sentence: str) -> None:
    session = await play.session()
    form = {"number": "4242 4242 4242 4242", **fields}
    answer = await play.submit(session, **form)
    assert answer.status_code == 422
    assert answer.text.count(sentence) >= 1
    assert 'id="problems"' in answer.text
    number = cards.digits(form["number"])
    assert not number or number not in answer.text.replace("1234 1234", "")
    assert (await play.v1.payment_intents.list_async()).data == []


async def test_a_bank_account_is_asked_for(play: Any) -> None:
    session = await play.session(currency="eur")
    answer = await play.submit(session, method="sepa_debit")
    assert "Enter the IBAN" in answer.text
    paid = await play.submit(session, method="sepa_debit", sepa_debit_account="AT61 1904 3002 3457 3201")
    assert paid.status_code == 303
    assert paid.headers["location"].startswith("https://shop.example/done")


async def test_a_wallet_page_leads_back_to_the_shop_or_the_form(play: Any) -> None:
    session = await play.session(currency="eur")
    sent = await play.submit(session, method="ideal")
    wallet = sent.headers["location"]
    assert "Authorize payment" in (await play.browser.get(wallet)).text
    key = wallet.rsplit("key=", 1)[1]
    back = await play.browser.post(wallet, data={"key": key, "outcome": "fail"}, follow_redirects=True)
    assert "did not authorize the payment with iDEAL" in back.text
    await play.submit(session, method="ideal", attempt="1")
    done = await play.browser.post(wallet, data={"key": key, "outcome": "complete"})
    done = await play.browser.get(done.headers["location"])
    assert done.headers["location"].startswith("https://shop.example/done")
    again = await play.browser.post(wallet, data={"key": key, "outcome": "complete"})
    assert again.status_code == 303
    assert len((await play.v1.charges.list_async()).data) == 1


async def test_a_known_email_is_not_asked_again(play: Any) -> None:
    session = await play.session(customer_email="known@example.com", customer_creation="always")
    assert 'name="email"' not in await page(play, session)
    await play.submit(session, email="")
    paid = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["customer"]})
    assert paid.customer.email == "known@example.com"


async def test_nothing_to_pay_is_completed_without_a_card(play: Any) -> None:
    session = await play.session(amount=0)
    assert "Complete order" in await page(play, session)
    assert (await play.submit(session)).status_code == 303
    done = await play.v1.checkout.sessions.retrieve_async(session.id)
    assert (done.status, done.payment_status, done.payment_intent) == ("complete", "no_payment_required", None)


async def test_closed_and_absent_pages(play: Any) -> None:
    session = await play.session()
    await play.pay(session)
    assert "Payment complete" in await page(play, session)
    assert (await play.submit(session)).headers["location"].startswith("https://shop.example/done")
    for path in ("/c/pay/cs_nope", "/c/authorize/pi_nope?key=x", "/c/receipts/pi_nope", "/c/pay/%00"):
        assert (await play.browser.get(path)).status_code == 404
    intent = (await play.v1.checkout.sessions.retrieve_async(session.id)).payment_intent
    assert "$19.99" in (await play.browser.get(f"/c/receipts/{intent}")).text


@pytest.mark.parametrize("body", [b"\xff", b"a[b]=1&method[x]=card", b"attempt=0&number[a]=4", b""])
async def test_a_broken_form_is_only_an_empty_one(play: Any, body: bytes) -> None:
    session = await play.session()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await play.browser.post(f"/c/pay/{session.id}", content=body, headers=headers)
    assert answer.status_code in (200, 422)


async def test_no_card_number_is_kept(play: Any, tmp_path: Any) -> None:
    session = await play.session()
    await play.submit(session, "4000056655665556")
    await play.pay(await play.session(), card="4000056655665556")
    await play.v1.payment_methods.create_async(
        {"type": "card", "card": {"number": "4000056655665556", "exp_month": 1, "exp_year": 2050, "cvc": "987"}}
    )
    await play.settle()
    dump = "\n".join(play.world.store.db.iterdump())
    assert "5556" in dump
    assert "4000056655665556" not in dump
    assert '"987"' not in dump
