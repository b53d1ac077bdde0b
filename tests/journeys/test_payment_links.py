"""a merchant makes a link -> somebody opens it -> one order, one open page -> paid, once, and the link knows"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.links.offer import next_reminder
from kit import clock
from kit.database import reading
from kit.database.reading import decode_time
from tests.linking import (
    DEACTIVATE,
    LINK,
    UPDATE,
    codes,
    create,
    euros,
    go,
    known,
    letter,
    link,
    paid,
    pay_at,
    token_at,
)
from tests.town import ERRORS, ORDER_UPDATE, Shop, Town, eventually
from tests.unchanged import nothing_happens, outcome, told

LINKS = "query { paymentLinks(first: 100) { nodes { id status } } }"
SESSIONS = "/v1/checkout/sessions"


def opened(town: Town, shop: Shop, link: Any) -> set[str]:
    """The sessions that the PSP opened for the link's orders."""
    orders = {order["id"] for order in known(shop, link)["orders"]["nodes"]}
    answer = town.http.get(f"{town.sandbox_url}{SESSIONS}?limit=100", headers={"Authorization": "Bearer sk_test_x"})
    return {session["id"] for session in answer.json()["data"] if session["metadata"].get("paygraph_order") in orders}


def test_a_link_is_made_opened_paid_and_used_up(town: Town, shop: Shop, payer: httpx.Client) -> None:
    made = link(
        shop,
        customer={"email": "Ada@Example.com", "name": "Ada"},
        reference="INV-7",
        metadata=[{"key": "pupil", "value": "7"}],
    )
    assert (made["status"], made["total"], made["email"]) == ("ACTIVE", euros(4200), "ada@example.com")
    page = payer.get(made["url"])
    assert (page.status_code, "Piano lessons" in page.text, "€42.00" in page.text, "Test Shop" in page.text) == (
        *(200, True, True, True),
    )
    answered = go(payer, made)
    assert answered.status_code == 303
    assert go(payer, made).headers["location"] == answered.headers["location"]
    pay_at(town, answered.headers["location"])
    (order,) = paid(shop, made)
    assert (order["total"], order["collected"], order["paidLate"]) == (euros(4200), euros(4200), False)
    assert (order["reference"], order["paymentLink"]) == ("INV-7", {"id": made["id"]})
    assert order["metadata"] == [{"key": "pupil", "value": "7"}]
    assert shop.find_order(order["id"])["customer"]["email"] == "ada@example.com"
    assert known(shop, made)["status"] == "USED_UP"
    gone = payer.get(made["url"])
    assert (gone.status_code, "This is paid" in gone.text, "/return/" in gone.text) == (410, True, True)
    assert payer.post(made["url"], data={"visit": "0" * 32}).status_code == 410


@pytest.mark.parametrize("reusable", [True, False])
@pytest.mark.parametrize("cookies", [True, False])
def test_ten_tabs_of_one_payer_open_one_page_and_charge_once(
    town: Town, shop: Shop, payer: httpx.Client, reusable: bool, cookies: bool
) -> None:
    made = link(shop, reusable=reusable)
    pages = [payer.get(made["url"]) for _ in range(10)]
    visits = [re.findall(r'name="visit" value="([0-9a-f]{32})"', page.text)[0] for page in pages]
    sent = payer.cookies if cookies else None

    def press(visit: str) -> str:
        with httpx.Client(timeout=30, cookies=sent) as tab:
            return tab.post(made["url"], data={"visit": visit if cookies else visits[0]}).headers["location"]

    with ThreadPoolExecutor(10) as pool:
        addresses = list(pool.map(press, visits))
    assert len(set(addresses)) == 1
    assert len(opened(town, shop, made)) == 1
    pay_at(town, addresses[0])
    (order,) = paid(shop, made)
    again = payer.post(made["url"], data={"visit": visits[0]})
    assert again.status_code in {409, 410}
    assert len(known(shop, made)["orders"]["nodes"]) == 1
    assert order["collected"] == euros(4200)


