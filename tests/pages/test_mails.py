"""The mails of the demo merchant: kept where no server is set, and shown on the machine itself alone."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest

from domain.mails import links
from domain.mails.links import Link
from kit import clock
from kit.database.unit import Unit, unit_of_work
from models import MailStatus
from pages.mails import STATUSES
from tests.pages.conftest import LOCAL, DemoShop, serving, words
from tests.town import Town, eventually, free_port

LINK = Link(
    recipient="ada@payer.example",
    name="Ada",
    purpose="Invoice 17",
    amount_minor=4200,
    currency="EUR",
    url="https://pay.example/l/x",
    expires_at=None,
    locale="de",
)


def owed(town: Town, merchant_id: str, link: Link = LINK) -> str:
    """The id of a mail that the merchant owes."""

    async def owe(unit: Unit) -> str | None:
        now = clock.now()
        return await links.send_link(unit, merchant_id, link, cause=f"test:{now.timestamp()}", now=now)

    mail_id = town.call(unit_of_work(owe))
    assert mail_id is not None
    return mail_id


def test_a_mail_is_listed_and_shown(town: Town, demo_shop: DemoShop) -> None:
    mail_id = owed(town, demo_shop.facts["merchantId"])
    listed = demo_shop.http.get(f"{demo_shop.url}/mails")
    assert listed.status_code == 200
    assert f'href="/mails/{mail_id}"' in listed.text
    assert "Zahlungsanfrage von Kiln & Kettle to ada@payer.example" in words(listed)
    shown = eventually(
        lambda: demo_shop.http.get(f"{demo_shop.url}/mails/{mail_id}"), lambda page: "sent" in words(page)
    )
    assert "Kiln & Kettle via Paygraph <pay@town.example>" in words(shown)
    assert "https://pay.example/l/x" in words(shown)
    (frame,) = re.findall(r"<iframe [^>]*>", shown.text)
    assert f'src="/mails/{mail_id}/html"' in frame
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    assert "frame-src 'self'" in shown.headers["content-security-policy"]
    assert "script" not in shown.text.replace("text/javascript", "")

    letter = demo_shop.http.get(f"{demo_shop.url}/mails/{mail_id}/html")
    assert "Guten Tag Ada," in letter.text
    policy = letter.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups")
    assert "allow-scripts" not in policy + frame
    assert "allow-same-origin" not in policy + frame
    assert letter.headers["x-frame-options"] == "SAMEORIGIN"


def test_texts_of_strangers_are_texts(town: Town, demo_shop: DemoShop) -> None:
    hostile = '<script>alert(1)</script>"><img src=x>'
    mail_id = owed(town, demo_shop.facts["merchantId"], replace(LINK, purpose=hostile, name=hostile))
    for path in ("/mails", f"/mails/{mail_id}", f"/mails/{mail_id}/html"):
        page = demo_shop.http.get(f"{demo_shop.url}{path}").text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert hostile in html.unescape(demo_shop.http.get(f"{demo_shop.url}/mails/{mail_id}/html").text)


@pytest.mark.parametrize("headers", [{"Host": "shop.example"}, {"X-Forwarded-For": "192.0.2.1"}, {"Via": "1.1 tunnel"}])
def test_the_world_sees_no_mail(town: Town, demo_shop: DemoShop, headers: dict[str, str]) -> None:
    mail_id = owed(town, demo_shop.facts["merchantId"])
    for path in ("/mails", f"/mails/{mail_id}", f"/mails/{mail_id}/html"):
        response = demo_shop.http.get(f"{demo_shop.url}{path}", headers=headers)
        assert response.status_code == 404
        assert "ada@payer.example" not in response.text
    assert "/mails" not in demo_shop.start(**headers)
    assert 'href="/mails"' in demo_shop.start()


def test_in_production_there_is_no_such_page(town: Town) -> None:
    mail_id = owed(town, town.merchant().merchant_id)
    for path in ("/mails", f"/mails/{mail_id}", f"/mails/{mail_id}/html"):
        assert town.http.get(f"{town.base_url}{path}").status_code == 404


def test_anothers_mail_and_what_is_none_is_not_found(town: Town, demo_shop: DemoShop) -> None:
    anothers = owed(town, town.merchant().merchant_id)
    for mail_id in (anothers, "mail_nope", "%00", "x" * 3000):
        for path in (f"/mails/{mail_id}", f"/mails/{mail_id}/html"):
            assert demo_shop.http.get(f"{demo_shop.url}{path}").status_code == 404
    assert anothers not in demo_shop.http.get(f"{demo_shop.url}/mails").text


def test_before_the_first_mail_the_page_says_so(town: Town, demo_shop: DemoShop) -> None:
    url = f"{LOCAL}:{free_port()}"
    facts: dict[str, Any] = demo_shop.facts | {"merchantId": town.merchant().merchant_id, "baseUrl": url}
    with serving(town, url, facts):
        assert "There is none yet." in words(town.http.get(f"{url}/mails"))


def test_every_status_has_its_word() -> None:
    assert set(STATUSES) == set(MailStatus)
