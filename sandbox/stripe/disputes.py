"""The life of a dispute: opened by the cardholder's bank, answered with evidence, decided. (dispute_calls.py: its API.)

A chargeback debits the amount and a fee at once; an inquiry debits nothing unless it escalates to a chargeback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from sandbox.store import Json
from sandbox.stripe import cards, events, ids, ledger, radar
from sandbox.world import Call, public

Case = Literal["chargeback", "inquiry", "block"]
Verdict = Literal["won", "lost", "escalated", "prevented"]

STATUS: Final[dict[Case, str]] = {
    "chargeback": "needs_response",
    "inquiry": "warning_needs_response",
    "block": "prevented",
}
AFTER_EVIDENCE: Final = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
OPEN: Final = (*AFTER_EVIDENCE, *AFTER_EVIDENCE.values())
REASONS: Final = (
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)
VISA_CODES: Final = {
    "credit_not_processed": "13.6",
    "duplicate": "12.6.1",
    "fraudulent": "10.4",
    "product_not_received": "13.1",
    "product_unacceptable": "13.3",
    "subscription_canceled": "13.2",
}
"""Visa's own codes of the reasons; the sandbox knows no other network's."""
TEXTS: Final = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
FILES: Final = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)
VERDICTS: Final[dict[str, Verdict]] = {
    "winning_evidence": "won",
    "losing_evidence": "lost",
    "escalate_inquiry_evidence": "escalated",
}
"""What the bank decides when uncategorized_text says so; any other evidence stays under review."""


def disputable(call: Call, charge: Json) -> int:
    """Minor units of the charge that can still be disputed: what is neither refunded nor disputed already."""
    if charge["status"] != "succeeded" or not charge["captured"]:
        return 0
    known = call.store.linked(call.livemode, "dispute", "charge", charge["id"])
    taken = sum(each["amount"] for each in known if each["status"] not in ("won", "warning_closed", "prevented"))
    return int(charge["amount"] - charge["amount_refunded"] - taken)


def open_case(call: Call, charge: Json, reason: str, amount: int, case: Case) -> Json:
    """The bank raises a dispute of `amount` minor units: charge.dispute.created, and its debit if it has one."""
    dispute = call.insert(_document(call, charge, reason, amount, case))
    if case == "chargeback":
        _withdraw(call, dispute)
    events.change(call, charge, disputed=True)
    events.emit(call, "charge.dispute.created", dispute)
    if case == "chargeback":
        events.emit(call, "charge.dispute.funds_withdrawn", dispute)
    if case != "block":
        _await_response(call, dispute)
        radar.disputed(call, charge)
    return dispute


def _document(call: Call, charge: Json, reason: str, amount: int, case: Case) -> Json:
    open_for_answers = case != "block"
    seconds = call.world.settings.dispute_response_seconds
    dispute: Json = {
        "id": ids.new("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys([*TEXTS, *FILES]), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + seconds if open_for_answers else None,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": case != "chargeback",
        "livemode": call.livemode,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": STATUS[case],
        "_": {},
    }
    part = charge["payment_method_details"]
    if part["type"] == "card":
        network = part["card"]["network"]
        code = VISA_CODES.get(reason) if network == "visa" else None
        facts = {"brand": part["card"]["brand"], "case_type": case, "network": network, "network_reason_code": code}
        dispute["payment_method_details"] = {"card": facts, "type": "card"}
    return dispute


def _await_response(call: Call, dispute: Json) -> None:
    """From its due date on an unanswered dispute is over."""
    call.schedule("close_unanswered", dispute["id"], dispute["evidence_details"]["due_by"] - call.world.now())


# -- money -----------------------------------------------------------------------------


def _withdraw(call: Call, dispute: Json) -> None:
    fee = ledger.from_hundredths(call.world.settings.dispute_fee, dispute["currency"])
    dispute["_"]["fee"] = fee
    _book(call, dispute, -dispute["amount"], fee, "withdrawal", "dispute")


def _reinstate(call: Call, dispute: Json) -> None:
    fee = dispute["_"].get("fee", 0) if call.world.settings.dispute_fee_returned else 0
    _book(call, dispute, dispute["amount"], -fee, "reversal", "dispute_reversal")
    events.emit(call, "charge.dispute.funds_reinstated", dispute)


def _book(call: Call, dispute: Json, amount: int, fee: int, word: str, category: str) -> None:
    line = ledger.post(
        call,
        dispute,
        "adjustment",
        amount,
        fee=fee,
        fee_for="Dispute fee",
        description=f"Chargeback {word} for {dispute['charge']}",
        category=category,
    )
    dispute["balance_transactions"].append(public(line))
    call.save(dispute)


# -- evidence and decision -------------------------------------------------------------


def submit(call: Call, dispute: Json, changes: Json) -> None:
    """Hands what is staged to the bank: charge.dispute.updated; it decides after a while."""
    details = {
        **dispute["evidence_details"],
        "has_evidence": dispute["evidence_details"]["has_evidence"] or "evidence" in changes,
        "past_due": call.now > dispute["evidence_details"]["due_by"],
        "submission_count": dispute["evidence_details"]["submission_count"] + 1,
        "submission_method": "manual",
    }
    status = AFTER_EVIDENCE[dispute["status"]]
    changes = {**changes, "evidence_details": details, "status": status}
    events.change(call, dispute, "charge.dispute.updated", **changes)
    call.schedule("decide_dispute", dispute["id"], call.world.settings.dispute_outcome_seconds)


def decide_by_evidence(call: Call, dispute: Json) -> None:
    """The bank has read the evidence; only the words of VERDICTS make it decide."""
    text = dispute["evidence"]["uncategorized_text"] or ""
    verdict = next((verdict for words, verdict in VERDICTS.items() if words in text), None)
    if verdict is None or dispute["status"] not in AFTER_EVIDENCE.values():
        return
    if verdict != "escalated" or is_inquiry(dispute):
        decide(call, dispute, verdict)


def is_inquiry(dispute: Json) -> bool:
    return str(dispute["status"]).startswith("warning_")


def decide(call: Call, dispute: Json, verdict: Verdict) -> None:
    """The bank's word on an open dispute. An inquiry is closed by winning and by losing alike."""
    if verdict == "escalated":
        _escalate(call, dispute)
    elif verdict == "prevented":
        events.change(call, dispute, "charge.dispute.updated", status="prevented", is_charge_refundable=True)
        if dispute["balance_transactions"]:
            _reinstate(call, dispute)
    elif is_inquiry(dispute):
        _close(call, dispute, "warning_closed", refundable=True)
    elif verdict == "won":
        _close(call, dispute, "won", refundable=True)
        _reinstate(call, dispute)
    else:
        _lose(call, dispute)