def test_tabs_that_are_opened_at_once_are_one_visit(town: Town, shop: Shop, payer: httpx.Client) -> None:
    """None of their requests has a cookie yet, and the last page comes after the first tab has gone on to pay."""
    made = link(shop, reusable=True)
    pages = [httpx.get(made["url"]) for _ in range(3)]
    for page in pages[:2]:
        payer.cookies.update(page.cookies)
    first = payer.post(made["url"], data={"visit": "f" * 32}).headers["location"]
    payer.cookies.update(pages[1].cookies)
    payer.cookies.update(pages[2].cookies)
    second = payer.post(made["url"], data={"visit": "e" * 32})
    assert second.headers["location"] == first
    assert len(payer.cookies) == 1, "the others are forgotten"
    assert len(known(shop, made)["orders"]["nodes"]) == 1


def test_a_reusable_link_is_paid_by_many_and_once_more_by_one(town: Town, shop: Shop, payer: httpx.Client) -> None:
    made = link(shop, reusable=True)
    with httpx.Client(timeout=30) as another:
        pay_at(town, go(another, made).headers["location"])
    pay_at(town, go(payer, made).headers["location"])
    eventually(lambda: "Pay once more" in payer.get(made["url"]).text)
    assert payer.post(made["url"], data={"again": "1"}).status_code == 303
    pay_at(town, go(payer, made).headers["location"])
    orders = paid(shop, made, 3)
    assert len({order["id"] for order in orders}) == 3
    assert known(shop, made)["status"] == "ACTIVE"


def test_a_donor_names_the_amount_within_the_bounds(town: Town, shop: Shop, payer: httpx.Client) -> None:
    choice = {"least": 500, "most": 100000, "presets": [1000, 2500]}
    made = link(shop, purpose="For the well", choice=choice, reusable=True)
    assert (made["total"], made["items"], made["choice"]["presets"]) == (None, [], [euros(1000), euros(2500)])
    for wrong in ("4.99", "1000.01", "0", "-5", "ten", "1e3", ""):
        answer = go(payer, made, amount=wrong)
        assert (answer.status_code, "Please give an amount from" in answer.text) == (422, True), wrong
    assert known(shop, made)["orders"]["nodes"] == []
    first = go(payer, made, amount="12,50").headers["location"]
    second = go(payer, made, preset="25.00", amount="").headers["location"]
    assert first != second
    pay_at(town, second)
    (order,) = paid(shop, made)
    assert order["total"] == euros(2500)
    assert [p["amount"]["amountMinor"] for p in shop.find_order(order["id"])["payments"]] == [1250, 2500]


def test_an_invoice_is_paid_in_parts(town: Town, shop: Shop, payer: httpx.Client) -> None:
    product = shop.ask(
        """mutation { productCreate(input: {idempotencyKey: "p", kind: GOODS, name: "Crate of tea",
           prices: [{amountMinor: 9000, currency: "EUR"}]}) { product { id } } }"""
    )["productCreate"]["product"]["id"]
    row = {"name": "Freight", "quantity": 1, "unitAmount": euros(2000)}
    due = (clock.now() + timedelta(days=14)).isoformat()
    made = link(shop, items=[{"productId": product, "quantity": 2}, row], inParts=True, dueAt=due, reference="W-1")
    assert made["total"] == euros(20000)
    assert go(payer, made, amount="200.01").status_code == 422
    pay_at(town, go(payer, made, amount="50").headers["location"])
    (order,) = eventually(
        lambda: known(shop, made)["orders"]["nodes"], lambda found: found[0]["collected"]["amountMinor"] == 5000
    )
    assert (order["status"], known(shop, made)["status"]) == ("OPEN", "ACTIVE")
    page = payer.get(made["url"])
    assert "€150.00" in page.text
    pay_at(town, go(payer, made, amount="").headers["location"])
    (order,) = paid(shop, made)
    assert (order["collected"], order["paidLate"]) == (euros(20000), False)
    captured = [p["captured"]["amountMinor"] for p in shop.find_order(order["id"])["payments"]]
    assert captured == [5000, 15000]
    printed = payer.get(made["invoiceUrl"])
    assert all(word in printed.text for word in ("Crate of tea", "Freight", "W-1", "€200.00", "Paid. Thank you."))


