"""something happens to money -> a mail is owed -> the mail server takes it, once, or the merchant sees why not"""

import asyncio
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import contacts
from domain.disputes import respond
from domain.events import Cause, CauseKind
from domain.mails import drafting, links, outbox
from domain.mails.links import Link
from kit import clock
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from mail.message import compose
from mail.post import NotSent, Post, server_of
from models import MailKind, MailStatus
from tests.journeys.test_webhooks_in import completed, send, unheard
from tests.receiver import Answering, receiving
from tests.town import ERRORS, Shop, Town, eventually
from tests.webhooking import made
from workers.mails import deliver, send_mails

MAIL = "id kind recipient locale status attempts nextAttemptAt lastError sentAt createdAt orderId paymentId refundId"
MAILS = f"query ($filter: MailFilter) {{ mails(first: 50, filter: $filter) {{ nodes {{ {MAIL} }} }} }}"
RESEND = f"mutation ($input: MailResendInput!) {{ mailResend(input: $input) {{ mail {{ {MAIL} }} {ERRORS} }} }}"
CONTACT = f"""mutation ($input: MerchantContactSetInput!) {{
  merchantContactSet(input: $input) {{ contact {{ email locale }} {ERRORS} }} }}"""
REFUND = f"mutation ($input: RefundCreateInput!) {{ refundCreate(input: $input) {{ refund {{ id }} {ERRORS} }} }}"


def address() -> str:
    """One that no other test writes to."""
    return f"{secrets.token_hex(6)}@payer.example"


def mails(shop: Shop, **filter: Any) -> list[Any]:
    return list(shop.ask(MAILS, filter=filter)["mails"]["nodes"])


def kinds(shop: Shop) -> list[str]:
    return sorted(mail["kind"] for mail in mails(shop))


def contacted(shop: Shop, locale: str | None = None) -> str:
    """The merchant's own address, from now on."""
    email = address()
    answer = shop.ask(CONTACT, input={"email": email, "locale": locale})["merchantContactSet"]
    assert answer["userErrors"] == []
    return email


def bought(shop: Shop, email: str, **how: Any) -> Any:
    """The open payment of an order whose payer has the address, paid on its page."""
    order = shop.order(customer={"email": email, "name": "Ada"}, reference="R-17")
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment, **how)
    return payment


def work(shop: Shop) -> list[Any]:
    """The merchant's mails, newest first, after the worker's job has run once more than by its clock."""
    shop.town.call(send_mails({"post": shop.town.house.post, "page_url": shop.town.house.page_url}))
    return mails(shop)


def settled(shop: Shop, status: str, count: int = 1) -> list[Any]:
    """The merchant's mails, once there are as many and all of them have come to this status."""
    return eventually(lambda: work(shop), lambda found: [mail["status"] for mail in found] == [status] * count)


def tried(shop: Shop) -> Any:
    """The merchant's one mail, after a try that went wrong."""
    return eventually(lambda: work(shop), lambda found: [mail["lastError"] is None for mail in found] == [False])[0]


def caught_up(shop: Shop) -> bool:
    """Whether the mails of all its events are written, and tried."""
    behind = """SELECT 1 FROM merchants m WHERE m.id = $1 AND (m.mailed_sequence < m.event_sequence
                    OR EXISTS (SELECT 1 FROM events e WHERE e.merchant_id = m.id AND e.sequence IS NULL)
                    OR EXISTS (SELECT 1 FROM mails x WHERE x.merchant_id = m.id AND x.try_at <= $2))"""
    return eventually(
        lambda: work(shop) is not None and not shop.town.call(reading.fetch(behind, shop.merchant_id, clock.now()))
    )


def deliver_at(town: Town, moment: datetime) -> None:
    town.call(deliver(town.house.post, now=moment))


@contextmanager
def worker_at_rest(town: Town) -> Iterator[None]:
    """The town's own worker writes and sends nothing meanwhile."""
    town.call(_held(town.house.post.busy))
    try:
        yield
    finally:
        town.call(_released(town.house.post.busy))


