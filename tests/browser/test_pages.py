"""open -> pay on the PSP's page -> back -> PAID without a reload; on a phone, by keyboard, by scan, on paper"""

import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import subscribing
from tests.browser.conftest import PHONE, watched
from tests.linking import euros, known, link, paid
from tests.pages.conftest import DemoShop
from tests.town import Shop, Town, eventually

Check = Callable[[Page], None]


def pay(page: Page, number: str = "4242424242424242") -> None:
    """Fills in the PSP's page, as a person does."""
    given = {"email": "ada@example.com", "number": number, "expiry": "12/50", "cvc": "123", "name": "Ada Lovelace"}
    for name, text in given.items():
        field = page.locator(f"input[name={name}]")
        if field.count() and not field.input_value():
            field.fill(text)
    page.locator("button.pay").click()


def test_a_newcomer_buys_a_demo_product(page: Page, demo_shop: DemoShop, accessible: Check) -> None:
    page.goto(demo_shop.url)
    accessible(page)
    page.get_by_role("button", name="Buy").first.click()
    page.wait_for_url("**/c/pay/**")
    pay(page)
    page.wait_for_url("**/return/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, it is paid")
    accessible(page)


def test_the_return_page_turns_paid_by_itself(town: Town, shop: Shop, page: Page) -> None:
    payment = shop.open_payment()
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    page.goto(f"{town.base_url}/return/{payment['id']}/{town.house.tokens.return_token(payment['id'])}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not paid yet")
    shop.pay(payment)
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, it is paid")
    assert len(loads) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_link_is_opened_from_its_mail_on_a_phone_and_paid(
    town: Town, shop: Shop, browser: Browser, accessible: Check, scheme: Any
) -> None:
    to = f"{uuid4().hex}@payer.example"
    made = link(shop, customer={"email": to, "name": "مؤسسة الشاي " * 8}, send=True)
    (letter,) = eventually(lambda: town.post_office.letters(to))
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    reader = context.new_page()
    reader.set_content(letter.message.get_body(("html",)).get_content())
    accessible(reader)
    with context.expect_page() as opened:
        reader.get_by_role("link", name="Pay now").click()
    page = opened.value
    page.wait_for_url(made["url"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Piano lessons")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the phone"
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/c/pay/**")
    pay(page)
    page.wait_for_url("**/return/**")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, it is paid")
    paid(shop, made)
    page.goto(made["url"])
    expect(page.get_by_role("heading", level=1)).to_have_text("This is paid")
    accessible(page)
    context.close()


def test_a_link_works_without_scripts(shop: Shop, browser: Browser) -> None:
    made = link(shop, choice={"least": 500, "most": 100000, "presets": [1000]}, reusable=True)
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(made["url"])
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/c/pay/**")
    assert [order["total"] for order in known(shop, made)["orders"]["nodes"]] == [euros(1000)]
    context.close()


def test_a_donor_types_an_amount_by_keyboard_alone(shop: Shop, page: Page, accessible: Check) -> None:
    made = link(
        shop, purpose="For the well", choice={"least": 500, "most": 100000, "presets": [1000, 2500]}, reusable=True
    )
    page.goto(made["url"])
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.get_by_label("€25.00").is_checked()
    page.keyboard.press("Tab")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Please give an amount from €5.00 to €1,000.00.")
    accessible(page)
    page.get_by_label("Another amount").fill("12.50")
    page.keyboard.press("Enter")
    page.wait_for_url("**/c/pay/**")
    pay(page)
    assert [order["total"] for order in paid(shop, made)] == [euros(1250)]


def read_code(picture: bytes) -> str:
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return str(found.text)


def pages_of(printed: bytes) -> int:
    assert printed.startswith(b"%PDF")
    return sum(printed.count(b"/Type /Page" + end) for end in (b"\n", b" ", b"/"))


def test_the_code_is_scanned_from_its_picture_and_from_paper(shop: Shop, page: Page, accessible: Check) -> None:
    items = [
        {"name": f"Crate {number}", "quantity": number, "unitAmount": euros(100 * number)} for number in range(1, 30)
    ]
    made = link(shop, items=items, reference="W-1", customer={"email": "w@example.com", "name": "Wholesale & Sons"})
    assert read_code(page.request.get(made["qrPngUrl"]).body()) == made["url"]
    page.goto(made["qrSvgUrl"])
    assert read_code(page.screenshot()) == made["url"]
    page.goto(made["invoiceUrl"])
    accessible(page)
    page.emulate_media(media="print")
    assert read_code(page.get_by_role("img").screenshot()) == made["url"]
    assert pages_of(page.pdf(format="A4")) <= 3


@pytest.mark.parametrize("amount", [False, True])
def test_the_button_works_on_another_origin_with_a_strict_policy(
    town: Town, shop: Shop, page: Page, elsewhere: Callable[[str, str], str], accessible: Check, amount: bool
) -> None:
    made = link(shop, purpose="For the well", choice={"least": 500, "most": 100000}, reusable=True)
    slug = made["url"].rpartition("/")[2]
    field = ' data-amount="12.50"' if amount else ""
    script = f'<script async src="{town.base_url}/embed.js" data-link="{slug}" data-label="Donate"{field}></script>'
    body = f"<!doctype html><html lang=en><title>A charity</title><main><h1>Help</h1>{script}</main>"
    page.goto(elsewhere(body, f"default-src 'none'; script-src {town.base_url}; form-action 'none'"))
    page.get_by_role("button" if amount else "link", name="Donate").click()
    page.wait_for_url(f"{made['url']}*")
    assert page.get_by_label("Your amount").input_value() == ("12.50" if amount else "")
    page.get_by_label("Your amount").fill("12.50")
    page.get_by_role("button", name="Pay").click()
    page.wait_for_url("**/c/pay/**")


def test_closed_and_unknown_links_are_kind(town: Town, shop: Shop, page: Page, accessible: Check) -> None:
    made = link(shop)
    shop.ask(
        "mutation ($id: ID!) { paymentLinkDeactivate(input: {paymentLinkId: $id}) { userErrors { code } } }",
        id=made["id"],
    )
    for address, title in (
        (made["url"], "This link is closed"),
        (f"{town.base_url}/l/nothing", "There is nothing here"),
    ):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        accessible(page)


def test_a_subscriber_who_has_paid_finds_it_running_where_it_was_left(shop: Shop, page: Page) -> None:
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    page.goto(begun["pageUrl"])
    expect(page.get_by_role("link", name="Continue to payment")).to_be_visible()
    shop.pay(begun)
    expect(page.get_by_role("heading", level=1)).to_have_text("Your subscription runs")
    expect(page.get_by_role("link", name="Continue to payment")).to_have_count(0)


LONG = "Ganzjahresabonnementmitpersönlicherbetreuung" * 4
RIGHT_TO_LEFT = "اشتراك سنوي في جميع الدورات مع التدريب والشهادة " * 4


@pytest.mark.parametrize("name", [LONG, RIGHT_TO_LEFT], ids=["long", "right-to-left"])
def test_an_invoice_with_a_long_name_fits_a_narrow_phone_and_small_paper_and_is_light_there(
    shop: Shop, browser: Browser, name: str
) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop, 98_765_432, name=name.strip()[:200])["id"])
    context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme="dark")
    page = watched(context)
    page.goto(active["invoices"][0]["pageUrl"])
    assert fits(page)
    table, card = page.locator("table").bounding_box(), page.locator("article").bounding_box()
    item = page.get_by_role("rowheader").first.bounding_box()
    assert table
    assert card
    assert item
    assert card["x"] < table["x"] < table["x"] + table["width"] < card["x"] + card["width"]
    assert item["width"] > 100
    page.emulate_media(media="print", color_scheme="dark")
    colors = "[document.body, document.querySelector('.card')].map(e => getComputedStyle(e).backgroundColor)"
    assert page.evaluate(colors) == ["rgb(255, 255, 255)", "rgb(255, 254, 251)"]
    assert pages_of(page.pdf(format="A6", print_background=True)) <= 3
    context.close()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_subscriber_sees_what_is_owed_pays_it_and_leaves_another_card(
    shop: Shop, browser: Browser, accessible: Check, scheme: Any
) -> None:
    plan = subscribing.plan(shop, name="All courses, with coaching and a certificate at the end of every term")
    active = subscribing.subscribe(shop, plan["id"])
    context = browser.new_context(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = watched(context)
    page.goto(active["pageUrl"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Your subscription runs")
    accessible(page)
    assert fits(page)
    subscribing.decline(shop, active, "insufficient_funds")
    subscribing.advance(shop, active, renew=True)
    subscribing.settled(shop, active["id"], "PAST_DUE")
    page.reload()
    expect(page.get_by_role("link", name="Pay now")).to_be_visible()
    accessible(page)
    assert fits(page)
    page.get_by_role("button", name="Use another card").click()
    page.wait_for_url("**/c/portal/**")
    page.goto(active["pageUrl"])
    subscribing.decline(shop, active, None)
    page.get_by_role("link", name="Pay now").click()
    page.wait_for_url("**/c/invoices/**")
    page.locator("button.pay").click()
    subscribing.settled(shop, active["id"], "ACTIVE")
    page.goto(active["pageUrl"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Your subscription runs")
    expect(page.get_by_role("link", name="Pay now")).to_have_count(0)
    context.close()


def test_a_subscriptions_invoice_is_read_on_a_phone_and_printed_on_one_page(
    shop: Shop, page: Page, accessible: Check
) -> None:
    plan = subscribing.plan(shop, 190000, name="All courses, with coaching and a certificate", setupFee=euros(250000))
    active = subscribing.subscribe(shop, plan["id"])
    (invoice,) = active["invoices"]
    page.goto(invoice["pageUrl"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Invoice")
    expect(page.get_by_text(invoice["number"])).to_be_visible()
    accessible(page)
    assert fits(page)
    item = page.get_by_role("rowheader").first.bounding_box()
    assert item
    assert item["width"] > PHONE["width"] / 2, "what was sold is not squeezed beside its period"
    page.emulate_media(media="print")
    assert pages_of(page.pdf(format="A4")) == 1
