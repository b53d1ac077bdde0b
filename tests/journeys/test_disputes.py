"""the payer's bank contests -> the books follow -> the merchant answers in time -> won or lost"""

import os
from datetime import timedelta
from typing import Any

import pytest

from domain.disputes import respond
from domain.events import Cause, CauseKind
from kit import clock
from kit.database import reading
from tests.town import ERRORS, MONEY, PAYMENT_FIELDS, Shop, Town, eventually

DISPUTE = f"""id status reason dueBy evidenceSubmittedAt canRespond respondCode
  amount {MONEY} withdrawn {MONEY} reinstated {MONEY} fee {MONEY}"""
FIND = f"query ($id: ID!) {{ payment(id: $id) {{ {PAYMENT_FIELDS} disputed {MONEY} disputes {{ {DISPUTE} }} }} }}"
SUBMIT = f"""mutation ($input: DisputeEvidenceSubmitInput!) {{ disputeEvidenceSubmit(input: $input) {{
  dispute {{ {DISPUTE} }} {ERRORS} }} }}"""
REFUND = (
    f"mutation ($input: RefundCreateInput!) {{ refundCreate(input: $input) {{ refund {{ id status }} {ERRORS} }} }}"
)
POLICY = "mutation ($input: FraudPolicySetInput!) { fraudPolicySet(input: $input) { earlyWarnings } }"

CONTESTED, INQUIRED, WARNED = "4000000000000259", "4000000000001976", "4000000000005423"


def find(shop: Shop, payment_id: str) -> Any:
    return shop.ask(FIND, id=payment_id)["payment"]


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


def books(payment: Any) -> dict[str, int]:
    """What the accounts hold, without the fees: they come when they come."""
    held = {row["account"]: row["balance"]["amountMinor"] for row in payment["ledger"]}
    held["psp_receivable"] = held.get("psp_receivable", 0) + held.pop("psp_fees", 0)
    return {account: amount for account, amount in held.items() if amount}


def charge_of(town: Town, payment: Any) -> str:
    session = town.http.get(
        f"{town.sandbox_url}/v1/checkout/sessions/{payment['token']}?expand[]=payment_intent",
        headers={"Authorization": "Bearer sk_test_dashboard"},
    ).json()
    return str(session["payment_intent"]["latest_charge"])


def contested(town: Town, shop: Shop, card: str = CONTESTED, amount_minor: int = 10000) -> Any:
    """A captured payment with its dispute."""
    payment = shop.open_payment(amount_minor)
    shop.pay(payment, card=card)
    found = eventually(lambda: find(shop, payment["id"]), lambda payment: payment["disputes"] != [])
    town.settle()
    return find(shop, found["id"])


def answer(shop: Shop, dispute: Any, text: str, **more: Any) -> Any:
    given = {"disputeId": dispute["id"], "idempotencyKey": os.urandom(8).hex(), "evidence": {"uncategorizedText": text}}
    return shop.ask(SUBMIT, input=given | more)["disputeEvidenceSubmit"]


def test_a_dispute_takes_the_money_and_a_winning_answer_brings_it_back(town: Town, shop: Shop) -> None:
    payment = contested(town, shop)
    (dispute,) = payment["disputes"]
    assert (dispute["status"], dispute["amount"]["amountMinor"], dispute["canRespond"]) == (
        "NEEDS_RESPONSE",
        10000,
        True,
    )
    assert dispute["dueBy"] is not None
    assert payment["disputed"]["amountMinor"] == 10000
    assert books(payment) == {"merchant_payable": -10000, "disputes": 10000}
    refused = shop.ask(
        REFUND, input={"paymentId": payment["id"], "idempotencyKey": "r", "reason": "REQUESTED_BY_CUSTOMER"}
    )
    assert codes(refused["refundCreate"]) == ["PAYMENT_DISPUTED"]

    answered = answer(shop, dispute, "winning_evidence")
    assert codes(answered) == []
    assert answered["dispute"]["evidenceSubmittedAt"] is not None
    town.sandbox("POST", "/clock/advance", seconds=120)
    town.settle()
    won = eventually(lambda: find(shop, payment["id"]), lambda payment: payment["disputes"][0]["status"] == "WON")
    assert won["disputed"]["amountMinor"] == 0
    assert books(won) == {"merchant_payable": -10000, "psp_receivable": 10000}
    assert codes(answer(shop, dispute, "more")) == ["EVIDENCE_SUBMITTED"]
    done = shop.ask(
        REFUND, input={"paymentId": payment["id"], "idempotencyKey": "r2", "reason": "REQUESTED_BY_CUSTOMER"}
    )
    assert codes(done["refundCreate"]) == []


