"""authorize -> capture, in part or in full, or void; captured -> refund, never more than was taken"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from kit.database import reading
from tests.town import ERRORS, MONEY, PAYMENT_FIELDS, Shop, Town, eventually
from tests.unchanged import nothing_happens

STATE = f"payment {{ {PAYMENT_FIELDS} actions {{ name enabled code maxAmount {MONEY} }} }}"
PREVIEW = f"""preview {{ payment {{ status captured {MONEY} refunded {MONEY} }}
  postings {{ kind debit credit amount {MONEY} }} }}"""
CAPTURE = f"""mutation ($input: PaymentCaptureInput!) {{
  paymentCapture(input: $input) {{ {STATE} {PREVIEW} {ERRORS} }} }}"""
VOID = f"""mutation ($input: PaymentVoidInput!) {{ paymentVoid(input: $input) {{ {STATE} {PREVIEW} {ERRORS} }} }}"""
REFUND = f"""mutation ($input: RefundCreateInput!) {{ refundCreate(input: $input) {{
  refund {{ id status reason explanation amount {MONEY} }} {STATE} {PREVIEW} {ERRORS} }} }}"""


def euros(amount_minor: int) -> dict[str, Any]:
    return {"amountMinor": amount_minor, "currency": "EUR"}


def do(shop: Shop, mutation: str, payment: Any, **more: Any) -> Any:
    """The payload of one of the three mutations."""
    given = {"paymentId": payment["id"], "idempotencyKey": os.urandom(8).hex(), **more}
    if mutation == REFUND:
        given.setdefault("reason", "REQUESTED_BY_CUSTOMER")
    return next(iter(shop.ask(mutation, input=given).values()))


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def amounts(payment: Any) -> tuple[int, int, int]:
    return tuple(payment[name]["amountMinor"] for name in ("authorized", "captured", "refunded"))  # type: ignore[return-value]


def books(payment: Any) -> dict[str, int]:
    """What the accounts hold, apart from the fee, which comes when it comes."""
    held = {row["account"]: row["balance"]["amountMinor"] for row in payment["ledger"]}
    held["psp_receivable"] = held.get("psp_receivable", 0) + held.pop("psp_fees", 0)
    return {account: amount for account, amount in held.items() if amount}


def authorized(town: Town, shop: Shop, amount_minor: int = 4200) -> Any:
    order = shop.order(amount_minor)
    payment = shop.checkout(order["id"], captureMethod="MANUAL")["payment"]
    shop.pay(payment)
    return eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "AUTHORIZED")


def authorized_by_token(shop: Shop) -> Any:
    mutation = "mutation ($input: PaymentAuthorizeInput!) { paymentAuthorize(input: $input) { payment { id } } }"
    given = {"orderId": shop.order()["id"], "idempotencyKey": "a", "token": "pm_card_visa", "captureMethod": "MANUAL"}
    return shop.ask(mutation, input=given)["paymentAuthorize"]["payment"]


def states(shop: Shop, payment: Any) -> Any:
    query = "query ($id: ID!) { payment(id: $id) { actions { name enabled code } } }"
    return shop.ask(query, id=payment["id"])["payment"]["actions"]


def captured(shop: Shop, amount_minor: int = 10000) -> Any:
    return shop.paid_order(amount_minor)["payments"][0]


def test_an_authorization_is_captured_in_full_and_the_order_is_paid(town: Town, shop: Shop) -> None:
    payment = authorized(town, shop)
    assert amounts(payment) == (4200, 0, 0)
    assert books(payment) == {}
    assert shop.find_order(payment["orderId"])["status"] == "OPEN"
    done = do(shop, CAPTURE, payment)
    assert codes(done) == []
    assert (done["payment"]["status"], amounts(done["payment"])) == ("CAPTURED", (4200, 4200, 0))
    assert books(done["payment"]) == {"merchant_payable": -4200, "psp_receivable": 4200}
    assert shop.find_order(payment["orderId"])["status"] == "PAID"
    assert codes(do(shop, CAPTURE, payment)) == codes(do(shop, VOID, payment)) == ["ALREADY_CAPTURED"]


def test_a_part_is_captured_and_the_rest_of_the_order_is_paid_by_another_payment(town: Town, shop: Shop) -> None:
    payment = authorized(town, shop, 4200)
    done = do(shop, CAPTURE, payment, amount=euros(3000))
    assert (done["payment"]["status"], amounts(done["payment"])) == ("CAPTURED", (4200, 3000, 0))
    town.settle()
    assert shop.find_order(payment["orderId"])["status"] == "OPEN"
    rest = shop.checkout(payment["orderId"])["payment"]
    assert rest["amount"] == euros(1200)
    shop.pay(rest)
    paid = eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    assert [amounts(payment)[1] for payment in paid["payments"]] == [3000, 1200]


def test_an_authorization_is_given_up_and_nothing_is_shown_as_a_refund(town: Town, shop: Shop) -> None:
    payment = authorized(town, shop)
    done = do(shop, VOID, payment)
    assert codes(done) == []
    town.settle()
    town.sweep(timedelta(hours=1))
    found = shop.find_payment(payment["id"])
    assert (found["status"], amounts(found), found["refunds"]) == ("CANCELED", (4200, 0, 0), [])
    assert books(found) == {}
    assert codes(do(shop, CAPTURE, payment)) == codes(do(shop, VOID, payment)) == ["ALREADY_VOIDED"]
    assert shop.checkout(payment["orderId"])["userErrors"] == []


def test_a_capture_and_a_void_that_race_have_one_winner_here_and_there(town: Town, shop: Shop) -> None:
    for _ in range(4):
        payment = authorized(town, shop)
        with ThreadPoolExecutor(8) as pool:
            tries = [pool.submit(do, shop, mutation, payment) for mutation in (CAPTURE, VOID) * 4]
        won = [try_ for try_ in tries if codes(try_.result()) == []]
        assert len(won) == 1
        status = shop.find_payment(payment["id"])["status"]
        assert status == ("CAPTURED" if tries.index(won[0]) % 2 == 0 else "CANCELED")
        town.settle()
        assert shop.sync(payment["id"])["payment"]["status"] == status


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_capture_whose_answer_is_lost_is_made_once(town: Town, shop: Shop, when: str) -> None:
    payment = authorized(town, shop)
    path = "/v1/payment_intents/*/capture"
    town.sandbox("POST", "/faults", method="POST", path=path, when=when, kind="reset", next=3, stored=False)
    town.sandbox("POST", "/webhooks/rules", action="drop")
    key = os.urandom(8).hex()
    assert codes(do(shop, CAPTURE, payment, idempotencyKey=key)) == ["GATEWAY_UNAVAILABLE"]
    assert codes(do(shop, CAPTURE, payment)) == ["OPERATION_IN_PROGRESS"]
    done = do(shop, CAPTURE, payment, idempotencyKey=key)
    assert (codes(done), done["payment"]["status"]) == ([], "CAPTURED")
    assert amounts(shop.sync(payment["id"])["payment"]) == (4200, 4200, 0)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("mutation", "path", "end"), [(CAPTURE, "capture", "CAPTURED"), (VOID, "cancel", "CANCELED")])
def test_an_operation_that_the_psp_fails_at_is_looked_up(
    town: Town, shop: Shop, mutation: str, path: str, end: str, when: str
) -> None:
    payment = authorized(town, shop)
    path = f"/v1/payment_intents/*/{path}"
    town.sandbox("POST", "/faults", method="POST", path=path, when=when, kind="status", status=500, next=3)
    town.sandbox("POST", "/webhooks/rules", action="drop")
    done = do(shop, mutation, payment, idempotencyKey="once")
    if when == "before":
        assert (codes(done), done["payment"]["status"]) == (["GATEWAY_REFUSED"], "AUTHORIZED")
        done = do(shop, mutation, payment, idempotencyKey="twice")
    assert (codes(done), done["payment"]["status"]) == ([], end)


def test_amounts_that_the_psp_cannot_move_exactly_are_refused_beforehand(town: Town, shop: Shop) -> None:
    order = shop.order(5000, "KWD")
    payment = shop.checkout(order["id"], captureMethod="MANUAL")["payment"]
    shop.pay(payment)
    eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "AUTHORIZED")
    odd, even = ({"amountMinor": amount, "currency": "KWD"} for amount in (1234, 1230))
    for dry_run in (True, False):
        assert codes(do(shop, CAPTURE, payment, amount=odd, dryRun=dry_run)) == ["INVALID_AMOUNT"]
    assert codes(do(shop, CAPTURE, payment)) == []
    for dry_run in (True, False):
        assert codes(do(shop, REFUND, payment, amount=odd, dryRun=dry_run)) == ["INVALID_AMOUNT"]
    done = do(shop, REFUND, payment, amount=even)
    assert (codes(done), done["refund"]["status"]) == ([], "SUCCEEDED")


@pytest.mark.parametrize("told", [True, False])
def test_an_authorization_whose_time_is_over_is_expired_however_we_learn_of_it(
    town: Town, shop: Shop, told: bool
) -> None:
    town.sandbox("POST", "/settings", authorization_seconds=60)
    payment = authorized(town, shop)
    town.sandbox("POST", "/settings", authorization_seconds=7 * 24 * 3600)
    if not told:
        town.sandbox("POST", "/webhooks/rules", action="drop")
    town.call(reading.execute("UPDATE payments SET capture_before = created_at WHERE id = $1", payment["id"]))
    actions = {action["name"]: action["code"] for action in states(shop, payment)}
    assert (actions["CAPTURE"], actions["VOID"]) == ("AUTHORIZATION_EXPIRED", "AUTHORIZATION_EXPIRED")
    assert codes(do(shop, CAPTURE, payment)) == codes(do(shop, VOID, payment)) == ["AUTHORIZATION_EXPIRED"]
    town.sandbox("POST", "/clock/advance", seconds=61)
    if not told:
        shop.sync(payment["id"])
    eventually(lambda: shop.find_payment(payment["id"]), lambda payment: payment["status"] == "EXPIRED")
    assert codes(do(shop, CAPTURE, payment)) == ["AUTHORIZATION_EXPIRED"]


def test_what_the_dashboard_did_meanwhile_is_said_by_its_name(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = authorized_by_token(shop)
    intent = town.call(reading.fetch_one("SELECT intent_token FROM payments WHERE id = $1", payment["id"]))
    assert intent is not None
    headers = {"Authorization": "Bearer sk_test_dashboard"}
    town.http.post(f"{town.sandbox_url}/v1/payment_intents/{intent['intent_token']}/capture", headers=headers)
    assert codes(do(shop, CAPTURE, payment)) == ["ALREADY_CAPTURED"]
    assert shop.find_payment(payment["id"])["status"] == "CAPTURED"


@pytest.mark.parametrize("explanation", [None, "", "  \n "])
def test_a_reason_that_is_none_is_refused(town: Town, shop: Shop, explanation: str | None) -> None:
    payment = captured(shop)
    with nothing_happens(shop):
        for dry_run in (True, False):
            refused = do(shop, REFUND, payment, reason="OTHER", explanation=explanation, dryRun=dry_run)
            assert codes(refused) == ["REASON_NOT_EXPLAINED"]
        asked = {"paymentId": payment["id"], "idempotencyKey": "k", "reason": "BECAUSE"}
        answer = shop.post(REFUND, {"input": asked}).json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_REQUEST"]
    assert codes(do(shop, REFUND, payment, reason="OTHER", explanation="A gesture.")) == []


def test_the_same_refund_sent_fifty_times_at_once_is_asked_of_the_psp_once(town: Town, shop: Shop) -> None:
    payment = captured(shop)
    with ThreadPoolExecutor(50) as pool:
        made = list(pool.map(lambda _: do(shop, REFUND, payment, idempotencyKey="same"), range(50)))
    assert {each["refund"]["id"] for each in made} == {made[0]["refund"]["id"]}
    assert len(town.calls("POST", "/v1/refunds", idempotency_key=made[0]["refund"]["id"])) == 1


def test_refunds_add_up_to_what_was_captured_and_no_further(town: Town, shop: Shop) -> None:
    payment = captured(shop, 10000)
    first = do(shop, REFUND, payment, amount=euros(2500), explanation="One was broken.")
    assert (first["refund"]["status"], first["refund"]["amount"]) == ("SUCCEEDED", euros(2500))
    assert first["refund"]["explanation"] == "One was broken."
    assert codes(do(shop, REFUND, payment, amount=euros(7501))) == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    rest = do(shop, REFUND, payment)
    assert (rest["refund"]["amount"], amounts(rest["payment"])) == (euros(7500), (10000, 10000, 10000))
    assert books(rest["payment"]) == {}
    assert codes(do(shop, REFUND, payment)) == ["ALREADY_REFUNDED"]
    assert {action["name"]: action["code"] for action in rest["payment"]["actions"]}["REFUND"] == "ALREADY_REFUNDED"
    assert shop.find_order(payment["orderId"])["status"] == "PAID"


def test_of_fifty_refunds_at_once_exactly_one_succeeds(town: Town, shop: Shop) -> None:
    payment = captured(shop, 10000)
    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(lambda _: do(shop, REFUND, payment, amount=euros(6000)), range(50)))
    assert sorted(codes(payload) for payload in done) == [[], *[["AMOUNT_EXCEEDS_REFUNDABLE"]] * 49]
    (refund,) = [payload["refund"] for payload in done if payload["refund"]]
    assert len(town.calls("POST", "/v1/refunds", idempotency_key=refund["id"])) == 1
    assert amounts(shop.sync(payment["id"])["payment"]) == (10000, 10000, 6000)


def test_the_same_key_refunds_once(town: Town, shop: Shop) -> None:
    payment = captured(shop, 10000)
    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(lambda _: do(shop, REFUND, payment, amount=euros(1000), idempotencyKey="once"), range(10)))
    assert [codes(payload) for payload in done] == [[]] * 10
    assert len({payload["refund"]["id"] for payload in done}) == 1
    assert amounts(shop.find_payment(payment["id"])) == (10000, 10000, 1000)
    other = do(shop, REFUND, payment, amount=euros(2000), idempotencyKey="once")
    assert codes(other) == ["IDEMPOTENCY_KEY_REUSED"]


def test_a_refund_that_fails_after_it_succeeded_puts_money_and_books_back(town: Town, shop: Shop) -> None:
    payment = captured(shop, 10000)
    refund = do(shop, REFUND, payment, amount=euros(4000))["refund"]
    found = town.http.get(
        f"{town.sandbox_url}/v1/refunds?limit=1", headers={"Authorization": "Bearer sk_test_dashboard"}
    ).json()["data"][0]
    assert found["metadata"]["paygraph_refund"] == refund["id"]
    town.sandbox("POST", f"/refunds/{found['id']}/fail")
    failed = eventually(lambda: shop.find_payment(payment["id"]), lambda p: p["refunded"]["amountMinor"] == 0)
    assert [(r["status"], r["failureCode"]) for r in failed["refunds"]] == [("FAILED", "lost_or_stolen_card")]
    assert books(failed) == {"merchant_payable": -10000, "psp_receivable": 10000}
    again = do(shop, REFUND, payment)
    assert again["refund"]["amount"] == euros(10000)


def test_a_refund_on_its_way_counts_against_the_cap(town: Town, shop: Shop) -> None:
    payment = captured(shop, 10000)
    town.sandbox(
        "POST", "/faults", method="POST", path="/v1/refunds", when="before", kind="status", status=503, next=100
    )
    assert codes(do(shop, REFUND, payment, amount=euros(6000))) == ["GATEWAY_UNAVAILABLE"]
    found = shop.find_payment(payment["id"])
    assert [refund["status"] for refund in found["refunds"]] == ["RESERVED"]
    assert codes(do(shop, REFUND, payment, amount=euros(4001))) == ["AMOUNT_EXCEEDS_REFUNDABLE"]
    assert books(found) == {"merchant_payable": -4000, "refunds_in_flight": -6000, "psp_receivable": 10000}


@pytest.mark.parametrize("mutation", [CAPTURE, REFUND], ids=["capture", "refund"])
def test_a_dry_run_tells_the_postings_and_does_nothing(town: Town, shop: Shop, mutation: str) -> None:
    payment = authorized(town, shop) if mutation == CAPTURE else captured(shop, 4200)
    town.settle()
    eventually(lambda: shop.find_payment(payment["id"]), lambda p: mutation == CAPTURE or p["fee"] is not None)
    before = shop.find_payment(payment["id"])
    told = do(shop, mutation, payment, amount=euros(1000), dryRun=True)
    assert codes(told) == []
    assert shop.find_payment(payment["id"]) == before
    preview = told["preview"]
    if mutation == CAPTURE:
        assert (preview["payment"]["status"], preview["payment"]["captured"]) == ("CAPTURED", euros(1000))
        assert [(p["kind"], p["debit"], p["credit"], p["amount"]) for p in preview["postings"]] == [
            ("CAPTURE", "psp_receivable", "merchant_payable", euros(1000))
        ]
    else:
        assert preview["payment"]["refunded"] == euros(1000)
        assert [(p["kind"], p["debit"], p["credit"], p["amount"]) for p in preview["postings"]] == [
            ("REFUND_RESERVED", "merchant_payable", "refunds_in_flight", euros(1000)),
            ("REFUND_PAID", "refunds_in_flight", "psp_receivable", euros(1000)),
        ]
    done = do(shop, mutation, payment, amount=euros(1000))
    assert done["payment"]["refunded" if mutation == REFUND else "captured"] == euros(1000)


def test_what_cannot_be_is_refused_with_its_own_code_that_the_actions_tell_beforehand(town: Town, shop: Shop) -> None:
    opened = shop.open_payment()
    held = authorized(town, shop)
    for payment, mutation, more, code in [
        (opened, CAPTURE, {}, "PAYMENT_NOT_AUTHORIZED"),
        (opened, VOID, {}, "PAYMENT_NOT_AUTHORIZED"),
        (opened, REFUND, {}, "PAYMENT_NOT_CAPTURED"),
        (held, REFUND, {}, "PAYMENT_NOT_CAPTURED"),
        (held, CAPTURE, {"amount": euros(4201)}, "AMOUNT_EXCEEDS_AUTHORIZED"),
        (held, CAPTURE, {"amount": euros(0)}, "INVALID_AMOUNT"),
        (held, CAPTURE, {"amount": euros(-1)}, "INVALID_AMOUNT"),
        (held, CAPTURE, {"amount": {"amountMinor": 10, "currency": "USD"}}, "CURRENCY_MISMATCH"),
    ]:
        before = shop.find_payment(payment["id"])
        refused = do(shop, mutation, payment, **more)
        assert codes(refused) == [code]
        assert shop.find_payment(payment["id"]) == before
        if not more:
            name = {CAPTURE: "CAPTURE", VOID: "VOID", REFUND: "REFUND"}[mutation]
            assert {a["name"]: a["code"] for a in refused["payment"]["actions"]}[name] == code
    assert do(shop, CAPTURE, {"id": "pay_01m7ys78dheqzr8cen7v08nnh8"})["userErrors"][0]["code"] == "NOT_FOUND"
    assert codes(do(shop, VOID, {"id": held["orderId"]})) == ["INVALID_ID"]
    other = town.merchant()
    for mutation in (CAPTURE, VOID, REFUND):
        assert codes(do(other, mutation, held)) == ["NOT_FOUND"]
    bad = shop.post(REFUND, {"input": {"paymentId": held["id"], "idempotencyKey": "k", "reason": "BORED"}}).json()
    assert bad["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
