"""The start page: a shop to buy in, and the same by GraphQL, which runs as it is printed."""

import html
import re
import subprocess
from typing import Any

import httpx
import pytest

from tests.pages.conftest import LOCAL, DemoShop, serving, words
from tests.town import Shop, Town, eventually, free_port, half_sent


def test_a_first_payment(town: Town, demo_shop: DemoShop, payer_of: Any) -> None:
    forms = demo_shop.forms()
    assert [form["product"] for form in forms] == demo_shop.facts["productIds"]
    bought = demo_shop.buy(forms[0])
    assert bought.status_code == 303
    assert bought.headers["location"].startswith(f"{town.sandbox_url}/c/pay/")
    orders = demo_shop.merchant.ask("{ orders(first: 1) { nodes { id payments { id token } } } }")["orders"]["nodes"]
    payment = orders[0]["payments"][0]
    demo_shop.merchant.pay(payment)
    payer = payer_of(payment["id"], demo_shop.url)
    assert payer.sees("paid")
    assert "Back to the shop" in words(payer.look())


def test_a_double_click_makes_one_order(town: Town, demo_shop: DemoShop) -> None:
    form = demo_shop.forms()[0]
    before = orders(demo_shop.merchant)
    clicks = [demo_shop.buy(form) for _ in range(3)]
    assert {click.status_code for click in clicks} == {303}
    assert len({click.headers["location"] for click in clicks}) == 1
    assert orders(demo_shop.merchant) == before + 1
    assert demo_shop.buy(demo_shop.forms()[0]).headers["location"] != clicks[0].headers["location"]


def test_a_purchase_that_has_ended_leads_to_its_receipt(town: Town, demo_shop: DemoShop, payer_of: Any) -> None:
    form = demo_shop.forms()[0]
    demo_shop.buy(form)
    newest = "{ orders(first: 1) { nodes { id payments { id token } } } }"
    payment = demo_shop.merchant.ask(newest)["orders"]["nodes"][0]["payments"][0]
    demo_shop.merchant.pay(payment)
    payer = payer_of(payment["id"], demo_shop.url)
    assert payer.sees("paid")
    again = demo_shop.buy(form)
    assert (again.status_code, again.headers["location"]) == (303, payer.path)


@pytest.mark.parametrize(
    ("locale", "currency", "price"),
    [("en-US", "USD", "$19.50"), ("de-DE", "EUR", "18,00\xa0€"), ("tlh,*;q=0.1", "EUR", "€18.00")],
)
def test_prices_speak_the_payers_language(demo_shop: DemoShop, locale: str, currency: str, price: str) -> None:
    text = demo_shop.start(**{"Accept-Language": locale})
    first = text.partition("<fieldset")[2].partition("</fieldset>")[0]
    chosen = re.search(r'value="(\w+)" checked>(.*?)</label>', first, re.S)
    assert chosen
    assert chosen[1] == currency
    assert price in chosen[2]


def test_the_script_runs_as_it_is_printed(town: Town, demo_shop: DemoShop) -> None:
    blocks = [
        html.unescape(block) for block in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", demo_shop.start(), re.S)
    ]
    script = blocks[-1]
    assert script.startswith("API=")
    running = subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdin
    assert running.stdout
    running.stdin.write(script)
    running.stdin.close()
    order_id = running.stdout.readline().split()[1]
    assert re.fullmatch(r"ord_\w{26}", order_id)
    assert town.sandbox_url in running.stdout.readline()
    assert demo_shop.merchant.find_order(order_id)["status"] == "OPEN"
    demo_shop.merchant.pay(demo_shop.merchant.find_order(order_id)["payments"][0])
    try:
        assert any('"PAID"' in line for line in running.stdout)
    finally:
        running.kill()
        running.wait()
    again = subprocess.run(["sh"], input=script.partition("# 2.")[0], capture_output=True, text=True, check=True)
    assert again.stdout == f"Order {order_id}\n"


