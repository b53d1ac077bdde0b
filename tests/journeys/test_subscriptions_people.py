"""what a subscription's customer is written, and sees: mails, the page of it, invoices to print, another card"""

import re
import secrets
from typing import Any

import pytest

from tests import subscribing
from tests.journeys.test_mail import address, caught_up, contacted
from tests.subscribing import advance, settled
from tests.town import Shop, Town, eventually

CARD = re.compile(r'action="([^"]+/method)"')


def subjects(town: Town, email: str) -> list[str]:
    return [str(letter.message["Subject"]) for letter in town.post_office.letters(email)]


def test_renewals_bring_receipts_and_what_fails_or_ends_is_told_with_the_way_on(town: Town, shop: Shop) -> None:
    payer, owner = address(), contacted(shop)
    plan = subscribing.plan(shop, 1900)
    active = subscribing.subscribe(shop, plan["id"], payer)
    subscribing.decline(shop, active, "insufficient_funds")
    advance(shop, active, renew=True)
    late = settled(shop, active["id"], "PAST_DUE")
    advance(shop, active, days=40)
    settled(shop, active["id"], "CANCELED")
    caught_up(shop)
    told = subjects(town, payer)
    tries = subscribing.find(shop, active["id"])["invoices"][-1]["attemptCount"]
    assert told[0] == "Receipt from Test Shop"
    assert told[1:-1] == ["Your payment to Test Shop did not go through"] * tries
    assert told[-1] == "Your subscription at Test Shop has ended"
    assert subjects(town, owner) == ["Paid: €19.00"]
    failed = town.post_office.letters(payer)[1].message.get_body(("plain",)).get_content()
    for word in ("All courses", "€19.00", "Next try", late["invoices"][-1]["number"], active["pageUrl"]):
        assert word in failed
    bodies = [letter.message.get_body(("plain",)).get_content() for letter in town.post_office.letters(payer)[1:-1]]
    assert ["It is tried again by itself" in body for body in bodies] == [True] * (tries - 1) + [False]
    assert "it is not tried again" in bodies[-1]
    assert "Next try" not in bodies[-1]
    ended = subscribing.find(shop, active["id"])
    assert (ended["nextAction"], ended["nextAttemptAt"]) == (None, None)
    assert "Pay now" not in page(town, active["pageUrl"])


def test_a_trial_that_ends_soon_is_told_once(town: Town, shop: Shop) -> None:
    payer = address()
    plan = subscribing.plan(shop, 1900, trialDays=10)
    trial = subscribing.subscribe(shop, plan["id"], payer)
    advance(shop, trial, days=8)
    eventually(lambda: "subscription.trial_ending" in subscribing.types(shop, trial["id"]))
    subscribing.sweep(shop, trial)
    caught_up(shop)
    assert subjects(town, payer) == ["Your trial at Test Shop ends soon"]


def test_a_failed_first_payment_on_the_page_is_told_there_and_by_no_mail(town: Town, shop: Shop) -> None:
    payer = address()
    begun = subscribing.start(shop, subscribing.plan(shop)["id"], payer)
    shop.pay(begun, card="4000000000000002")
    town.settle()
    caught_up(shop)
    assert subscribing.find(shop, begun["id"])["status"] == "INCOMPLETE"
    assert subjects(town, payer) == []


def page(town: Town, url: str, status: int = 200) -> str:
    answer = town.http.get(url)
    assert answer.status_code == status
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r'(src|href)="https?://(?!127\.0\.0\.1)', answer.text)
    return answer.text


def test_the_page_tells_how_it_stands_and_leads_to_another_card(town: Town, shop: Shop) -> None:
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    assert begun["checkoutUrl"] in page(town, begun["pageUrl"])
    shop.pay(begun)
    active = settled(shop, begun["id"], "ACTIVE")
    shown = page(town, active["pageUrl"])
    assert "Your subscription runs" in shown
    assert "€19.00" in shown
    form = CARD.search(shown)
    assert form
    led = town.http.post(town.base_url + form[1], follow_redirects=False)
    assert led.status_code == 303
    assert led.headers["location"].startswith(town.sandbox_url)
    subscribing.done(shop, "subscriptionCancel", subscriptionId=active["id"], when="NOW")
    ended = page(town, active["pageUrl"])
    assert "Your subscription has ended" in ended
    assert not CARD.search(ended)
    assert town.http.post(town.base_url + form[1], follow_redirects=False).status_code == 409


def test_an_invoice_can_be_printed(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    shown = page(town, active["invoices"][0]["pageUrl"])
    for word in ("Invoice", active["invoices"][0]["number"], "ada@example.com", "€19.00", "Paid", "Test mode"):
        assert word in shown


def test_the_invoice_of_a_credit_and_the_one_that_it_pays_say_what_became_of_it(town: Town, shop: Shop) -> None:
    large, small = subscribing.plan(shop, 9000), subscribing.plan(shop, 1000)
    active = subscribing.subscribe(shop, large["id"])
    subscribing.done(shop, "subscriptionChange", subscriptionId=active["id"], planId=small["id"])
    credit = settled(shop, active["id"], "ACTIVE")["invoices"][-1]
    assert credit["total"]["amountMinor"] < 0
    shown = page(town, credit["pageUrl"])
    assert "This is a credit of" in shown
    assert "Thank you" not in shown
    advance(shop, active, renew=True)
    eventually(lambda: len(subscribing.find(shop, active["id"])["invoices"]) == 3)
    covered = settled(shop, active["id"], "ACTIVE")["invoices"][-1]
    assert (covered["status"], covered["amountDue"]["amountMinor"]) == ("PAID", 0)
    shown = page(town, covered["pageUrl"])
    assert "Your credit has paid this." in shown
    assert "Thank you" not in shown


@pytest.mark.parametrize("kind", ["subscriptions", "invoices"])
def test_whoever_does_not_know_the_address_sees_nothing(town: Town, shop: Shop, kind: str) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    known: dict[str, Any] = {"subscriptions": active["pageUrl"], "invoices": active["invoices"][0]["pageUrl"]}
    where, _, token = known[kind].rpartition("/")
    for guess in (secrets.token_hex(8), token[:-1], token.upper(), "%F0%9F%92%B8"):
        page(town, f"{where}/{guess}", 404)
    page(town, f"{town.base_url}/{kind}/x/{token}", 404)