async def _held(lock: asyncio.Lock) -> None:
    await lock.acquire()


async def _released(lock: asyncio.Lock) -> None:
    lock.release()


def test_a_paid_order_makes_a_receipt_and_tells_the_merchant(town: Town, shop: Shop) -> None:
    payer, owner = address(), contacted(shop)
    payment = bought(shop, payer)
    told, receipt = sorted(settled(shop, "SENT", 2), key=lambda mail: mail["kind"])
    assert (told["kind"], told["recipient"], receipt["kind"], receipt["recipient"]) == ("PAID", owner, "RECEIPT", payer)
    assert (receipt["orderId"], receipt["paymentId"]) == (payment["orderId"], payment["id"])
    assert (receipt["attempts"], receipt["nextAttemptAt"], receipt["lastError"]) == (1, None, None)
    assert receipt["sentAt"] is not None

    (letter,) = town.post_office.letters(payer)
    message = letter.message
    assert letter.sender == "pay@town.example"
    assert str(message["From"]) == "Test Shop via Paygraph <pay@town.example>"
    assert str(message["To"]) == f"Ada <{payer}>"
    assert str(message["Reply-To"]) == owner
    assert str(message["Subject"]) == "Receipt from Test Shop"
    assert message["Message-ID"] == f"<{receipt['id']}@town.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = [part.get_content() for part in message.iter_parts()]  # type: ignore[union-attr]
    for part in (text, html):
        assert all(word in part for word in ("Hello Ada,", "€42.00", "Thing", "R-17", "Visa 4242", "Test mode"))
    (letter,) = town.post_office.letters(owner)
    assert letter.message["Reply-To"] is None
    assert str(letter.message["Subject"]) == "Paid: €42.00"


def test_whoever_has_no_address_gets_no_mail(town: Town, shop: Shop) -> None:
    shop.paid_order()
    assert caught_up(shop)
    assert mails(shop) == []


def test_mail_speaks_the_merchants_language(town: Town, shop: Shop) -> None:
    payer, _ = address(), contacted(shop, "de-AT")
    bought(shop, payer)
    settled(shop, "SENT", 2)
    (letter,) = town.post_office.letters(payer)
    assert str(letter.message["Subject"]) == "Beleg von Test Shop"
    assert letter.message["Content-Language"] == "de"
    assert "€ 42,00" in letter.message.get_body(("plain",)).get_content().replace("\xa0", " ")  # type: ignore[union-attr]


def test_a_refund_is_told_to_the_payer(town: Town, shop: Shop) -> None:
    payer = address()
    payment = bought(shop, payer)
    settled(shop, "SENT", 1)
    amount = {"amountMinor": 1200, "currency": "EUR"}
    given = {"paymentId": payment["id"], "idempotencyKey": "r", "reason": "REQUESTED_BY_CUSTOMER", "amount": amount}
    refund = shop.ask(REFUND, input=given)["refundCreate"]["refund"]
    told, _ = settled(shop, "SENT", 2)
    assert (told["kind"], told["refundId"]) == ("REFUND", refund["id"])
    assert "€12.00" in town.post_office.letters(payer)[1].message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_delayed_payment_that_fails_is_told_and_a_declined_card_is_not(town: Town, shop: Shop) -> None:
    payer = address()
    payment = bought(shop, payer, method="sepa_debit", outcome="failure")
    town.sandbox("POST", "/clock/advance", seconds=60)
    eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "FAILED")
    (failed,) = settled(shop, "SENT")
    assert failed["kind"] == "PAYMENT_FAILED"
    bought(shop, address(), card="4000000000000002")
    assert caught_up(shop)
    assert kinds(shop) == ["PAYMENT_FAILED"]


