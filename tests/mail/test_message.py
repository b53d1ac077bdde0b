"""What a mail says and how: every kind in every language, and nothing that a text holds gets out of its place."""

import string
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.mails.outbox import Outgoing
from mail import letter
from mail.message import compose
from mail.wording import LANGUAGES
from models import MailKind, MailStatus

FROM = "pay@pay.example"
FACTS: dict[str, Any] = {
    "name": "Ada",
    "email": "ada@example.com",
    "reference": "R-17",
    "order_id": "ord_1",
    "amount_minor": 123456,
    "currency": "EUR",
    "card": "visa 4242",
    "items": [["Cup", 2, 3600], ["Pot", 1, 119856]],
    "purpose": "Invoice 17",
    "url": "https://pay.example/l/x?a=1&b=2",
    "reason": "product_not_received",
    "conflict": "amount: the PSP says 4199",
    "due_by": "2026-02-10T10:00:00+00:00",
    "expires_at": "2026-02-10T10:00:00+00:00",
}
MAIL = Outgoing(
    id="mail_01h455vb4pex5vsknk084sn02q",
    kind=MailKind.RECEIPT,
    recipient="ada@example.com",
    locale="en",
    facts=FACTS,
    merchant_name="Kiln & Kettle",
    reply_to="owner@example.com",
    livemode=True,
    status=MailStatus.QUEUED,
    attempts=1,
    error=None,
    created_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
)
HEADERS = [
    *("Date", "From", "To", "Reply-To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
    "Content-Language",
]
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "table", "tr", "td", "h1", "p", "a", "div", "bdi"),
}


class Tags(HTMLParser):
    """The tags of a page, and the addresses in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "background"}]


def received(mail: Outgoing) -> EmailMessage:
    """The mail as its reader's program takes it apart."""
    found = message_from_bytes(compose(mail, FROM).as_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def bodies(message: EmailMessage) -> tuple[str, str]:
    text, html = (part.get_content() for part in message.iter_parts())
    return text, html


@pytest.mark.parametrize("locale", ["en", "de_AT", "ar", "xx"])
@pytest.mark.parametrize("kind", MailKind)
def test_every_kind_has_words(kind: MailKind, locale: str) -> None:
    mail = replace(MAIL, kind=kind, locale="ja" if locale == "xx" else locale)
    message = received(mail)
    text, html = bodies(message)
    assert message["Content-Language"] == ("de" if locale == "de_AT" else "en")
    for said in (str(message["Subject"]), text, html):
        assert "{" not in said.replace("{ color", "").replace(" {", "")
    assert "R-17" in text
    assert "R-17" in html


def test_every_language_says_all_that_english_says() -> None:
    english = LANGUAGES["en"]
    assert set(english.usual) == set(MailKind)
    for language in LANGUAGES.values():
        assert language.usual.keys() == english.usual.keys()
        assert language.special.keys() == english.special.keys()
        assert language.labels.keys() == english.labels.keys()


def test_what_went_wrong_is_said_in_other_words() -> None:
    failed = replace(MAIL, kind=MailKind.REFUND, facts=FACTS | {"outcome": "failed"})
    assert "did not go through" in str(received(failed)["Subject"])
    asked = replace(MAIL, kind=MailKind.DISPUTE_OPENED, facts=FACTS | {"outcome": "warning_needs_response"})
    assert str(received(asked)["Subject"]) == "Inquiry about €1,234.56"


def test_an_open_amount_is_not_shown() -> None:
    facts = {name: value for name, value in FACTS.items() if name not in {"amount_minor", "items"}}
    text, html = bodies(received(replace(MAIL, kind=MailKind.LINK, facts=facts)))
    assert "€" not in text + html
    assert FACTS["url"] in text
    assert Tags(html).links == [FACTS["url"]]


def test_the_same_mail_is_the_same_message() -> None:
    assert compose(MAIL, FROM).as_bytes() == compose(MAIL, FROM).as_bytes()


def test_addresses_of_all_the_world_can_be_written_to() -> None:
    assert received(replace(MAIL, recipient="ada@bücher.example"))["To"].addresses[0].domain == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "", "https", " https://x", "https://x\r\ny"]
)
def test_only_web_addresses_become_links(url: str) -> None:
    _, html = bodies(received(replace(MAIL, kind=MailKind.LINK, facts=FACTS | {"url": url})))
    assert Tags(html).links == []


def test_a_name_from_right_to_left_turns_nothing_around_it() -> None:
    text, html = bodies(received(replace(MAIL, merchant_name="חנות הקפה")))
    assert "\u2068חנות הקפה\u2069 has received your payment." in text
    assert "<bdi>חנות הקפה</bdi>" in html


TRICKS = [
    "\r\nBcc: eve@evil.example",
    "\r\n\r\n<script>alert(1)</script>",
    "=?utf-8?q?=0D=0ABcc:_e@evil.example?=",
    "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
    "<img src=x onerror=alert(1)>",
    "</td><a href=//evil.example>",
    '" <eve@evil.example>, "',
    "{{ 7*7 }}",
    "{merchant.__class__}",
    "%s%n",
    "&lt;b&gt;",
    "--=_mail_01h455vb4pex5vsknk084sn02q--",
    "\ud800",
    "שלום",
    "﷽" * 99,
]
HOSTILE = st.one_of(
    st.text(max_size=400),
    st.text(st.sampled_from(string.printable + "\0\u2028\u202eאب"), max_size=400),
    st.lists(st.sampled_from(TRICKS), max_size=4).map("".join),
)


@settings(deadline=None)
@example(text="a" * 5000)
@example(text="0" * 54 + ';""""')
@example(text="0" * 56 + '""""')
@example(text="ünïcödé, " * 500)
@given(text=HOSTILE)
def test_a_text_stays_in_its_place(text: str) -> None:
    for kind in (MailKind.LINK, MailKind.RECEIPT, MailKind.PAYMENT_CONFLICTED):
        facts = FACTS | dict.fromkeys(("name", "reference", "purpose", "card", "reason", "conflict"), text)
        mail = replace(MAIL, kind=kind, merchant_name=text, facts=facts | {"items": [[text, 2, 100]]})
        data = compose(mail, FROM).as_bytes()
        message = received(mail)
        assert list(message) == HEADERS
        assert [address.addr_spec for address in message["From"].addresses] == [FROM]
        assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.com"]
        assert squeezed(message["From"].addresses[0].display_name) == squeezed(
            f"{letter.one_line(text, 60)} via Paygraph"
        )
        assert squeezed(str(message["Subject"])) == squeezed(letter.write(mail).subject)
        assert message.defects == []
        assert len(list(message.iter_parts())) == 2
        assert not set(data.replace(b"\r\n", b"")) & set(b"\r\n"), "a server might take a bare one for the end"
        assert max(map(len, data.split(b"\r\n"))) <= 998
        _, html = bodies(message)
        tags = Tags(html)
        assert set(tags.names) <= TAGS
        assert set(tags.links) <= {FACTS["url"]}
        assert not any(name.startswith("on") for name in tags.attributes)


def squeezed(text: str) -> str:
    """Without blanks: the standard library folds long encoded names at them, and then counts them differently."""
    return "".join(text.split())


@settings(deadline=None)
@given(text=HOSTILE)
def test_a_line_is_one_line(text: str) -> None:
    line = letter.one_line(text, 60)
    assert len(line) <= 60
    assert line == line.strip()
    assert all(c.isprintable() or c in "\u200c\u200d" for c in line)
    assert "=?" not in line
