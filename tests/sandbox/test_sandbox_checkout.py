"""Checkout Sessions: create, pay on the hosted page, fail, expire."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.anyio


async def test_a_paid_session_tells_its_whole_story(play: Any) -> None:
    """create -> pay on the page with 4242 -> success_url, complete and paid, five events, all verifiable"""
    session = await play.session(metadata={"order": "1"}, payment_intent_data={"metadata": {"pi": "2"}})
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    answer = await play.submit(session)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == f"https://shop.example/done?s={session.id}"
    paid = await play.v1.checkout.sessions.retrieve_async(
        session.id,
        {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]},
    )
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details.email == "jane@example.com"
    charge = paid.payment_intent.latest_charge
    assert charge.metadata.to_dict() == {"pi": "2"}
    line = charge.balance_transaction
    assert (line.amount, line.fee, line.net) == (1999, 88, 1911)
    assert paid.line_items.data[0].description == "Blue mug"
    assert await play.settle() == [
        "payment_intent.created",
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
    ]
    for body, headers in zip(play.inbox.bodies, play.inbox.headers, strict=True):
        stripe.Webhook.construct_event(body, headers["stripe-signature"], play.inbox.secret)


async def test_a_decline_leaves_the_session_open_to_try_again(play: Any) -> None:
    """4000...0002 -> declined, charge.failed -> 4242 -> paid"""
    session = await play.session()
    answer = await play.submit(session, "4000000000000002")
    assert answer.status_code == 402
    assert "Your card was declined." in answer.text
    tried = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (tried.status, tried.payment_status) == ("open", "unpaid")
    assert tried.payment_intent.status == "requires_payment_method"
    assert tried.payment_intent.last_payment_error.decline_code == "generic_decline"
    assert await play.settle() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    again = await play.submit(session, attempt="1")
    assert again.status_code == 303, again.text
    assert (await play.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


async def test_a_challenge_is_completed_or_failed(play: Any) -> None:
    """3DS card -> challenge page -> fail -> form again -> challenge -> complete -> paid"""
    session = await play.session()
    sent = await play.submit(session, "4000002760003184")
    assert sent.status_code == 303
    challenge = sent.headers["location"]
    page = await play.browser.get(challenge)
    assert page.status_code == 200
    assert "Complete authentication" in page.text
    key = challenge.rsplit("key=", 1)[1]
    failed = await play.browser.post(challenge, data={"key": key, "outcome": "fail"}, follow_redirects=True)
    assert "unable to authenticate" in failed.text
    sent = await play.submit(session, "4000002760003184", attempt="1")
    done = await play.browser.post(sent.headers["location"], data={"key": key, "outcome": "complete"})
    done = await play.browser.get(done.headers["location"])
    assert done.headers["location"] == f"https://shop.example/done?s={session.id}"
    assert (await play.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


async def test_the_same_form_sent_twice_pays_once(play: Any) -> None:
    session = await play.session()
    first, second = await play.submit(session), await play.submit(session)
    assert first.headers["location"] == second.headers["location"]
    charges = await play.v1.charges.list_async()
    assert len(charges.data) == 1


async def test_only_an_open_session_expires(play: Any) -> None:
    session = await play.session()
    gone = await play.v1.checkout.sessions.expire_async(session.id)
    assert (gone.status, gone.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.checkout.sessions.expire_async(session.id)
    assert await play.settle() == ["checkout.session.expired"]
    page = await play.browser.get(f"/c/pay/{session.id}")
    assert "expired" in page.text


async def test_a_session_expires_by_the_clock(play: Any) -> None:
    session = await play.session()
    await play.control("clock/advance", seconds=86401)
    assert (await play.v1.checkout.sessions.retrieve_async(session.id)).status == "expired"
    assert await play.settle() == ["checkout.session.expired"]


async def test_a_delayed_method_is_paid_later(play: Any) -> None:
    session = await play.session(currency="eur")
    told = await play.pay(session, method="sepa_debit", account="AT611904300234573201")
    assert (told["session"]["status"], told["session"]["payment_status"]) == ("complete", "unpaid")
    assert told["payment_intent"]["status"] == "processing"
    await play.control("clock/advance", seconds=11)
    assert (await play.settle())[-3:] == [
        "charge.succeeded",
        "checkout.session.async_payment_succeeded",
        "payment_intent.succeeded",
    ]
    assert (await play.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


async def test_late_money_arrives_on_an_expired_session(play: Any) -> None:
    session = await play.session()
    await play.v1.checkout.sessions.expire_async(session.id)
    told = await play.pay(session, force=True)
    assert told["payment_intent"]["status"] == "succeeded"
    assert told["session"]["payment_intent"] == told["payment_intent"]["id"]
    assert (await play.settle())[1:] == [
        "payment_intent.created",
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
    ]
