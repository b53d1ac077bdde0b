"""The controls: faults, the payer without a browser, settings, starting over."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.anyio

CURRENCIES = [
    "usd",
    "eur",
    "gbp",
    "aud",
    "cad",
    "nzd",
    "chf",
    "pln",
    "sek",
    "inr",
    "sgd",
    "thb",
    "brl",
    "mxn",
    "jpy",
    "dkk",
]


async def customers(play: Any) -> int:
    return len((await play.v1.customers.list_async()).data)


@pytest.mark.parametrize("status", [503, 429, 409])
async def test_a_fault_before_the_work_does_nothing(play: Any, status: int) -> None:
    await play.control("faults", method="POST", path="/v1/customers", status=status)
    with pytest.raises(stripe.StripeError) as caught:
        await play.v1.customers.create_async({}, {"idempotency_key": "k"})
    assert caught.value.http_status == status
    assert await customers(play) == 0
    made = await play.v1.customers.create_async({}, {"idempotency_key": "k"})
    assert "idempotent-replayed" not in made.last_response.headers


@pytest.mark.parametrize("how", [{"status": 503}, {"kind": "reset"}, {"kind": "hang", "seconds": 0.05}])
async def test_a_fault_after_the_work_is_healed_by_a_retry(play: Any, how: dict[str, Any]) -> None:
    await play.control("faults", path="/v1/customers", when="after", **how)
    client = play.sdk(retries=1)
    made = await client.v1.customers.create_async({"name": "Once"})
    assert made.last_response.headers["idempotent-replayed"] == "true"
    assert await customers(play) == 1
    calls = (await play.look("calls", path="/v1/customers", method="POST"))["calls"]
    assert [(call["executed"], call["replayed"]) for call in calls] == [(True, False), (False, True)]
    play.checker_ignores()


async def test_a_500_is_what_the_key_remembers(play: Any) -> None:
    await play.control("faults", path="/v1/customers", when="after", status=500)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            await play.v1.customers.create_async({}, {"idempotency_key": "k"})
        assert caught.value.http_status == 500
    assert await customers(play) == 1
    await play.control("faults", path="/v1/products", when="after", status=500, stored=False)
    with pytest.raises(stripe.APIError):
        await play.v1.products.create_async({"name": "A"}, {"idempotency_key": "p"})
    assert (await play.v1.products.create_async({"name": "A"}, {"idempotency_key": "p"})).name == "A"


async def test_a_lost_connection_before_the_work(play: Any) -> None:
    await play.control("faults", kind="reset")
    with pytest.raises(stripe.APIConnectionError):
        await play.v1.customers.create_async({})
    assert await customers(play) == 0
    play.checker_ignores()


async def test_faults_can_be_seen_and_taken_back(play: Any) -> None:
    await play.control("faults", next=None, status=503)
    assert len((await play.look("faults"))["faults"]) == 1
    await play.browser.delete("/sandbox/faults")
    assert await customers(play) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"status": 200}),
        ("faults", {"kind": "explode"}),
        ("faults", {"foo": 1}),
        ("faults", {"next": 0}),
        ("faults", {"seconds": -1}),
        ("clock/advance", {}),
        ("clock/advance", {"seconds": -5}),
        ("clock/advance", {"seconds": "x"}),
        ("clock/advance", {"seconds": True}),
        ("clock/advance", {"seconds": 1e300}),
        ("settings", {"delayed_method_seconds": 1.5}),
        ("settings", {"nope": 1}),
        ("settings", {"fee_basis_points": 10001}),
        ("webhooks/rules", {"action": "sing"}),
        ("webhooks/rules", {"action": "drop", "types": "charge.*"}),
        ("webhooks/release", {"ids": [99]}),
        ("webhooks/release", {"order": "random"}),
        ("settle", {"timeout": None}),
    ],
)
async def test_bad_input_is_a_clear_400(play: Any, path: str, body: Any) -> None:
    answer = await play.browser.post(f"/sandbox/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize("body", [b"[]", b"nul", b"\xff", b"1" * 10000, b"[" * 100_000, b'{"a":' * 50_000])
async def test_a_body_that_is_no_object_is_a_400(play: Any, body: bytes) -> None:
    for path in ("settle", "reset", "faults", "clock/advance"):
        assert (await play.browser.post(f"/sandbox/{path}", content=body)).status_code == 400


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"card": "4242424242424241"}, "incorrect"),
        ({"card": "x"}, "incorrect"),
        ({"card": "pm_card_nope"}, "No such"),
        ({"method": "upi"}, "offers"),
        ({"method": "boom"}, "must be one of"),
        ({"exp_year": 2001}, "expiration"),
        ({"colour": "red"}, "unknown fields"),
    ],
)
async def test_paying_nonsense_is_refused(play: Any, body: Any, sentence: str) -> None:
    session = await play.session()
    answer = await play.browser.post(f"/sandbox/sessions/{session.id}/pay", json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert (await play.v1.payment_intents.list_async()).data == []
    assert (await play.browser.post("/sandbox/sessions/cs_nope/pay", json={})).status_code == 404


@pytest.mark.parametrize(
    ("body", "currency", "status", "payment_status"),
    [
        ({}, "usd", "complete", "paid"),
        ({"card": "4000000000009995"}, "usd", "open", "unpaid"),
        ({"card": "4000002760003184"}, "usd", "complete", "paid"),
        ({"card": "4000002760003184", "three_d_secure": "fail"}, "usd", "open", "unpaid"),
        ({"card": "4000002760003184", "three_d_secure": "abandon"}, "usd", "open", "unpaid"),
        ({"card": "4000008400001629"}, "usd", "open", "unpaid"),
        ({"card": "5555555555554444", "email": "a@b.example", "name": "A"}, "jpy", "complete", "paid"),
        ({"method": "ideal"}, "eur", "complete", "paid"),
        ({"method": "ideal", "outcome": "failure"}, "eur", "open", "unpaid"),
        ({"method": "upi"}, "inr", "complete", "paid"),
        ({"method": "paypal"}, "usd", "complete", "paid"),
        ({"method": "crypto"}, "usd", "complete", "paid"),
        ({"method": "us_bank_account", "account": "000111111116"}, "usd", "complete", "unpaid"),
        ({"method": "bacs_debit"}, "gbp", "complete", "unpaid"),
        ({"method": "multibanco"}, "eur", "complete", "unpaid"),
    ],
)
async def test_paying_without_a_browser(play: Any, body: Any, currency: str, status: str, payment_status: str) -> None:
    session = await play.session(currency=currency)
    told = await play.pay(session, **body)
    assert (told["session"]["status"], told["session"]["payment_status"]) == (status, payment_status)
    assert (told["error"] is None) == (status == "complete" or body.get("three_d_secure") == "abandon")
    await play.settle()


async def test_every_method_pays_as_stripe_would_tell_it(play: Any) -> None:
    """For each currency all methods that it offers: the checker reads every object and event."""
    await play.control("settings", delayed_method_seconds=0)
    seen = set()
    for currency in CURRENCIES:
        offered = (await play.session(currency=currency, amount=5000)).payment_method_types
        for method in set(offered) - seen:
            session = await play.session(currency=currency, amount=5000, allowed_payment_method_types=[method])
            await play.pay(session, method=method)
            seen.add(method)
    assert len(seen) > 30
    await play.settle()


@pytest.mark.parametrize("account", ["000111111113", "000222222227", "000333333335"])
async def test_a_delayed_debit_fails_later(play: Any, account: str) -> None:
    session = await play.session()
    await play.pay(session, method="us_bank_account", account=account)
    await play.control("clock/advance", seconds=10)
    assert (await play.settle())[-3:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]
    after = await play.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert (after.status, after.payment_status) == ("complete", "unpaid")
    assert after.payment_intent.status == "requires_payment_method"


async def test_a_debit_may_stay_in_processing(play: Any) -> None:
    session = await play.session()
    told = await play.pay(session, method="us_bank_account", outcome="processing")
    await play.control("clock/advance", seconds=30 * 86400)
    intent = await play.v1.payment_intents.retrieve_async(told["payment_intent"]["id"])
    assert intent.status == "processing"


async def test_manual_capture_completes_the_session_unpaid(play: Any) -> None:
    session = await play.session(payment_intent_data={"capture_method": "manual", "transfer_group": "g"})
    assert "us_bank_account" not in session.payment_method_types
    told = await play.pay(session)
    assert (told["session"]["status"], told["session"]["payment_status"]) == ("complete", "unpaid")
    await play.v1.payment_intents.capture_async(told["payment_intent"]["id"])
    assert (await play.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"


async def test_late_money_comes_twice_on_a_complete_session(play: Any) -> None:
    session = await play.session()
    first = await play.pay(session)
    answer = await play.browser.post(f"/sandbox/sessions/{session.id}/pay", json={})
    assert answer.status_code == 400
    second = await play.pay(session, force=True)
    assert first["payment_intent"]["id"] != second["payment_intent"]["id"]
    assert (await play.settle()).count("checkout.session.completed") == 2
    for told in (first, second):
        found = await play.v1.checkout.sessions.list_async({"payment_intent": told["payment_intent"]["id"]})
        assert [each.id for each in found.data] == [session.id]


async def test_the_dashboard_refunds_without_our_asking(play: Any) -> None:
    told = await play.pay(await play.session())
    charge = told["payment_intent"]["latest_charge"]
    refund = await play.control(f"charges/{charge}/refund", amount=500)
    assert (refund["amount"], refund["status"]) == (500, "succeeded")
    await play.control(f"refunds/{refund['id']}/fail", reason="expired_or_canceled_card")
    assert (await play.settle())[-5:] == [
        "refund.created",
        "charge.refunded",
        "charge.refund.updated",
        "refund.updated",
        "refund.failed",
    ]
    answer = await play.browser.post(f"/sandbox/charges/{charge}/refund", json={"amount": 5000})
    assert answer.status_code == 400


async def test_reset_forgets_everything_but_the_account(play: Any) -> None:
    account = (await play.v1.accounts.retrieve_current_async()).id
    await play.session()
    await play.control("clock/advance", seconds=99)
    await play.control("settings", fee_fixed=1)
    await play.control("reset")
    state = await play.look("state")
    assert (state["objects"], state["deliveries"], state["ahead_seconds"]) == ({}, {}, 0)
    assert (await play.look("settings"))["fee_fixed"] == 30
    assert state["account"] == account


async def test_the_controls_are_documented(play: Any) -> None:
    told = await play.look("")
    assert len(told["controls"]) >= 20
    assert all(control["does"] for control in told["controls"])