def test_whoever_names_a_part_pays_that_part(town: Town, shop: Shop) -> None:
    """Two of one buyer's people, at once: the page of one makes way for the other's, and nobody gets another amount."""
    key = {"Authorization": "Bearer sk_test_x"}
    for _ in range(4):
        made = link(shop, inParts=True)

        def press(amount: int, made: Any = made) -> int | None:
            answer = httpx.post(made["url"], data={"amount": str(amount)}, timeout=30)
            if "cs_test_" not in (address := answer.headers.get("location", "")):
                return None
            token = address.rstrip("/").rpartition("/")[2].partition("#")[0]
            return int(town.http.get(f"{town.sandbox_url}{SESSIONS}/{token}", headers=key).json()["amount_total"])

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(press, (10, 25))
        assert (first in {1000, None}, second in {2500, None}) == (True, True), (first, second)
        assert {first, second} != {None}


def test_an_order_of_a_link_is_what_the_link_says(shop: Shop, payer: httpx.Client) -> None:
    made = link(shop)
    go(payer, made)
    (order,) = known(shop, made)["orders"]["nodes"]
    items = [{"name": "Other", "quantity": 1, "unitAmount": euros(400)}]
    with nothing_happens(shop):
        changed = shop.ask(ORDER_UPDATE, input={"orderId": order["id"], "items": items})["orderUpdate"]
        assert codes(changed) == ["ORDER_OF_LINK"]
    actions = "query ($id: ID!) { order(id: $id) { actions { name enabled code } } }"
    (edit,) = [a for a in shop.ask(actions, id=order["id"])["order"]["actions"] if a["name"] == "EDIT"]
    assert (edit["enabled"], edit["code"]) == (False, "ORDER_OF_LINK")


def test_a_link_for_nobody_is_not_made_to_be_sent(shop: Shop) -> None:
    with nothing_happens(shop):
        refused = create(shop, send=True, idempotencyKey="k")
        assert [(e["code"], e["path"]) for e in refused["userErrors"]] == [("REQUIRED", ["customer"])]
    again = create(shop, send=True, idempotencyKey="k", customer={"email": f"{uuid4().hex}@payer.example"})
    assert (again["userErrors"], again["paymentLink"]["status"]) == ([], "ACTIVE")


def test_what_is_paid_after_it_was_due_says_so(town: Town, shop: Shop, payer: httpx.Client) -> None:
    made = link(shop, dueAt=(clock.now() + timedelta(days=1)).isoformat())
    yesterday = clock.now() - timedelta(days=1)
    town.call(reading.execute("UPDATE payment_links SET due_at = $2 WHERE id = $1", made["id"], yesterday))
    assert "This was due on" in payer.get(made["url"]).text
    pay_at(town, go(payer, made).headers["location"])
    (order,) = paid(shop, made)
    assert order["paidLate"] is True


