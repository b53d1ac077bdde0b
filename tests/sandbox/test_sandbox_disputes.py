"""Disputes, inquiries and early fraud warnings: how they come, what they cost, how they end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.anyio

BACK = "https://shop.example/back"
DAY = 86400


async def pay(play: Any, method: str = "pm_card_createDispute", amount: int = 1000, **more: Any) -> Any:
    wanted = {"amount": amount, "currency": "usd", "confirm": True, "payment_method": method, "return_url": BACK}
    return await play.v1.payment_intents.create_async({**wanted, **more})


async def disputed(play: Any, method: str = "pm_card_createDispute", **more: Any) -> Any:
    intent = await pay(play, method, **more)
    await play.control("clock/advance", seconds=1)
    return (await play.v1.disputes.list_async({"payment_intent": intent.id})).data[0]


async def balance_of(play: Any) -> int:
    balance = await play.v1.balance.retrieve_async()
    return sum(row.amount for side in (balance.available, balance.pending) for row in side)


async def answer(play: Any, dispute: Any, text: str, **more: Any) -> Any:
    return await play.v1.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": text}, **more})


async def test_a_dispute_debits_amount_and_fee(play: Any) -> None:
    dispute = await disputed(play)
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 1000)
    assert dispute.evidence_details.due_by == pytest.approx(dispute.created + 9 * DAY, abs=2)
    assert dispute.payment_method_details.card.case_type == "chargeback"
    assert dispute.is_charge_refundable is False
    [line] = dispute.balance_transactions
    assert (line.amount, line.fee, line.net, line.type) == (-1000, 1500, -2500, "adjustment")
    assert (line.reporting_category, line.source) == ("dispute", dispute.id)
    charge = await play.v1.charges.retrieve_async(dispute.charge)
    assert (charge.disputed, charge.refunded) == (True, False)
    assert await balance_of(play) == 1000 - 59 - 2500
    assert (await play.settle())[-3:] == [
        "payment_intent.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]


@pytest.mark.parametrize(
    ("text", "status", "net", "refundable"),
    [("winning_evidence", "won", 941, True), ("losing_evidence", "lost", 941 - 2500, False)],
)
async def test_evidence_wins_or_loses(play: Any, text: str, status: str, net: int, refundable: bool) -> None:
    dispute = await disputed(play)
    sent = await answer(play, dispute, text)
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert (sent.evidence_details.has_evidence, sent.evidence_details.submission_method) == (True, "manual")
    with pytest.raises(stripe.InvalidRequestError, match="already been submitted"):
        await answer(play, dispute, "more")
    await play.control("clock/advance", seconds=5)
    ended = await play.v1.disputes.retrieve_async(dispute.id)
    assert (ended.status, ended.is_charge_refundable) == (status, refundable)
    assert len(ended.balance_transactions) == 1 + (status == "won")
    assert await balance_of(play) == net
    types = await play.settle()
    after = types[types.index("charge.dispute.funds_withdrawn") + 1 :]
    won = ["charge.dispute.funds_reinstated"] if status == "won" else []
    assert after == ["charge.dispute.updated", "charge.dispute.closed", *won]
    before = play.inbox.last("charge.dispute.updated")["previous_attributes"]
    assert before["status"] == "needs_response"
    assert before["evidence"] == {"uncategorized_text": None}
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        await answer(play, dispute, "more")
    await play.control("clock/advance", seconds=30 * DAY)
    assert (await play.v1.disputes.retrieve_async(dispute.id)).status == status


async def test_the_fee_may_be_kept(play: Any) -> None:
    await play.control("settings", dispute_fee_returned=False, dispute_fee=2000, dispute_outcome_seconds=0)
    dispute = await disputed(play)
    await answer(play, dispute, "winning_evidence")
    await play.control("clock/advance", seconds=0)
    won = await play.v1.disputes.retrieve_async(dispute.id, {"expand": ["charge", "payment_intent"]})
    assert [(line.amount, line.fee) for line in won.balance_transactions] == [(-1000, 2000), (1000, 0)]
    assert won.charge.payment_intent == won.payment_intent.id


@pytest.mark.parametrize(("currency", "amount", "fee"), [("jpy", 1000, 15), ("kwd", 10000, 15000), ("eur", 1000, 1500)])
async def test_the_fee_is_fifteen_of_the_currency(play: Any, currency: str, amount: int, fee: int) -> None:
    dispute = await disputed(play, currency=currency, amount=amount)
    assert (dispute.balance_transactions[0].fee, dispute.currency) == (fee, currency)


async def test_what_a_lost_dispute_was_not_about_can_be_refunded(play: Any) -> None:
    intent = await pay(play, "pm_card_visa")
    dispute = await play.control(f"charges/{intent.latest_charge}/dispute", amount=400)
    with pytest.raises(stripe.InvalidRequestError, match="has been charged back"):
        await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 100})
    lost = await play.control(f"disputes/{dispute['id']}/decide", outcome="lost")
    assert (lost["status"], lost["is_charge_refundable"]) == ("lost", True)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 601})
    assert (await play.v1.refunds.create_async({"payment_intent": intent.id})).amount == 600
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
        await play.v1.refunds.create_async({"payment_intent": intent.id})


async def test_evidence_is_staged_before_it_is_sent(play: Any) -> None:
    dispute = await disputed(play, "pm_card_createDisputeProductNotReceived")
    assert (dispute.reason, dispute.payment_method_details.card.network_reason_code) == ("product_not_received", "13.1")
    staged = await play.v1.disputes.update_async(
        dispute.id,
        {"evidence": {"shipping_carrier": "Fast", "shipping_tracking_number": "42"}, "submit": False},
    )
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    assert (staged.evidence_details.submission_count, staged.evidence.shipping_carrier) == (0, "Fast")
    noted = await play.v1.disputes.update_async(dispute.id, {"metadata": {"who": "Ann"}})
    assert (noted.status, noted.metadata.to_dict()) == ("needs_response", {"who": "Ann"})
    sent = await play.v1.disputes.update_async(dispute.id, {"submit": True})
    assert (sent.status, sent.evidence.shipping_tracking_number) == ("under_review", "42")
    await play.control("clock/advance", seconds=30 * DAY)
    assert (await play.v1.disputes.retrieve_async(dispute.id)).status == "under_review"
    decided = await play.control(f"disputes/{dispute.id}/decide", outcome="lost")
    assert decided["status"] == "lost"
    assert (await play.settle()).count("charge.dispute.updated") == 3


async def test_evidence_has_its_bounds(play: Any) -> None:
    dispute = await disputed(play)
    for evidence in (
        {"customer_name": "x" * 20001},
        {"receipt": "file_1"},
        {"enhanced_evidence": {"visa_compliance": {"fee_acknowledged": True}}},
        dict.fromkeys(
            (
                "access_activity_log",
                "cancellation_rebuttal",
                "cancellation_policy_disclosure",
                "duplicate_charge_explanation",
                "product_description",
                "refund_policy_disclosure",
                "refund_refusal_explanation",
                "uncategorized_text",
            ),
            "x" * 19000,
        ),
    ):
        with pytest.raises(stripe.InvalidRequestError):
            await play.v1.disputes.update_async(dispute.id, {"evidence": evidence})
    assert (await play.v1.disputes.retrieve_async(dispute.id)).evidence_details.has_evidence is False


async def test_silence_loses(play: Any) -> None:
    dispute = await disputed(play)
    await play.control("clock/advance", seconds=9 * DAY)
    assert (await play.v1.disputes.retrieve_async(dispute.id)).status == "lost"
    assert (await play.settle())[-1] == "charge.dispute.closed"


async def test_a_dispute_is_conceded(play: Any) -> None:
    dispute = await disputed(play)
    assert (await play.v1.disputes.close_async(dispute.id)).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        await play.v1.disputes.close_async(dispute.id)
    other = await disputed(play)
    await answer(play, other, "the truth")
    with pytest.raises(stripe.InvalidRequestError, match="under_review"):
        await play.v1.disputes.close_async(other.id)


async def test_an_inquiry_debits_nothing_until_it_escalates(play: Any) -> None:
    dispute = await disputed(play, "pm_card_createDisputeInquiry")
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert (dispute.is_charge_refundable, dispute.payment_method_details.card.case_type) == (True, "inquiry")
    assert await balance_of(play) == 941
    assert (await answer(play, dispute, "escalate_inquiry_evidence")).status == "warning_under_review"
    await play.control("clock/advance", seconds=5)
    raised = await play.v1.disputes.retrieve_async(dispute.id)
    assert (raised.status, raised.is_charge_refundable) == ("needs_response", False)
    assert raised.payment_method_details.card.case_type == "chargeback"
    assert raised.evidence_details.due_by > dispute.evidence_details.due_by
    assert await balance_of(play) == 941 - 2500
    assert (await play.settle())[-2:] == ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]
    await answer(play, dispute, "winning_evidence")
    await play.control("clock/advance", seconds=5)
    assert (await play.v1.disputes.retrieve_async(dispute.id)).status == "won"


@pytest.mark.parametrize("how", ["evidence", "silence", "close", "refund"])
async def test_an_inquiry_ends_without_debit(play: Any, how: str) -> None:
    dispute = await disputed(play, "pm_card_createDisputeInquiry")
    if how == "evidence":
        await answer(play, dispute, "winning_evidence")
        await play.control("clock/advance", seconds=5)
    elif how == "silence":
        await play.control("clock/advance", seconds=9 * DAY)
    elif how == "close":
        await play.v1.disputes.close_async(dispute.id)
    else:
        await play.v1.refunds.create_async({"charge": dispute.charge, "amount": 400})
        assert (await play.v1.disputes.retrieve_async(dispute.id)).status == "warning_needs_response"
        await play.v1.refunds.create_async({"charge": dispute.charge})
    ended = await play.v1.disputes.retrieve_async(dispute.id)
    assert (ended.status, ended.balance_transactions) == ("warning_closed", [])
    assert (await play.settle())[-1] == "charge.dispute.closed"


async def test_what_is_charged_back_is_not_refunded(play: Any) -> None:
    dispute = await disputed(play)
    with pytest.raises(stripe.InvalidRequestError, match="has been charged back") as caught:
        await play.v1.refunds.create_async({"payment_intent": dispute.payment_intent})
    assert caught.value.code == "charge_disputed"
    await answer(play, dispute, "winning_evidence")
    await play.control("clock/advance", seconds=5)
    assert (await play.v1.refunds.create_async({"payment_intent": dispute.payment_intent})).status == "succeeded"
    assert await balance_of(play) == -59


async def test_a_bank_disputes_any_captured_charge(play: Any) -> None:
    intent = await pay(play, "pm_card_mastercard")
    await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 300})
    path = f"/sandbox/charges/{intent.latest_charge}/dispute"
    for body in ({"amount": 701}, {"reason": "nonsense"}, {"amount": 0}):
        assert (await play.browser.post(path, json=body)).status_code == 400
    first = (await play.browser.post(path, json={"amount": 200, "reason": "duplicate", "inquiry": True})).json()
    assert (first["amount"], first["reason"], first["status"]) == (200, "duplicate", "warning_needs_response")
    assert first["payment_method_details"]["card"]["network_reason_code"] is None
    second = (await play.browser.post(path, json={})).json()
    assert (second["amount"], second["reason"]) == (500, "fraudulent")
    assert (await play.browser.post(path, json={})).status_code == 400
    listed = await play.v1.disputes.list_async({"charge": intent.latest_charge, "limit": 1})
    assert ([each.id for each in listed.data], listed.has_more) == ([second["id"]], True)
    escalate = await play.browser.post(f"/sandbox/disputes/{second['id']}/decide", json={"outcome": "escalated"})
    assert escalate.status_code == 400
    held = await pay(play, "pm_card_visa", capture_method="manual")
    assert (await play.browser.post(f"/sandbox/charges/{held.latest_charge}/dispute", json={})).status_code == 400
    assert (await play.browser.post("/sandbox/charges/ch_nope/dispute", json={})).status_code == 404
    await play.settle()


async def test_a_dispute_is_prevented_before_or_after_it_came(play: Any) -> None:
    intent = await pay(play, "pm_card_visa")
    stopped = await play.control(f"charges/{intent.latest_charge}/dispute", prevented=True)
    assert (stopped["status"], stopped["balance_transactions"]) == ("prevented", [])
    raised = await play.control(f"charges/{intent.latest_charge}/dispute")
    ended = await play.control(f"disputes/{raised['id']}/decide", outcome="prevented")
    assert (ended["status"], len(ended["balance_transactions"])) == ("prevented", 2)
    assert await balance_of(play) == 941
    assert (await play.browser.post(f"/sandbox/disputes/{raised['id']}/decide", json={})).status_code == 400
    again = await play.browser.post(f"/sandbox/disputes/{raised['id']}/decide", json={"outcome": "won"})
    assert again.status_code == 400
    await play.settle()


async def test_a_disputed_authorization_is_disputed_when_captured(play: Any) -> None:
    intent = await pay(play, capture_method="manual")
    await play.control("clock/advance", seconds=60)
    assert (await play.v1.disputes.list_async()).data == []
    await play.v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 600})
    await play.control("clock/advance", seconds=1)
    assert [each.amount for each in (await play.v1.disputes.list_async()).data] == [600]


async def test_a_full_refund_before_the_dispute_averts_it(play: Any) -> None:
    await play.control("settings", dispute_seconds=5)
    intent = await pay(play)
    await play.v1.refunds.create_async({"payment_intent": intent.id})
    await play.control("clock/advance", seconds=60)
    assert (await play.v1.disputes.list_async()).data == []


async def test_no_dispute_by_that_name(play: Any) -> None:
    for call in (play.v1.disputes.retrieve_async, play.v1.disputes.close_async):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await call("du_nope")
        assert caught.value.code == "resource_missing"


# -- radar -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["refund", "dispute"])
async def test_an_early_fraud_warning_asks_for_a_refund(play: Any, end: str) -> None:
    intent = await pay(play, "pm_card_createIssuerFraudRecord")
    await play.control("clock/advance", seconds=1)
    [warning] = (await play.v1.radar.early_fraud_warnings.list_async({"payment_intent": intent.id})).data
    assert (warning.actionable, warning.charge, warning.fraud_type) == (True, intent.latest_charge, "misc")
    if end == "refund":
        await play.v1.refunds.create_async({"payment_intent": intent.id, "amount": 1, "reason": "fraudulent"})
        assert (await play.v1.radar.early_fraud_warnings.retrieve_async(warning.id)).actionable is True
        await play.v1.refunds.create_async({"payment_intent": intent.id, "reason": "fraudulent"})
    else:
        await play.control(f"charges/{intent.latest_charge}/dispute")
    after = await play.v1.radar.early_fraud_warnings.retrieve_async(warning.id, {"expand": ["charge"]})
    assert (after.actionable, after.charge.id) == (False, intent.latest_charge)
    types = await play.settle()
    assert "radar.early_fraud_warning.created" in types
    assert play.inbox.last("radar.early_fraud_warning.updated")["previous_attributes"] == {"actionable": True}


async def test_an_issuer_warns_of_any_charge(play: Any) -> None:
    intent = await pay(play, "pm_card_visa")
    warning = await play.control(f"charges/{intent.latest_charge}/fraud_warning", fraud_type="made_with_stolen_card")
    assert (warning["fraud_type"], warning["actionable"]) == ("made_with_stolen_card", True)
    with pytest.raises(stripe.CardError) as caught:
        await pay(play, "pm_card_chargeDeclinedExpiredCard")
    failed = await play.browser.post(f"/sandbox/charges/{caught.value.error.charge}/fraud_warning", json={})
    assert failed.status_code == 400


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("approve", "approved"),
        ("refund", "refunded_as_fraud"),
        ("dispute", "disputed"),
        ("cancel", "canceled"),
    ],
)
async def test_an_elevated_risk_is_reviewed(play: Any, end: str, reason: str) -> None:
    manual = {"capture_method": "manual"} if end == "cancel" else {}
    intent = await pay(play, "pm_card_riskLevelElevated", **manual, expand=["latest_charge", "review"])
    assert (intent.review.open, intent.review.reason, intent.review.charge) == (True, "rule", intent.latest_charge.id)
    outcome = intent.latest_charge.outcome
    assert (outcome.type, outcome.risk_level, outcome.reason) == ("manual_review", "elevated", "elevated_risk_level")
    assert [each.id for each in (await play.v1.reviews.list_async()).data] == [intent.review.id]
    if end == "approve":
        await play.v1.reviews.approve_async(intent.review.id)
        with pytest.raises(stripe.InvalidRequestError, match="already been closed"):
            await play.v1.reviews.approve_async(intent.review.id)
    elif end == "refund":
        await play.v1.refunds.create_async({"payment_intent": intent.id, "reason": "fraudulent"})
    elif end == "dispute":
        await play.control(f"charges/{intent.latest_charge.id}/dispute")
    else:
        await play.v1.payment_intents.cancel_async(intent.id)
    closed = await play.v1.reviews.retrieve_async(intent.review.id)
    assert (closed.open, closed.closed_reason) == (False, reason)
    assert (await play.v1.reviews.list_async()).data == []
    assert {"review.opened", "review.closed"} <= set(await play.settle())


async def test_reviews_can_be_switched_off(play: Any) -> None:
    await play.control("settings", review_elevated_risk=False)
    intent = await pay(play, "pm_card_riskLevelElevated", expand=["latest_charge"])
    assert (intent.review, intent.latest_charge.outcome.type) == (None, "authorized")
    assert intent.latest_charge.outcome.risk_level == "elevated"


async def test_a_blocked_card_never_reaches_its_bank(play: Any) -> None:
    with pytest.raises(stripe.CardError) as caught:
        await pay(play, "pm_card_radarBlock")
    charge = await play.v1.charges.retrieve_async(caught.value.error.charge)
    outcome = charge.outcome
    assert (outcome.type, outcome.risk_level, outcome.network_status) == ("blocked", "highest", "not_sent_to_network")