def _close(call: Call, dispute: Json, status: str, *, refundable: bool) -> None:
    events.change(call, dispute, status=status, is_charge_refundable=refundable)
    events.emit(call, "charge.dispute.closed", dispute)


def _lose(call: Call, dispute: Json) -> None:
    """What the bank did not contest can be refunded again."""
    charge = call.get(dispute["charge"], "charge")
    _close(call, dispute, "lost", refundable=disputable(call, charge) > 0)


def _escalate(call: Call, dispute: Json) -> None:
    """An inquiry becomes a chargeback: the debit comes now, and new evidence may be sent."""
    seconds = call.world.settings.dispute_response_seconds
    details = {
        **dispute["evidence_details"],
        "due_by": call.now + seconds,
        "submission_count": 0,
        "submission_method": "not_submitted",
    }
    changes: dict[str, Any] = {"evidence_details": details, "is_charge_refundable": False, "status": "needs_response"}
    if part := dispute.get("payment_method_details"):
        changes["payment_method_details"] = {**part, "card": {**part["card"], "case_type": "chargeback"}}
    events.change(call, dispute, "charge.dispute.updated", **changes)
    _withdraw(call, dispute)
    events.emit(call, "charge.dispute.funds_withdrawn", dispute)
    _await_response(call, dispute)


def accept(call: Call, dispute: Json) -> None:
    """The merchant has nothing to say, in word or by silence."""
    if is_inquiry(dispute):
        _close(call, dispute, "warning_closed", refundable=True)
    else:
        _lose(call, dispute)


def close_unanswered(call: Call, dispute: Json) -> None:
    due = dispute["evidence_details"]["due_by"]
    if dispute["status"] in AFTER_EVIDENCE and call.now >= due:
        accept(call, dispute)


# -- how charges meet disputes ---------------------------------------------------------


def foresee(call: Call, charge: Json) -> None:
    """The money of a charge is ours: if its test card says so, a dispute or a fraud warning follows."""
    card = cards.BY_KEY.get(charge["_"].get("card") or "", cards.UNKNOWN)
    if card.dispute or card.fraud_warning:
        call.schedule("trouble_charge", charge["id"], call.world.settings.dispute_seconds)


def trouble(call: Call, charge: Json) -> None:
    card = cards.BY_KEY.get(charge["_"].get("card") or "", cards.UNKNOWN)
    if card.fraud_warning and not charge["refunded"]:
        radar.warn(call, charge)
    amount = disputable(call, charge)
    if card.dispute and amount > 0:
        open_case(call, charge, card.dispute, amount, "inquiry" if card.inquiry else "chargeback")


def forbids_refund(call: Call, charge: Json) -> bool:
    """Whether a dispute already took the charge's money back."""
    known = call.store.linked(call.livemode, "dispute", "charge", charge["id"])
    return any(not each["is_charge_refundable"] for each in known)


def lost(call: Call, charge: Json) -> int:
    """Minor units of the charge that its cardholder's bank keeps."""
    known = call.store.linked(call.livemode, "dispute", "charge", charge["id"])
    return sum(each["amount"] for each in known if each["status"] == "lost")


def refunded(call: Call, charge: Json) -> None:
    """A full refund is all that an inquiry wants."""
    if not charge["refunded"]:
        return
    for dispute in call.store.linked(call.livemode, "dispute", "charge", charge["id"]):
        if dispute["status"] in OPEN and is_inquiry(dispute):
            _close(call, dispute, "warning_closed", refundable=False)


JOBS: dict[str, Callable[[Call, Json], None]] = {
    "close_unanswered": close_unanswered,
    "decide_dispute": decide_by_evidence,
    "trouble_charge": trouble,
}
