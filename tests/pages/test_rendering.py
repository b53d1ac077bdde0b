"""What the pages are made of: words for every state, locales, static files."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.refusals import Fault, Refusal
from domain.returning.shown import RefundCause, Returned, Shown, State
from kit.locales import moment
from pages import locales, wording
from pages.assets import STATIC, asset
from tests.town import Town

SHOWN = Shown(
    state=State.PAID,
    settled=True,
    version=1,
    livemode=False,
    merchant_id="mer_1",
    merchant_name="Shop",
    order_id="ord_1",
    reference=None,
    amount_minor=100,
    total_minor=100,
    currency="EUR",
    items=[],
    method=None,
    paid_at=None,
    returned=None,
    decline=None,
    checkout_url=None,
    psp_url=None,
    may_start_again=False,
    underway=False,
)
WITHOUT_MONEY = {State.OPEN, State.DECLINED, State.FAILED, State.EXPIRED, State.CANCELED, State.ORDER_CANCELED}
DO_NOT_PAY_AGAIN = {State.PROCESSING, State.UNKNOWN, State.REVIEW}


@pytest.mark.parametrize("state", State)
def test_every_state_has_words_and_only_paid_says_paid(state: State) -> None:
    found = wording.words(replace(SHOWN, state=state))
    assert found.title
    assert ("paid" in found.title.lower()) is (state in {State.PAID, State.PAID_OTHERWISE, State.OPEN})
    assert re.search("(Nothing|No money) has been taken", found.text) or state not in WITHOUT_MONEY
    assert ("do not pay again" in found.text) is (state in DO_NOT_PAY_AGAIN)


@pytest.mark.parametrize("cause", RefundCause)
def test_a_refund_says_why(cause: RefundCause) -> None:
    going = replace(SHOWN, state=State.REFUNDED, returned=Returned(100, cause, done=False))
    assert wording.words(going).title == "Your money is on its way back"
    gone = replace(SHOWN, state=State.REFUNDED, returned=Returned(100, cause, done=True))
    assert wording.words(gone).title == "Your money has been given back"
    assert wording.words(going).text.split(". ")[0] == wording.words(gone).text.split(". ")[0] != ""


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ({"kind": "CARD", "type": "card", "brand": "visa", "last4": "4242"}, "Visa ending in 4242"),
        ({"kind": "CARD", "type": "card", "brand": "amex", "last4": "8431"}, "American Express ending in 8431"),
        ({"kind": "APM", "type": "sepa_debit", "brand": None, "last4": "3201"}, "SEPA direct debit ending in 3201"),
        ({"kind": "APM", "type": "ideal", "brand": None, "last4": None}, "iDEAL"),
        ({"kind": "APM", "type": "some_new_way", "brand": None, "last4": None}, "Some New Way"),
        (None, None),
    ],
)
def test_methods_have_names(method: dict[str, str] | None, text: str | None) -> None:
    assert wording.method(replace(SHOWN, method=method)) == text


def test_a_refusal_that_nobody_foresaw_has_words_too() -> None:
    assert wording.refusal(Refusal(Fault("SOMETHING_NEW", "internal"))) == "This purchase is not possible."


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "de_AT"),
        ("en;q=0.5,fr-CA", "fr_CA"),
        ("fr;q=0,es;q=0.1", "es"),
        ("zh-Hant-TW", "zh_Hant_TW"),
        ("de-ZZ", "de"),
        ("de-LI", "de"),
        ("en-CHOPPED-0123456789", "en"),
        ("tlh,*", "en"),
        ("*;q=x,,;;==,\x7f", "en"),
        ("pt-BR;q=nan,it", "it"),
        ("ar", "ar"),
        (",".join(["xx"] * 1000) + ",de", "en"),
        ("de" * 5000, "en"),
    ],
)
def test_a_locale_is_found_or_it_is_english(accepted: str, locale: str) -> None:
    assert locales.negotiate(accepted) == locale
    assert moment(datetime(2026, 3, 4, 5, 6, tzinfo=UTC), locale).endswith(" UTC")


def test_files_asked_for_by_their_hash_are_kept_for_good(town: Town) -> None:
    for name, kind in (("pages.css", "text/css"), ("return.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        assert re.fullmatch(rf"/static/{name}\?v=[0-9a-f]{{12}}", asset(name))
        hashed = town.http.get(town.base_url + asset(name))
        assert hashed.status_code == 200
        assert hashed.headers["content-type"] == f"{kind}; charset=utf-8"
        assert hashed.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert hashed.headers["x-content-type-options"] == "nosniff"
        for address in (f"/static/{name}", f"/static/{name}?v=other"):
            plain = town.http.get(town.base_url + address)
            assert plain.headers["cache-control"] == "no-cache"
            same = town.http.get(town.base_url + address, headers={"If-None-Match": plain.headers["etag"]})
            assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/static", "/static/", "/static/../render.py", "/static/%2e%2e/render.py", "/static/%00"]
)
def test_nothing_else_is_served(town: Town, path: str) -> None:
    assert town.http.get(town.base_url + path, follow_redirects=True).status_code == 404


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline() -> None:
    for file in (*STATIC.glob("*.*"), *(STATIC.parent / "templates").iterdir()):
        text = file.read_text()
        found = re.findall(r"https?://[^\"'\s)]+", text)
        assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name
        assert "style=" not in text, file.name
        assert not re.search(r"<style|<script>|\bon\w+=\"|\| *safe|javascript:", text), file.name
