"""/v1/disputes"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import disputes, events, params
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

MOST_CHARACTERS: Final = 150_000
FILTERS: Final = ("charge", "payment_intent")
EVIDENCE: Final[params.Shape] = {
    **dict.fromkeys(disputes.TEXTS, params.text(20_000)),
    **dict.fromkeys([*disputes.FILES, "appeal", "enhanced_evidence"], params.not_here),
}
SUBMISSION: Final = params.choice("manual", "prefer_manual", "prefer_smart_disputes", "smart_disputes")


@endpoint("GET", "/v1/disputes", {**params.PAGE, "created": params.moment, **dict.fromkeys(FILTERS, params.text())})
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where = [(equals(name), given[name]) for name in FILTERS if name in given]
    return page(call, "dispute", given, "/v1/disputes", where)


@endpoint("GET", "/v1/disputes/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "dispute")


@endpoint(
    "POST",
    "/v1/disputes/{id}",
    {
        "evidence": params.shape(EVIDENCE),
        "intended_submission_method": SUBMISSION,
        "metadata": params.metadata,
        "submit": params.boolean,
    },
)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """Evidence is sent to the bank at once unless submit=false, which stages it."""
    dispute = call.get(identifier, "dispute")
    changes = params.picked(given, "intended_submission_method")
    if "metadata" in given:
        changes["metadata"] = params.merged(dispute["metadata"], given["metadata"])
    submit = given.get("submit", "evidence" in given)
    if submit or "evidence" in given:
        _require_answerable(dispute)
    if "evidence" in given:
        changes |= _staged(dispute, given["evidence"])
    if not submit:
        return events.change(call, dispute, "charge.dispute.updated", **changes)
    disputes.submit(call, dispute, changes)
    return dispute


def _staged(dispute: Json, evidence: Json) -> Json:
    """The dispute's fields with the evidence added to what it has."""
    both = {**dispute["evidence"], **evidence}
    if sum(len(text) for text in both.values() if isinstance(text, str)) > MOST_CHARACTERS:
        raise InvalidParameter(
            f"The combined character count of all evidence is limited to {MOST_CHARACTERS:,}.", param="evidence"
        )
    return {"evidence": both, "evidence_details": {**dispute["evidence_details"], "has_evidence": True}}


def _require_answerable(dispute: Json) -> None:
    if dispute["status"] in disputes.AFTER_EVIDENCE.values():
        raise InvalidRequest("Evidence for this dispute has already been submitted; it is under review.")
    if dispute["status"] not in disputes.AFTER_EVIDENCE:
        raise InvalidRequest("This dispute is already closed.")


@endpoint("POST", "/v1/disputes/{id}/close")
def close(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """Concedes; there is no way back."""
    dispute = call.get(identifier, "dispute")
    if dispute["status"] not in disputes.AFTER_EVIDENCE:
        raise InvalidRequest(
            f"This dispute cannot be closed because it has a status of {dispute['status']}."
            if dispute["status"] in disputes.OPEN
            else "This dispute is already closed."
        )
    disputes.accept(call, dispute)
    return dispute
