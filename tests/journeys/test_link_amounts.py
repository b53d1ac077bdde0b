"""what a link asks for -> is what the PSP can charge: when it is made, and when a payer names the amount"""

import re
from typing import Any

import httpx
import pytest

from tests.linking import create, euros, go, known, link, paid, pay_at
from tests.town import Shop, Town, eventually
from tests.unchanged import nothing_happens, told


def plain(page: httpx.Response) -> str:
    """Its text, without tags."""
    return re.sub(r"<[^>]+>", "", page.text)


CHARGES = [
    ("EUR", 50, 999_999_999_999),  # by card; every other method takes less
    ("JPY", 50, 999_999_999_999),
    ("INR", 50, 999_999_999_999),
    ("HUF", 17_500, 999_999_999_999),
    ("KWD", 10, 999_999_999_990),
    ("ISK", 1, 9_999_999_999),
]


@pytest.mark.parametrize(("currency", "least", "most"), CHARGES)
def test_a_link_is_for_what_the_psp_can_charge_at_once(shop: Shop, currency: str, least: int, most: int) -> None:
    def wanted(amount_minor: int, **more: Any) -> list[tuple[str, str]]:
        amount = {"amountMinor": amount_minor, "currency": currency}
        return told(create(shop, currency=currency, **(more or {"amount": amount})))

    assert [wanted(least), wanted(most), wanted(0, choice={"least": least, "most": most})] == [[], [], []]
    with nothing_happens(shop):
        for wrong in {least - 1, most + 1} - {0}:
            assert wanted(wrong) == [("INVALID_AMOUNT", "amount.amountMinor")]
            item = {"name": "Tea", "unitAmount": {"amountMinor": wrong, "currency": currency}}
            assert wanted(0, items=[item]) == [("INVALID_AMOUNT", "items")]
        if least > 1:
            assert wanted(0, choice={"least": least - 1, "most": most}) == [("INVALID_AMOUNT", "choice.least")]
        assert wanted(0, choice={"least": least, "most": most + 1}) == [("INVALID_AMOUNT", "choice.most")]


def test_a_link_in_a_currency_that_the_psp_does_not_charge_is_refused(shop: Shop) -> None:
    with nothing_happens(shop):
        refused = create(shop, currency="IRR", amount={"amountMinor": 4200, "currency": "IRR"})
        assert told(refused) == [("UNKNOWN_CURRENCY", "currency")]
        assert told(create(shop, currency="IRR", choice={"least": 1, "most": 9})) == [("UNKNOWN_CURRENCY", "currency")]


def test_no_part_is_too_small_and_none_leaves_too_little(town: Town, shop: Shop, payer: httpx.Client) -> None:
    made = link(shop, amount=euros(200), inParts=True)
    for wrong in ("0.49", "1.51", "1.99"):
        answer = go(payer, made, amount=wrong)
        assert (answer.status_code, "from €0.50 to €1.50, or all of it." in plain(answer)) == (422, True), wrong
    assert known(shop, made)["orders"]["nodes"] == []
    pay_at(town, go(payer, made, amount="1.50").headers["location"])
    eventually(lambda: "€0.50" in payer.get(made["url"]).text)
    assert go(payer, made, amount="0.25").status_code == 422
    pay_at(town, go(payer, made, amount="0.50").headers["location"])
    (order,) = paid(shop, made)
    assert order["collected"] == euros(200)


def test_an_amount_that_is_named_is_in_steps_of_what_the_psp_charges(shop: Shop, payer: httpx.Client) -> None:
    made = link(shop, currency="KWD", choice={"least": 1000, "most": 9000}, reusable=True)
    answer = go(payer, made, amount="1.005")
    assert (answer.status_code, "in steps of KWD\u00a00.010." in plain(answer)) == (422, True)
    assert known(shop, made)["orders"]["nodes"] == []
    assert go(payer, made, amount="1.010").status_code == 303