def test_a_dispute_and_its_deadline_are_told_to_the_merchant(town: Town, shop: Shop) -> None:
    owner = contacted(shop)
    payment = bought(shop, address(), card="4000000000000259")
    settled(shop, "SENT", 3)
    town.settle()
    cause = Cause(CauseKind.SYSTEM, "test")
    while town.call(respond.alert_next(cause=cause, now=clock.now() + timedelta(days=60))):
        pass
    settled(shop, "SENT", 4)
    assert kinds(shop) == ["DISPUTE_DUE_SOON", "DISPUTE_OPENED", "PAID", "RECEIPT"]
    subjects = {str(letter.message["Subject"]) for letter in town.post_office.letters(owner)}
    assert subjects == {"Paid: €42.00", "Dispute over €42.00", "Answer soon: dispute over €42.00"}
    assert {mail["paymentId"] for mail in mails(shop)} == {payment["id"]}


def test_a_psp_that_contradicts_the_order_is_told_to_the_merchant(town: Town, shop: Shop) -> None:
    owner = contacted(shop)
    _, events = unheard(town, shop)
    event = completed(events)
    forged = {**event, "id": f"evt_wrong_{time.time_ns()}"}
    forged["data"] = {"object": {**event["data"]["object"], "amount_total": 4199}}
    assert send(town, forged).status_code == 200
    (told,) = settled(shop, "SENT")
    assert told["kind"] == "PAYMENT_CONFLICTED"
    (letter,) = town.post_office.letters(owner)
    assert "amount: the PSP says 4199" in letter.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_an_endpoint_that_is_disabled_is_told_to_the_merchant(town: Town, shop: Shop) -> None:
    owner = contacted(shop)
    with receiving() as gone:
        gone.answering = Answering(status=410)
        made(shop, gone)
        shop.order()
        (told,) = settled(shop, "SENT", 1)
    assert (told["kind"], told["orderId"], told["recipient"]) == ("WEBHOOK_ENDPOINT_DISABLED", None, owner)
    (letter,) = town.post_office.letters(owner)
    assert str(letter.message["Subject"]) == "A webhook endpoint is disabled"
    text = letter.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert all(word in text for word in (gone.url, "gone", "No event is lost"))


def test_many_copies_of_a_webhook_make_one_receipt(town: Town, shop: Shop) -> None:
    payer = address()
    town.sandbox("POST", "/webhooks/rules", action="duplicate")
    payment = bought(shop, payer)
    settled(shop, "SENT")
    town.settle()
    shop.sync(payment["id"])
    town.sweep(timedelta(minutes=10), only=payment["id"])
    assert caught_up(shop)
    assert kinds(shop) == ["RECEIPT"]
    assert len(town.post_office.letters(payer)) == 1


