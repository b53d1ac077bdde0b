"""The return page says how a payment stands, whatever its address claims, and never hangs on the PSP."""

import time
from datetime import timedelta
from typing import Any

import pytest

from pages import asking
from tests.pages.conftest import words
from tests.town import Shop, Town, eventually

PAID_AGAIN = "The order was paid already, so this payment was not needed."


def test_a_paid_order_shows_a_receipt_and_follows_nothing_more(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment(1234, "EUR")
    shop.pay(payment)
    payer = payer_of(payment["id"])
    assert payer.sees("paid")
    response = payer.look(**{"Accept-Language": "de-AT,de;q=0.9"})
    text = words(response)
    assert "Thank you, it is paid" in text
    assert "€\xa012,34" in response.text
    assert "Visa ending in 4242" in text
    assert "Test Shop" in text
    assert "Test mode: no real money moves." in text
    assert '<html lang="en">' in response.text
    assert "dir=" not in response.text
    assert payer.live_path() is None
    assert "http-equiv" not in response.text


def test_the_page_asks_the_psp_itself_when_no_webhook_has_come(town: Town, shop: Shop, payer_of: Any) -> None:
    town.sandbox("POST", "/webhooks/rules", action="hold", types=["*"])
    payment = shop.open_payment()
    shop.pay(payment)
    assert payer_of(payment["id"]).sees("paid")
    found = shop.find_payment(payment["id"])
    assert [e["cause"]["kind"] for e in found["timeline"]["nodes"] if e["type"] == "payment.captured"] == [
        "RETURN_PAGE"
    ]
    town.sandbox("POST", "/webhooks/release")


def test_coming_back_without_paying_shows_the_way_on(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    payer = payer_of(payment["id"])
    response = payer.look()
    assert payer.sees("open")
    assert payment["checkoutUrl"] in response.text
    assert payer.live_path() == f"{payer.path}/live?after={shop.find_order(payment['orderId'])['version']}"
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in response.text


def test_a_declined_card_is_explained_in_words_that_help(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    shop.pay(payment, card="4000000000009995")
    payer = payer_of(payment["id"])
    assert payer.sees("declined")
    assert "There was not enough money on the account." in words(payer.look())
    assert payment["checkoutUrl"] in payer.look().text


@pytest.mark.parametrize("card", ["4000000000009987", "4000000000009979", "4100000000000019"])
def test_what_protects_against_thieves_is_not_said(town: Town, shop: Shop, payer_of: Any, card: str) -> None:
    payment = shop.open_payment()
    shop.pay(payment, card=card)
    payer = payer_of(payment["id"])
    assert payer.sees("declined")
    text = words(payer.look()).lower()
    assert "your bank said no and gave no reason we may show" in text
    assert not any(word in text for word in ("stolen", "lost", "fraud"))


def test_a_delayed_method_is_on_its_way_until_the_bank_confirms(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    shop.pay(payment, method="sepa_debit")
    payer = payer_of(payment["id"])
    assert payer.sees("processing")
    assert "may take several days" in words(payer.look())
    assert payer.live_path() is not None
    assert payer.again().status_code == 409
    assert len(shop.find_order(payment["orderId"])["payments"]) == 1


def test_an_authorization_says_reserved_not_paid(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.checkout(shop.order()["id"], captureMethod="MANUAL")["payment"]
    shop.pay(payment)
    payer = payer_of(payment["id"])
    assert payer.sees("authorized")
    assert "it is paid" not in words(payer.look())


def test_an_expired_page_can_be_opened_anew_and_twice_is_once(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    town.sweep(timedelta(hours=2))
    payer = payer_of(payment["id"])
    assert payer.sees("expired")
    assert f'action="{payer.path}/again"' in payer.look().text
    first, second = payer.again(), payer.again()
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["location"] == second.headers["location"] != payment["checkoutUrl"]
    payments = shop.find_order(payment["orderId"])["payments"]
    assert [p["status"] for p in payments] == ["EXPIRED", "OPEN"]
    shop.pay(payments[1])
    assert payer_of(payments[1]["id"]).sees("paid")
    assert payer.sees("paid_otherwise")
    assert "Another payment paid it, not this one." in words(payer.look())
    again = payer.again()
    assert again.status_code == 303  # the same intent as before: to its receipt
    assert again.headers["location"] == payer_of(payments[1]["id"]).path


def test_starting_again_keeps_the_merchants_own_ends(town: Town, payer_of: Any) -> None:
    shop = town.merchant(origins=("https://shop.example",))
    order = shop.order()
    payment = shop.checkout(order["id"], returnUrl="https://shop.example/thanks")["payment"]
    town.sweep(timedelta(hours=2))
    assert payer_of(payment["id"]).again().status_code == 303
    second = shop.find_order(order["id"])["payments"][1]
    session = town.http.get(
        f"{town.sandbox_url}/v1/checkout/sessions/{second['token']}", headers={"Authorization": "Bearer sk_test_town"}
    ).json()
    assert session["success_url"] == "https://shop.example/thanks"
    assert session["cancel_url"].endswith(payer_of(second["id"]).path)


def test_a_canceled_order_cannot_be_started_again(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    shop.ask(
        "mutation ($id: ID!) { orderCancel(input: {orderId: $id}) { userErrors { code } } }", id=payment["orderId"]
    )
    payer = payer_of(payment["id"])
    assert payer.sees("order_canceled")
    assert "/again" not in payer.look().text
    refused = payer.again()
    assert refused.status_code == 409
    assert "This order was canceled." in words(refused)


def test_money_that_came_twice_shows_its_way_back_with_the_reason(town: Town, shop: Shop, payer_of: Any) -> None:
    first = shop.open_payment()
    town.sweep(timedelta(hours=2))
    second = shop.checkout(first["orderId"])["payment"]
    shop.pay(second)
    eventually(lambda: shop.find_order(first["orderId"]), lambda order: order["status"] == "PAID")
    shop.pay(first, force=True)
    payer = payer_of(first["id"])
    assert payer.sees("refunded")
    eventually(lambda: payer.live_path() or "none", lambda path: path == "none")
    text = words(payer.look())
    assert "Your money has been given back" in text
    assert PAID_AGAIN in text
    assert payer_of(second["id"]).sees("paid")


def test_a_part_given_back_leaves_the_order_paid(town: Town, shop: Shop, payer_of: Any) -> None:
    order = shop.paid_order(5000)
    payment = order["payments"][0]
    intent = town.http.get(
        f"{town.sandbox_url}/v1/checkout/sessions/{payment['token']}?expand[]=payment_intent",
        headers={"Authorization": "Bearer sk_test_town"},
    ).json()["payment_intent"]
    town.sandbox("POST", f"/charges/{intent['latest_charge']}/refund", amount=1000)
    payer = payer_of(payment["id"])
    eventually(lambda: words(payer.look()), lambda text: "€10.00 of it has been given back" in text)
    assert payer.sees("paid")


def test_a_psp_that_hangs_does_not_hang_the_page(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    town.sandbox("POST", "/faults", kind="hang", path="/v1/checkout/sessions/*", next=None, seconds=8)
    payer = payer_of(payment["id"])
    started = time.monotonic()
    assert payer.state() == "open"
    assert 2.5 < time.monotonic() - started < 7.5
    assert payer.live_path() is not None


def test_a_psp_that_is_down_leaves_what_is_known(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    town.sandbox("POST", "/faults", kind="status", status=503, path="/v1/checkout/sessions/*", next=None)
    payer = payer_of(payment["id"])
    assert payer.sees("open")
    town.quiet()
    shop.pay(payment)
    assert payer.sees("paid")


def test_many_reloads_ask_the_psp_once(town: Town, shop: Shop, payer_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PAUSE", 30.0)
    payment = shop.open_payment()
    payer = payer_of(payment["id"])
    path = f"/v1/checkout/sessions/{payment['token']}"
    before = len(town.calls("GET", path))
    for _ in range(10):
        payer.look()
    assert len(town.calls("GET", path)) - before == 1


def test_strangers_learn_nothing(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.paid_order()["payments"][0]
    payer, other = payer_of(payment["id"]), payer_of(shop.open_payment()["id"])
    unknown = "pay_01h455vb4pex5vsknk084sn02q"
    paths = [
        payer.path[:-1] + ("a" if payer.path[-1] != "a" else "b"),
        f"/return/{payment['id']}/{other.path.rpartition('/')[2]}",
        f"/return/{unknown}/{town.house.tokens.return_token(unknown)}",
        f"/return/{payment['id']}/%00%ff",
        "/return/%00/%00",
        f"/return/{payment['id']}/{'a' * 5000}",
    ]
    pages = [town.http.get(town.base_url + path) for path in paths]
    assert [page.status_code for page in pages] == [404] * len(paths)
    assert {page.text for page in pages} == {town.http.get(f"{town.base_url}/nowhere").text}
    assert {town.http.get(f"{town.base_url}{path}/live").status_code for path in paths} == {404}
    assert {town.http.post(f"{town.base_url}{path}/again").status_code for path in paths} == {404}


def test_names_in_other_scripts_keep_to_themselves(town: Town, shop: Shop, payer_of: Any) -> None:
    name, reference = "كوب <b>شاي</b> " * 8, 'סל"<i>'
    item = {"name": name, "unitAmount": {"amountMinor": 500, "currency": "EUR"}, "quantity": 3}
    order = shop.order(items=[item], reference=reference)
    payment = shop.checkout(order["id"])["payment"]
    text = payer_of(payment["id"]).look(**{"Accept-Language": "ar-EG"}).text
    assert f"<bdi>{name.strip().replace('<', '&lt;').replace('>', '&gt;')}</bdi>" in text
    assert "<bdi>סל&#34;&lt;i&gt;</bdi>" in text
    assert '<html lang="en">' in text
    assert '<bdi lang="ar-EG">' in text


def test_the_page_may_load_nothing_but_its_own(town: Town, shop: Shop, payer_of: Any) -> None:
    headers = payer_of(shop.open_payment()["id"]).look().headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        f" form-action 'self' {town.sandbox_url}; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-robots-tag"] == "noindex"