def test_a_link_that_is_over_is_gone_and_opens_nothing(town: Town, shop: Shop, payer: httpx.Client) -> None:
    ended, expired = link(shop), link(shop, expiresAt=(clock.now() + timedelta(hours=1)).isoformat())
    done = shop.ask(DEACTIVATE, input={"paymentLinkId": ended["id"]})["paymentLinkDeactivate"]
    assert (codes(done), done["paymentLink"]["status"]) == ([], "INACTIVE")
    assert codes(shop.ask(DEACTIVATE, input={"paymentLinkId": ended["id"]})["paymentLinkDeactivate"]) == []
    late = clock.now() - timedelta(seconds=1)
    town.call(reading.execute("UPDATE payment_links SET expires_at = $2 WHERE id = $1", expired["id"], late))
    assert known(shop, expired)["status"] == "EXPIRED"
    with nothing_happens(shop):
        for over in (ended, expired):
            answers = [payer.get(over["url"]), payer.post(over["url"], data={"visit": "0" * 32})]
            assert [answer.status_code for answer in answers] == [410, 410]
            assert all("ask" in answer.text and "new link" in answer.text for answer in answers)
        changed = shop.ask(UPDATE, input={"paymentLinkId": ended["id"], "purpose": "x"})["paymentLinkUpdate"]
        assert codes(changed) == ["LINK_INACTIVE"]
        for slug in ("nothinghere", "%00", "%ff", "x" * 3000, "é", "' OR 1=1 --"):
            for path in ("", "/qr.svg", "/qr.png", "/invoice"):
                assert payer.get(f"{town.base_url}/l/{slug}{path}").status_code == 404, (slug, path)
            assert payer.post(f"{town.base_url}/l/{slug}").status_code == 404


def pages_of(shop: Shop, made: Any) -> list[str]:
    """How the payments at the link stand."""
    orders = [shop.find_order(order["id"]) for order in known(shop, made)["orders"]["nodes"]]
    return [payment["status"] for order in orders for payment in order["payments"]]


@pytest.mark.parametrize("ends", ["deactivated", "expired"])
def test_when_a_link_ends_the_pages_that_are_open_are_closed(
    town: Town, shop: Shop, payer: httpx.Client, ends: str
) -> None:
    soon = clock.now() + timedelta(seconds=5) if ends == "expired" else None
    made = link(shop, reusable=True, expiresAt=soon.isoformat() if soon else None)
    go(payer, made)
    with httpx.Client(timeout=30) as another:
        go(another, made)
    assert pages_of(shop, made) == ["OPEN", "OPEN"]
    if ends == "deactivated":
        shop.ask(DEACTIVATE, input={"paymentLinkId": made["id"]})
    eventually(lambda: pages_of(shop, made), lambda found: found == ["EXPIRED", "EXPIRED"])


def test_a_psp_that_is_away_delays_the_end_of_a_page_not_of_the_link(
    town: Town, shop: Shop, payer: httpx.Client
) -> None:
    made = link(shop)
    go(payer, made)
    (token,) = opened(town, shop, made)
    town.sandbox("POST", "/faults", path=f"/v1/checkout/sessions/{token}/expire", kind="status", status=503, next=3)
    shop.ask(DEACTIVATE, input={"paymentLinkId": made["id"]})
    assert payer.get(made["url"]).status_code == 410
    eventually(lambda: town.sandbox("GET", "/faults")["faults"], lambda faults: not faults)
    assert pages_of(shop, made) == ["OPEN"]
    a_minute_later = "UPDATE payment_links SET closes_at = $2 WHERE id = $1 AND closes_at > $2"
    town.call(reading.execute(a_minute_later, made["id"], clock.now()))
    eventually(lambda: pages_of(shop, made), lambda found: found == ["EXPIRED"])


def test_a_link_says_something_else_but_sells_the_same(shop: Shop) -> None:
    made = link(shop)
    soon = (clock.now() + timedelta(days=3)).isoformat()
    changed = shop.ask(UPDATE, input={"paymentLinkId": made["id"], "purpose": "Cello", "expiresAt": soon})
    told = changed["paymentLinkUpdate"]["paymentLink"]
    assert (told["purpose"], told["expiresAt"][:16], told["total"]) == ("Cello", soon[:16], made["total"])
    assert [item["name"] for item in told["items"]] == ["Cello"]
    same = create(shop, idempotencyKey="k")["paymentLink"]
    assert create(shop, idempotencyKey="k")["paymentLink"]["id"] == same["id"]
    assert codes(create(shop, idempotencyKey="k", purpose="Else")) == ["IDEMPOTENCY_KEY_REUSED"]