def test_mails_that_could_not_be_written_at_once_are_written_later_and_once(
    town: Town, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, owner, put = address(), contacted(shop), outbox.put
    failures = []

    async def fails(unit: Unit, merchant_id: str, mails: Sequence[outbox.NewMail], now: datetime) -> list[str]:
        made = await put(unit, merchant_id, mails, now)
        if mails and merchant_id == shop.merchant_id:
            failures.append(mails)
            raise RuntimeError("no room")
        return made

    monkeypatch.setattr(drafting, "put", fails)
    bought(shop, payer)
    assert eventually(lambda: work(shop) == [] and len(failures) > 1)
    monkeypatch.undo()
    settled(shop, "SENT", 2)
    assert [len(town.post_office.letters(who)) for who in (payer, owner)] == [1, 1]


def test_two_workers_at_once_write_and_send_each_mail_once(town: Town, shop: Shop) -> None:
    payers = [address() for _ in range(6)]

    async def work_at_once() -> None:
        await asyncio.gather(*(drafting.draft(town.house.page_url, now=clock.now()) for _ in range(4)))
        await asyncio.gather(*(deliver(town.house.post, now=clock.now()) for _ in range(4)))

    with worker_at_rest(town):
        for payer in payers:
            bought(shop, payer)
        sequenced = "SELECT 1 FROM events WHERE merchant_id = $1 AND type = 'order.paid' AND sequence IS NOT NULL"
        eventually(lambda: len(town.call(reading.fetch(sequenced, shop.merchant_id))) == len(payers))
        town.call(work_at_once())
    settled(shop, "SENT", len(payers))
    assert [len(town.post_office.letters(payer)) for payer in payers] == [1] * len(payers)


def test_a_server_that_refuses_a_recipient_is_believed(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.replies[payer] = ["550 5.1.1 no such user here"]
    bought(shop, payer)
    (refused,) = settled(shop, "REFUSED")
    assert (refused["lastError"], refused["attempts"], refused["nextAttemptAt"]) == (
        "550 5.1.1 no such user here",
        1,
        None,
    )
    deliver_at(town, clock.now() + timedelta(days=3))
    assert mails(shop) == [refused]
    assert town.post_office.letters(payer) == []


def test_a_server_that_refuses_the_words_is_believed_too(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.after_data[payer] = ["554 5.7.1 " + "looks like spam " * 60]
    bought(shop, payer)
    (refused,) = settled(shop, "REFUSED")
    assert refused["lastError"].startswith("554 5.7.1 looks like spam")
    assert len(refused["lastError"]) == 300


def test_a_server_that_puts_off_is_asked_again(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.replies[payer] = ["451 4.7.1 greylisted, come back"]
    bought(shop, payer)
    waiting = tried(shop)
    assert (waiting["status"], waiting["lastError"]) == ("QUEUED", "451 4.7.1 greylisted, come back")
    assert town.post_office.letters(payer) == []
    deliver_at(town, datetime.fromisoformat(waiting["nextAttemptAt"]))
    (sent,) = mails(shop)
    assert (sent["status"], sent["attempts"], sent["lastError"]) == ("SENT", 2, None)
    assert len(town.post_office.letters(payer)) == 1


def test_after_two_days_it_has_failed(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.replies[payer] = ["450 4.2.1 mailbox busy"] * 50
    bought(shop, payer)
    found = tried(shop)
    while found["nextAttemptAt"]:
        last = datetime.fromisoformat(found["nextAttemptAt"])
        deliver_at(town, last)
        (found,) = mails(shop)
    assert (found["status"], found["attempts"], found["lastError"]) == ("FAILED", 9, "450 4.2.1 mailbox busy")
    assert timedelta(hours=46) < last - datetime.fromisoformat(found["createdAt"]) < timedelta(hours=48)


def test_a_dead_mail_server_delays_nothing_but_mail(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.away = True
    payment = bought(shop, payer)
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    waiting = tried(shop)
    assert waiting["status"] == "QUEUED"
    town.post_office.away = False
    deliver_at(town, datetime.fromisoformat(waiting["nextAttemptAt"]))
    (sent,) = mails(shop)
    assert sent["status"] == "SENT"
    assert len(town.post_office.letters(payer)) == 1


def test_a_dead_mail_server_is_not_asked_for_every_mail(town: Town, shop: Shop) -> None:
    async def owe() -> None:
        await asyncio.gather(*(unit_of_work(lambda unit: _owe_link(unit, shop, address())) for _ in range(30)))

    with worker_at_rest(town):
        town.call(owe())
        town.post_office.away, before = True, town.post_office.connections
        deliver_at(town, clock.now())
        assert town.post_office.connections - before == 8
        town.post_office.away = False
        deliver_at(town, clock.now() + timedelta(minutes=2))
    settled(shop, "SENT", 30)


async def _owe_link(unit: Unit, shop: Shop, recipient: str, cause: str | None = None) -> str | None:
    link = Link(
        recipient=recipient,
        name="Ada",
        purpose="Invoice 17",
        amount_minor=4200,
        currency="EUR",
        url="https://pay.example/l/x",
        expires_at=None,
        locale="en",
    )
    return await links.send_link(unit, shop.merchant_id, link, cause=cause or secrets.token_hex(8), now=clock.now())


def test_a_worker_that_dies_while_it_sends_sends_the_same_mail_again(town: Town, shop: Shop) -> None:
    payer = address()
    with worker_at_rest(town):
        town.call(unit_of_work(lambda unit: _owe_link(unit, shop, payer)))

        async def die_after_sending() -> None:
            (mail,) = [mail for mail in await outbox.claim_due(50, now=clock.now()) if mail.recipient == payer]
            await town.house.post.send(mail)

        town.call(die_after_sending())
        deliver_at(town, clock.now())
        assert len(town.post_office.letters(payer)) == 1, "it is leased to the one who died"
        deliver_at(town, clock.now() + outbox.LEASE)
    first, second = town.post_office.letters(payer)
    assert first.data == second.data
    (sent,) = mails(shop)
    assert (sent["status"], sent["attempts"]) == ("SENT", 2)


def test_a_link_is_mailed_once_for_each_cause(town: Town, shop: Shop) -> None:
    payer = address()
    made = [town.call(unit_of_work(lambda unit: _owe_link(unit, shop, payer, f"plink:{payer}"))) for _ in range(2)]
    (sent,) = settled(shop, "SENT")
    assert made == [sent["id"], None]
    (letter,) = town.post_office.letters(payer)
    assert str(letter.message["Subject"]) == "Payment request from Test Shop"
    assert "https://pay.example/l/x" in letter.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_mail_is_sent_again_as_a_mail_of_its_own(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.replies[payer] = ["550 no such user here"]
    bought(shop, payer)
    (refused,) = settled(shop, "REFUSED")
    given = {"mailId": refused["id"], "idempotencyKey": "again"}
    answers = [shop.ask(RESEND, input=given)["mailResend"] for _ in range(2)]
    assert [answer["userErrors"] for answer in answers] == [[], []]
    assert {answer["mail"]["id"] for answer in answers} & {refused["id"]} == set()
    sent = eventually(lambda: work(shop), lambda found: found[0]["status"] == "SENT")[0]
    assert {answer["mail"]["id"] for answer in answers} == {sent["id"]}
    (letter,) = town.post_office.letters(payer)
    assert letter.message["Message-ID"] == f"<{sent['id']}@town.example>"
    assert len(mails(shop)) == 2


def test_what_is_on_its_way_is_not_sent_again(town: Town, shop: Shop) -> None:
    payer = address()
    town.post_office.replies[payer] = ["451 later"]
    bought(shop, payer)
    waiting = tried(shop)
    answer = shop.ask(RESEND, input={"mailId": waiting["id"], "idempotencyKey": "k"})["mailResend"]
    assert (answer["mail"], [error["code"] for error in answer["userErrors"]]) == (None, ["MAIL_QUEUED"])
    assert len(mails(shop)) == 1


def test_anothers_mails_are_out_of_reach(town: Town, shop: Shop) -> None:
    bought(shop, address())
    (mail,) = settled(shop, "SENT")
    other = town.merchant()
    assert mails(other) == mails(other, orderId=mail["orderId"]) == []
    found = other.ask("query ($id: ID!) { mail(id: $id) { id } node(id: $id) { id } }", id=mail["id"])
    assert found == {"mail": None, "node": None}
    refused = other.ask(RESEND, input={"mailId": mail["id"], "idempotencyKey": "k"})["mailResend"]
    assert [error["code"] for error in refused["userErrors"]] == ["NOT_FOUND"]
    own = shop.ask("query ($id: ID!) { mail(id: $id) { id } node(id: $id) { id } }", id=mail["id"])
    assert own == {"mail": {"id": mail["id"]}, "node": {"id": mail["id"]}}
    assert len(mails(shop)) == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"email": "no address"}, "INVALID_EMAIL"),
        ({"email": "a@b.example\r\nBcc: c@d.example"}, "INVALID_EMAIL"),
        ({"email": "4242424242424242@b.example"}, "CARD_NUMBER"),
        ({"email": "a@b.example", "locale": "tlh"}, "INVALID"),
    ],
)
def test_a_contact_that_is_none_is_refused_and_the_old_one_stays(shop: Shop, given: Any, code: str) -> None:
    email = contacted(shop, "de")
    answer = shop.ask(CONTACT, input=given)["merchantContactSet"]
    assert [error["code"] for error in answer["userErrors"]] == [code]
    assert answer["contact"] == {"email": email, "locale": "de"}
    assert shop.ask("{ merchantContact { email locale } }")["merchantContact"] == {"email": email, "locale": "de"}
    ended = shop.ask(CONTACT, input={})["merchantContactSet"]
    assert ended == {"contact": {"email": None, "locale": "en"}, "userErrors": []}


def test_without_a_server_mails_are_kept(town: Town, shop: Shop) -> None:
    payer = address()
    with worker_at_rest(town):
        town.call(unit_of_work(lambda unit: _owe_link(unit, shop, payer)))
        town.call(deliver(Post(None, "pay@town.example"), now=clock.now()))
    (kept,) = mails(shop)
    assert (kept["status"], kept["sentAt"], kept["lastError"]) == ("KEPT", None, None)
    assert town.post_office.letters(payer) == []


def _outgoing(recipient: str) -> outbox.Outgoing:
    return outbox.Outgoing(
        id="mail_x",
        kind=MailKind.PAID,
        recipient=recipient,
        locale="en",
        facts={"amount_minor": 1, "currency": "EUR"},
        merchant_name="Shop",
        reply_to=None,
        livemode=False,
        status=MailStatus.QUEUED,
        attempts=1,
        error=None,
        created_at=clock.now(),
    )


def test_who_we_are_is_told_to_the_server(town: Town) -> None:
    url = f"smtp://pay%40town:p%3Aw%2F@127.0.0.1:{town.post_office.port}"
    server, payer = server_of(url, development=False), address()
    mail = _outgoing(payer)
    town.call(Post(server, "pay@town.example").send(mail))
    assert "\0pay@town\0p:w/" in town.post_office.logins
    (letter,) = town.post_office.letters(payer)
    assert letter.data == compose(mail, "pay@town.example").as_bytes()
    assert "p:w/" not in repr(server)


def test_addresses_of_all_the_world_are_reached_or_named_as_the_trouble(town: Town) -> None:
    town.call(town.house.post.send(_outgoing("ada@bücher.example")))
    assert len(town.post_office.letters("ada@xn--bcher-kva.example")) == 1
    with pytest.raises(NotSent, match="SMTPUTF8"):
        town.call(town.house.post.send(_outgoing("jürgen@payer.example")))


def test_in_production_nothing_leaves_the_machine_in_the_clear(town: Town) -> None:
    """A name that is not known to be this machine's own wants STARTTLS, which the town's server does not offer."""
    foreign, payer = server_of(f"smtp://mail.example:{town.post_office.port}", development=False), address()
    with pytest.raises(NotSent, match="STARTTLS"):
        town.call(Post(replace(foreign, host="127.0.0.1"), "pay@town.example").send(_outgoing(payer)))
    assert town.post_office.letters(payer) == []


@pytest.mark.parametrize(
    ("url", "development", "expected"),
    [
        ("smtp://mail.example", False, (587, False, True)),
        ("smtp://mail.example:2525", True, (2525, False, None)),
        ("smtp://localhost:1025", False, (1025, False, None)),
        ("smtp://[::1]", False, (587, False, None)),
        ("smtps://mail.example", False, (465, True, False)),
    ],
)
def test_how_a_server_is_spoken_to(url: str, development: bool, expected: tuple[int, bool, bool | None]) -> None:
    server = server_of(url, development=development)
    assert (server.port, server.use_tls, server.starttls) == expected


def test_a_contact_of_no_merchant_is_refused(town: Town) -> None:
    with pytest.raises(contacts.UnknownMerchant):
        town.call(contacts.set_contact("mer_nope", contacts.checked("a@b.example", None)))