def test_the_documents_run_as_they_are_printed(town: Town, demo_shop: DemoShop) -> None:
    blocks = [
        html.unescape(block) for block in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", demo_shop.start(), re.S)
    ]
    headers, create, start, follow = blocks[:4]
    assert headers == f'{{"Authorization": "Bearer {demo_shop.facts["secretKey"]}"}}'
    made = demo_shop.merchant.ask(create)["orderCreate"]
    assert made["userErrors"] == []
    started = demo_shop.merchant.ask(start.replace("ord_…", made["order"]["id"]))["checkoutStart"]
    assert started["checkoutUrl"].startswith(town.sandbox_url)
    sent: Any = {
        "json": {"query": follow.replace("ord_…", made["order"]["id"])},
        "headers": {"Accept": "text/event-stream", "Authorization": f"Bearer {demo_shop.facts['secretKey']}"},
    }
    with httpx.stream("POST", demo_shop.facts["graphqlUrl"], **sent) as response:
        first = next(line for line in response.iter_lines() if line.startswith("data:"))
    assert '"status":"OPEN"' in first.replace(" ", "")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "192.168.1.7:8000"},
        {"Host": "localhost.evil.example"},
        {"Host": "[::1"},
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"CF-Connecting-IP": "203.0.113.9"},
    ],
)
def test_keys_are_shown_at_this_machine_only(demo_shop: DemoShop, headers: dict[str, str]) -> None:
    key = demo_shop.facts["secretKey"]
    assert key in demo_shop.start()
    assert key in demo_shop.start(Host="localhost:8000")
    text = demo_shop.start(**headers)
    assert key not in text
    assert demo_shop.facts["publishableKey"] not in text
    assert "The keys are shown only on the machine itself." in text


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (FORM, b"", 422),
        (FORM, b"product=&currency=&intent=", 422),
        (FORM, b"product=%00&currency=EUR&intent=0", 400),
        (FORM, b"product=%ff%fe&currency=EUR", 400),
        (FORM, "product=ü".encode(), 400),
        (FORM, b"&".join(b"a%d=1" % n for n in range(100)), 400),
        (FORM, b"product=" + b"x" * 9000, 413),
        (FORM, b"product=" + b"x" * 3_000_000, 413),
        (FORM, b"%%%%;;;&&&===", 422),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b"{}", 415),
        ("", b"product=a", 415),
    ],
)
def test_odd_forms_get_a_friendly_no(demo_shop: DemoShop, content_type: str, body: bytes, status: int) -> None:
    before = orders(demo_shop.merchant)
    answer = demo_shop.http.post(f"{demo_shop.url}/demo/buy", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
    assert "That did not work" in words(answer)
    assert 'href="/"' in answer.text
    assert orders(demo_shop.merchant) == before


def test_a_form_that_stops_half_way_is_not_waited_for(demo_shop: DemoShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.forms._SECONDS", 0.2)
    answered = half_sent(f"{demo_shop.url}/demo/buy", **{"Content-Type": FORM})
    assert answered == "HTTP/1.1 408 Request Timeout"


def test_what_is_not_for_sale_is_not_sold(town: Town, demo_shop: DemoShop, shop: Shop) -> None:
    before = orders(demo_shop.merchant)
    form = demo_shop.forms()[0]
    foreign = shop.ask(
        """mutation { productCreate(input: {idempotencyKey: "p", kind: GOODS, name: "Theirs",
           prices: [{amountMinor: 5, currency: "EUR"}]}) { product { id } } }"""
    )["productCreate"]["product"]["id"]
    for odd in (
        {"product": "prod_01h455vb4pex5vsknk084sn02q"},
        {"product": foreign},
        {"currency": "SEK"},
        {"currency": "XXX"},
        {"product": demo_shop.merchant.merchant_id},
        {"intent": "x"},
    ):
        answer = demo_shop.buy(form | odd)
        assert answer.status_code == 422
        assert "prod_" not in words(answer)
    assert orders(demo_shop.merchant) == before


def test_a_psp_that_is_down_offers_the_same_purchase_again(town: Town, demo_shop: DemoShop) -> None:
    before = orders(demo_shop.merchant)
    form = demo_shop.forms()[0]
    town.sandbox("POST", "/faults", kind="status", status=503, path="/v1/checkout/sessions", next=None)
    refused = demo_shop.buy(form)
    assert refused.status_code == 503
    assert "cannot be opened just now" in words(refused)
    retry = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', refused.text))
    assert retry == form
    town.quiet()
    assert eventually(lambda: demo_shop.buy(retry), lambda answer: answer.status_code == 303).status_code == 303
    assert orders(demo_shop.merchant) == before + 1


def test_other_methods_are_refused(demo_shop: DemoShop) -> None:
    assert demo_shop.http.get(f"{demo_shop.url}/demo/buy").status_code == 405
    assert demo_shop.http.post(demo_shop.url).status_code == 405


def test_names_are_shown_as_they_are(town: Town, demo_shop: DemoShop) -> None:
    name = "\u05db\u05d5\u05e1 <script>alert(1)</script> & " + "x" * 150
    demo_shop.merchant.ask(
        """mutation ($name: String!) { productCreate(input: {idempotencyKey: "odd name", kind: GOODS, name: $name,
           prices: [{amountMinor: 500, currency: "JPY"}]}) { product { id } } }""",
        name=name,
    )
    text = demo_shop.start()
    assert "<script>alert" not in text
    assert html.escape(name) in text


def test_production_shows_nothing_and_sells_nothing(town: Town, demo_shop: DemoShop) -> None:
    start = town.http.get(town.base_url)
    assert start.status_code == 200
    assert "up and running" in words(start)
    assert "sk_" not in start.text
    form = demo_shop.forms()[0]
    assert town.http.post(f"{town.base_url}/demo/buy", data=form).status_code == 404


def test_with_a_stripe_account_the_words_fit(town: Town, demo_shop: DemoShop) -> None:
    url = f"{LOCAL}:{free_port()}"
    with serving(town, url, demo_shop.facts | {"sandboxUrl": None}):
        answer = httpx.get(url)
        assert "form-action 'self' https:;" in answer.headers["content-security-policy"]
        assert "Stripe’s test mode, where only test cards work" in words(answer)
        assert "/sandbox/" not in answer.text


def orders(shop: Shop) -> int:
    """How many orders the merchant has."""
    return int(shop.ask("{ orders(first: 1) { totalCount } }")["orders"]["totalCount"])