def test_a_losing_answer_leaves_the_loss_with_the_merchant(town: Town, shop: Shop) -> None:
    payment = contested(town, shop)
    answer(shop, payment["disputes"][0], "losing_evidence")
    town.sandbox("POST", "/clock/advance", seconds=120)
    lost = eventually(lambda: find(shop, payment["id"]), lambda payment: payment["disputes"][0]["status"] == "LOST")
    town.settle()
    lost = find(shop, payment["id"])
    assert lost["disputed"]["amountMinor"] == 10000
    assert books(lost) == {}
    assert lost["disputes"][0]["respondCode"] in {"DISPUTE_CLOSED", "EVIDENCE_SUBMITTED"}


def test_an_inquiry_moves_no_money_until_it_becomes_a_dispute(town: Town, shop: Shop) -> None:
    payment = contested(town, shop, INQUIRED)
    assert payment["disputes"][0]["status"] == "WARNING_NEEDS_RESPONSE"
    assert payment["disputed"]["amountMinor"] == 0
    assert books(payment) == {"merchant_payable": -10000, "psp_receivable": 10000}
    answer(shop, payment["disputes"][0], "escalate_inquiry_evidence")
    town.sandbox("POST", "/clock/advance", seconds=120)
    town.settle()
    grown = eventually(lambda: find(shop, payment["id"]), lambda p: p["disputed"]["amountMinor"] == 10000)
    (dispute,) = grown["disputes"]
    assert (dispute["status"], dispute["canRespond"], dispute["evidenceSubmittedAt"]) == ("NEEDS_RESPONSE", True, None)
    assert codes(answer(shop, dispute, "winning_evidence")) == []
    town.sandbox("POST", "/clock/advance", seconds=120)
    town.settle()
    eventually(lambda: find(shop, payment["id"]), lambda p: p["disputes"][0]["status"] == "WON")


def test_a_dispute_is_learned_of_with_every_webhook_lost(town: Town, shop: Shop) -> None:
    town.sandbox("POST", "/webhooks/rules", action="drop")
    payment = shop.open_payment(10000)
    shop.pay(payment, card=CONTESTED)
    town.settle()
    town.sweep(timedelta(minutes=10))
    found = find(shop, payment["id"])
    assert [dispute["status"] for dispute in found["disputes"]] == ["NEEDS_RESPONSE"]
    assert books(found) == {"merchant_payable": -10000, "disputes": 10000}


def test_a_dispute_after_a_partial_refund_and_a_refund_after_it_add_up(town: Town, shop: Shop) -> None:
    payment = shop.paid_order(10000)["payments"][0]
    amount = {"amountMinor": 3000, "currency": "EUR"}
    given = {"paymentId": payment["id"], "idempotencyKey": "part", "reason": "REQUESTED_BY_CUSTOMER", "amount": amount}
    assert codes(shop.ask(REFUND, input=given)["refundCreate"]) == []
    town.sandbox("POST", f"/charges/{charge_of(town, payment)}/dispute", amount=7000)
    found = eventually(lambda: find(shop, payment["id"]), lambda p: p["disputed"]["amountMinor"] == 7000)
    assert books(found) == {"merchant_payable": -7000, "disputes": 7000}
    refused = shop.ask(REFUND, input=given | {"idempotencyKey": "rest", "amount": None})
    assert codes(refused["refundCreate"]) == ["PAYMENT_DISPUTED"]


