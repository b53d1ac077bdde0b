"""A subscription's page asks the PSP itself, follows what becomes of it, and never hangs on the PSP."""

import html
import re
import time
from typing import Any

import pytest

from tests import subscribing
from tests.pages.conftest import messages, words
from tests.town import Shop, Town, eventually

LIVE = re.compile(r'data-live="([^"]+)"')
RELOADS = '<noscript><meta http-equiv="refresh" content="15"></noscript>'


def live_url(town: Town, shown: str) -> str:
    found = LIVE.search(shown)
    assert found
    return town.base_url + html.unescape(found[1])


def test_who_comes_from_paying_finds_it_running_though_no_webhook_has_come(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="hold", types=["*"])
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    shop.pay(begun)
    shown = eventually(lambda: town.http.get(begun["pageUrl"]), lambda page: "Your subscription runs" in words(page))
    assert "Continue to payment" not in words(shown)
    assert not LIVE.search(shown.text)
    assert "http-equiv" not in shown.text
    told = subscribing.timeline(shop, begun["id"])
    assert [e["cause"]["kind"] for e in told if e["type"] == "subscription.active"] == ["RETURN_PAGE"]
    town.sandbox("POST", "/webhooks/release")


def test_a_page_that_is_open_turns_to_running(town: Town, shop: Shop) -> None:
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    shown = town.http.get(begun["pageUrl"]).text
    assert RELOADS in shown
    with town.http.stream("GET", live_url(town, shown)) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = response.iter_lines()
        assert next(lines) == "retry: 2000"
        shop.pay(begun)
        last_id, told = list(messages(lines))[-1]  # and so it has ended
    assert (told["state"], told["settled"], told["title"]) == ("active", True, "Your subscription runs")
    assert "<script" not in told["html"]
    subscribing.settled(shop, begun["id"], "ACTIVE")
    version = subscribing.find(shop, begun["id"])["version"]
    again = town.http.get(live_url(town, shown), headers={"Last-Event-ID": str(version)})
    assert int(last_id) <= version
    assert (again.status_code, again.text) == (204, "")


def test_what_is_owed_is_followed_until_it_is_paid(town: Town, shop: Shop) -> None:
    active = subscribing.subscribe(shop, subscribing.plan(shop)["id"])
    subscribing.decline(shop, active, "insufficient_funds")
    subscribing.advance(shop, active, renew=True)
    owed = subscribing.settled(shop, active["id"], "PAST_DUE")["invoices"][-1]
    shown = town.http.get(active["pageUrl"]).text
    assert owed["paymentUrl"] in html.unescape(shown)
    with town.http.stream("GET", live_url(town, shown)) as response:
        subscribing.decline(shop, active, None)
        subscribing.advance(shop, active, days=8)
        _, told = list(messages(response.iter_lines()))[-1]
    assert (told["state"], told["settled"]) == ("active", True)
    assert "Pay now" not in told["html"]


@pytest.mark.parametrize("fault", [{"kind": "hang", "seconds": 8}, {"kind": "status", "status": 503}])
def test_a_psp_that_is_silent_or_refuses_leaves_what_is_known(town: Town, shop: Shop, fault: dict[str, Any]) -> None:
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    town.sandbox("POST", "/faults", path="/v1/checkout/sessions/*", next=None, **fault)
    started = time.monotonic()
    shown = town.http.get(begun["pageUrl"])
    assert time.monotonic() - started < 7.5
    assert (shown.status_code, begun["checkoutUrl"] in html.unescape(shown.text)) == (200, True)


def test_nobody_follows_without_the_address(town: Town, shop: Shop) -> None:
    begun = subscribing.start(shop, subscribing.plan(shop)["id"])
    where, _, _ = begun["pageUrl"].rpartition("/")
    assert town.http.get(f"{where}/{'0' * 32}/live").status_code == 404