def test_the_qr_codes_are_pictures_of_the_address(town: Town, shop: Shop, payer: httpx.Client) -> None:
    made = link(shop)
    svg, png = payer.get(made["qrSvgUrl"]), payer.get(made["qrPngUrl"])
    assert (svg.headers["content-type"], svg.content[:4]) == ("image/svg+xml", b"<svg")
    assert (png.headers["content-type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")


def test_links_are_the_merchants_own(town: Town, shop: Shop) -> None:
    made, stranger = link(shop), town.merchant()
    assert stranger.ask(LINK, id=made["id"])["paymentLink"] is None
    assert stranger.ask(LINKS)["paymentLinks"]["nodes"] == []
    assert stranger.ask("query ($id: ID!) { node(id: $id) { id } }", id=made["id"])["node"] is None
    with nothing_happens(shop):
        for mutation in (UPDATE, DEACTIVATE):
            payload = next(iter(stranger.ask(mutation, input={"paymentLinkId": made["id"]}).values()))
            assert codes(payload) == ["NOT_FOUND"]
    assert shop.ask(LINKS)["paymentLinks"]["nodes"] == [{"id": made["id"], "status": "ACTIVE"}]


@pytest.mark.parametrize("field", ["expiresAt", "dueAt"])
@pytest.mark.parametrize("days", [-1, 5 * 366 + 1])
def test_a_link_is_not_moved_out_of_the_time_that_it_may_live(shop: Shop, field: str, days: int) -> None:
    made, wrong = link(shop), (clock.now() + timedelta(days=days)).isoformat()
    with nothing_happens(shop):
        refused = shop.ask(UPDATE, input={"paymentLinkId": made["id"], field: wrong})["paymentLinkUpdate"]
        assert told(refused) == [("INVALID", field)]


ITEM = {"name": "Tea", "unitAmount": {"amountMinor": 100, "currency": "EUR"}}
BAD: dict[str, tuple[dict[str, Any], list[tuple[str, str | None]]]] = {
    "nothing to pay": ({"amount": None}, [("REQUIRED", "amount")]),
    "two things to pay": ({"items": [ITEM]}, [("REQUIRED", "amount")]),
    "no purpose": ({"purpose": " "}, [("REQUIRED", "purpose")]),
    "a long purpose": ({"purpose": "x" * 201}, [("TOO_LONG", "purpose")]),
    "a line in the purpose": ({"purpose": "a\nBcc: x"}, [("INVALID", "purpose")]),
    "a card in the purpose": ({"purpose": "4242424242424242"}, [("CARD_NUMBER", "purpose")]),
    "zero": ({"amount": {"amountMinor": 0, "currency": "EUR"}}, [("INVALID_AMOUNT", "amount.amountMinor")]),
    "another currency": ({"currency": "USD"}, [("CURRENCY_MISMATCH", "amount.currency")]),
    "no currency": ({"currency": "XXX"}, [("UNKNOWN_CURRENCY", "currency")]),
    "no address": ({"customer": {"email": "x\r\nBcc: y@z.example"}}, [("INVALID_EMAIL", "customer.email")]),
    "the past": ({"expiresAt": "2020-01-01T00:00:00Z"}, [("INVALID", "expiresAt")]),
    "far away": ({"dueAt": "2099-01-01T00:00:00Z"}, [("INVALID", "dueAt")]),
    "reminders of nothing": ({"reminders": [1]}, [("REQUIRED", "reminders")]),
    "six reminders": (
        {"reminders": [1, 2, 3, 4, 5, 6], "dueAt": "2028-01-01T00:00:00Z", "customer": {"email": "a@example.com"}},
        [("INVALID", "reminders")],
    ),
    "parts of many": ({"inParts": True, "reusable": True}, [("INVALID", "inParts")]),
    "bounds that cross": ({"amount": None, "choice": {"least": 99, "most": 98}}, [("INVALID_AMOUNT", "choice.least")]),
    "a preset outside": (
        {"amount": None, "choice": {"least": 200, "most": 900, "presets": [100]}},
        [("INVALID_AMOUNT", "choice.presets")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_link_that_makes_no_sense_is_refused(shop: Shop, case: str) -> None:
    more, expected = BAD[case]
    base = {"idempotencyKey": "k", "purpose": "p", "currency": "EUR", "amount": euros(4200)}
    brief = (
        "mutation ($input: PaymentLinkCreateInput!) { paymentLinkCreate(input: $input) { userErrors { code path } } }"
    )
    with nothing_happens(shop):
        assert outcome(shop.post(brief, {"input": base | more})) == expected


def test_hostile_texts_are_shown_as_texts(town: Town, shop: Shop, payer: httpx.Client) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    made = link(shop, purpose=evil, customer={"email": "a@example.com", "name": evil}, reference="</dd><b>x")
    for address in (made["url"], made["invoiceUrl"]):
        page = payer.get(address)
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "</dd><b>" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_button_may_be_loaded_by_any_page(town: Town, payer: httpx.Client) -> None:
    script = payer.get(f"{town.base_url}/embed.js")
    assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("cookie", ["", "x", "0" * 31, "0" * 33, "%00", "\u00e9"])
def test_an_odd_cookie_is_a_new_visit(shop: Shop, payer: httpx.Client, cookie: str) -> None:
    made = link(shop, reusable=True)
    headers = {"Cookie": f"visit-{cookie}=1; visit={cookie}".encode()}
    answer = payer.post(made["url"], data={"visit": cookie, "amount": "x" * 40}, headers=headers)
    assert answer.status_code == 303
    assert re.search(r"visit-[0-9a-f]{32}=", answer.headers["set-cookie"])


SEND = f"""mutation ($input: PaymentLinkSendInput!) {{
  paymentLinkSend(input: $input) {{ mail {{ id kind recipient status }} paymentLink {{ id }} {ERRORS} }} }}"""
MAILS = "query { mails(first: 50) { nodes { id kind recipient status } } }"


def sent(shop: Shop, link: Any, key: str) -> Any:
    return shop.ask(SEND, input={"paymentLinkId": link["id"], "idempotencyKey": key})["paymentLinkSend"]


def kinds(shop: Shop) -> list[str]:
    return [mail["kind"] for mail in shop.ask(MAILS)["mails"]["nodes"]]


def test_a_link_is_mailed_when_it_is_made_and_again_when_it_is_asked_for(
    town: Town, shop: Shop, payer: httpx.Client
) -> None:
    to = f"{uuid4().hex}@payer.example"
    made = link(shop, customer={"email": to, "name": "Ada"}, send=True)
    address = re.findall(r"http://\S+/l/[0-9a-z]+", letter(town, to))[0]
    assert address == made["url"]
    again = sent(shop, made, "again")
    assert (codes(again), again["mail"]["kind"], again["mail"]["recipient"]) == ([], "LINK", to)
    assert sent(shop, made, "again")["mail"]["id"] == again["mail"]["id"]
    letter(town, to, 2)
    assert kinds(shop) == ["LINK", "LINK"]
    pay_at(town, go(payer, {"url": address}).headers["location"])
    paid(shop, made)
    assert codes(sent(shop, made, "late")) == ["LINK_USED_UP"]


def test_a_link_for_nobody_or_of_another_merchant_is_not_mailed(town: Town, shop: Shop) -> None:
    made = link(shop)
    with nothing_happens(shop):
        assert codes(sent(shop, made, "k")) == ["REQUIRED"]
        assert codes(sent(town.merchant(), made, "k")) == ["NOT_FOUND"]
    named = link(shop, customer={"email": "a@example.com"})
    shop.ask(DEACTIVATE, input={"paymentLinkId": named["id"]})
    assert codes(sent(shop, named, "k")) == ["LINK_INACTIVE"]


def test_customers_are_reminded_while_it_is_not_paid(town: Town, shop: Shop, payer: httpx.Client) -> None:
    to, due = f"{uuid4().hex}@payer.example", clock.now() + timedelta(days=10)
    wanted = {"customer": {"email": to}, "dueAt": due.isoformat(), "reminders": [3, 0, -7]}
    made, other = link(shop, **wanted), link(shop, **wanted)
    assert made["remindAt"][:16] == (due - timedelta(days=3)).isoformat()[:16]

    def pass_time(days: float) -> None:
        """As if all that is planned for the link were so much nearer."""
        row = town.call(reading.fetch_one("SELECT due_at, remind_at FROM payment_links WHERE id = $1", made["id"]))
        assert row is not None
        nearer = [decode_time(row[name]) - timedelta(days=days) for name in ("due_at", "remind_at")]
        statement = "UPDATE payment_links SET due_at = $2, remind_at = $3 WHERE id = $1"
        town.call(reading.execute(statement, made["id"], *nearer))

    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    pass_time(7)
    assert made["url"] in letter(town, to)
    eventually(lambda: known(shop, made)["remindAt"], lambda time: time > tomorrow)
    pass_time(3.01)
    letter(town, to, 2)
    eventually(lambda: known(shop, made)["remindAt"], lambda time: time > tomorrow)
    pay_at(town, go(payer, made).headers["location"])
    paid(shop, made)
    pass_time(7.01)
    eventually(lambda: known(shop, made)["remindAt"], lambda time: time is None)
    assert sorted(kind for kind in kinds(shop) if kind == "REMINDER") == ["REMINDER"] * 2
    assert known(shop, other)["remindAt"] == other["remindAt"]


@given(days=st.lists(st.integers(-60, 60), max_size=5), hours=st.integers(0, 8760))
def test_reminders_come_one_after_the_other_and_end(days: list[int], hours: int) -> None:
    after, told = datetime(2025, 1, 1, tzinfo=UTC), []
    due = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    while (time := next_reminder(due, days, after)) is not None:
        told.append(time)
        after = time
    assert told == sorted({due - timedelta(days=before) for before in days})


def test_a_payment_that_takes_its_time_is_waited_for(town: Town, shop: Shop, payer: httpx.Client) -> None:
    to = f"{uuid4().hex}@payer.example"
    due = (clock.now() + timedelta(days=1)).isoformat()
    made = link(shop, customer={"email": to}, dueAt=due, reminders=[0])
    address = go(payer, made).headers["location"]
    town.sandbox("POST", f"/sessions/{token_at(address)}/pay", method="sepa_debit")
    eventually(lambda: "A payment is on its way" in payer.get(made["url"]).text)
    assert "<form" not in payer.get(made["url"]).text
    past = clock.now() - timedelta(seconds=1)
    town.call(reading.execute("UPDATE payment_links SET remind_at = $2 WHERE id = $1", made["id"], past))
    eventually(lambda: known(shop, made)["remindAt"], lambda time: time is None or time > past.isoformat())
    assert "REMINDER" not in kinds(shop)


def test_a_link_that_is_deactivated_while_it_is_clicked_takes_no_money(town: Town, shop: Shop) -> None:
    links = [link(shop) for _ in range(8)]

    def click(made: Any) -> int:
        return httpx.post(made["url"], data={"visit": "0" * 32}, timeout=30).status_code

    with ThreadPoolExecutor(16) as pool:
        clicks = [pool.submit(click, made) for made in links]
        ends = [pool.submit(shop.ask, DEACTIVATE, input={"paymentLinkId": made["id"]}) for made in links]
        assert {each.result() for each in clicks} <= {303, 409, 410}
        assert [codes(each.result()["paymentLinkDeactivate"]) for each in ends] == [[]] * 8
    for made in links:
        eventually(lambda made=made: pages_of(shop, made), lambda found: set(found) <= {"EXPIRED"})