def test_nothing_is_given_back_while_the_bank_holds_a_part(town: Town, shop: Shop) -> None:
    payment = shop.paid_order(10000)["payments"][0]
    town.sandbox("POST", f"/charges/{charge_of(town, payment)}/dispute", amount=4000)
    eventually(lambda: find(shop, payment["id"]), lambda p: p["disputed"]["amountMinor"] == 4000)
    actions = shop.ask("query ($id: ID!) { payment(id: $id) { actions { name enabled code } } }", id=payment["id"])
    (refund,) = [action for action in actions["payment"]["actions"] if action["name"] == "REFUND"]
    assert (refund["enabled"], refund["code"]) == (False, "PAYMENT_DISPUTED")
    given = {"paymentId": payment["id"], "idempotencyKey": "r", "reason": "REQUESTED_BY_CUSTOMER"}
    assert codes(shop.ask(REFUND, input=given)["refundCreate"]) == ["PAYMENT_DISPUTED"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_the_psp_fails_at_is_looked_up(town: Town, shop: Shop, when: str) -> None:
    (dispute,) = contested(town, shop)["disputes"]
    town.sandbox("POST", "/faults", method="POST", path="/v1/disputes/*", when=when, kind="status", status=500, next=3)
    first = answer(shop, dispute, "winning_evidence", idempotencyKey="once")
    if when == "after":
        assert (codes(first), first["dispute"]["canRespond"]) == ([], False)
        return
    assert codes(first) == ["GATEWAY_REFUSED"]
    assert codes(answer(shop, dispute, "winning_evidence", idempotencyKey="twice")) == []


def test_reserved_money_that_was_warned_of_goes_back_when_it_is_taken(town: Town, shop: Shop) -> None:
    shop.ask(POLICY, input={"earlyWarnings": "REFUND"})
    payment = shop.checkout(shop.order(10000)["id"], captureMethod="MANUAL")["payment"]
    shop.pay(payment)
    eventually(lambda: find(shop, payment["id"]), lambda payment: payment["status"] == "AUTHORIZED")
    town.sandbox("POST", f"/charges/{charge_of(town, payment)}/fraud_warning")
    eventually(
        lambda: find(shop, payment["id"])["timeline"]["nodes"],
        lambda events: any(event["type"] == "payment.fraud_warning" for event in events),
    )
    capture = "mutation ($input: PaymentCaptureInput!) { paymentCapture(input: $input) { userErrors { code } } }"
    assert codes(shop.ask(capture, input={"paymentId": payment["id"], "idempotencyKey": "c"})["paymentCapture"]) == []
    eventually(lambda: find(shop, payment["id"]), lambda p: p["refunded"]["amountMinor"] == 10000)


def test_a_deadline_that_comes_near_is_told_once(town: Town, shop: Shop) -> None:
    payment = contested(town, shop)
    cause = Cause(CauseKind.SYSTEM, "test")
    later = clock.now() + timedelta(days=60)
    while town.call(respond.alert_next(cause=cause, now=later)):
        pass
    told = [event["type"] for event in find(shop, payment["id"])["timeline"]["nodes"]]
    assert told.count("dispute.due_soon") == 1


def test_bad_answers_are_refused_and_nothing_changes(town: Town, shop: Shop) -> None:
    payment = contested(town, shop)
    (dispute,) = payment["disputes"]
    assert codes(answer(shop, dispute, "")) == ["REQUIRED"]
    assert codes(answer(shop, dispute, "card 4242 4242 4242 4242")) == ["CARD_NUMBER"]
    assert codes(answer(shop, {"id": payment["id"]}, "x")) == ["INVALID_ID"]
    assert codes(answer(town.merchant(), dispute, "x")) == ["NOT_FOUND"]
    assert find(shop, payment["id"])["disputes"] == [dispute]


@pytest.mark.parametrize(("policy", "refunds"), [("NONE", []), ("ALERT", []), ("REFUND", ["FRAUDULENT"])])
def test_an_early_warning_of_fraud_brings_about_what_the_policy_says(
    town: Town, shop: Shop, policy: str, refunds: list[str]
) -> None:
    assert shop.ask(POLICY, input={"earlyWarnings": policy})["fraudPolicySet"] == {"earlyWarnings": policy}
    payment = shop.open_payment(10000)
    shop.pay(payment, card=WARNED)
    warned = "SELECT policy FROM fraud_warnings WHERE payment_id = $1"
    rows = eventually(lambda: town.call(reading.fetch(warned, payment["id"])))
    assert rows == [{"policy": policy.lower()}]
    found = find(shop, payment["id"])
    told = [event["type"] for event in found["timeline"]["nodes"]].count("payment.fraud_warning")
    assert told == (0 if policy == "NONE" else 1)
    assert [refund["reason"] for refund in found["refunds"]] == refunds
    if refunds:
        eventually(lambda: find(shop, payment["id"]), lambda payment: payment["refunded"]["amountMinor"] == 10000)
