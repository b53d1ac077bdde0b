"""Radar: early fraud warnings from issuers, and reviews of payments of elevated risk."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import events, ids, params
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidRequest
from sandbox.world import Call

FRAUD_TYPES: Final = (
    "card_never_received",
    "fraudulent_card_application",
    "made_with_counterfeit_card",
    "made_with_lost_card",
    "made_with_stolen_card",
    "misc",
    "unauthorized_use_of_card",
)

# -- early fraud warnings --------------------------------------------------------------


def warn(call: Call, charge: Json, fraud_type: str = "misc") -> Json:
    """The issuer suspects fraud; a refund now avoids a dispute: radar.early_fraud_warning.created."""
    warning = call.insert(
        {
            "id": ids.new("issfr"),
            "object": "radar.early_fraud_warning",
            "actionable": not charge["disputed"] and not charge["refunded"],
            "charge": charge["id"],
            "created": call.now,
            "fraud_type": fraud_type,
            "livemode": call.livemode,
            "payment_intent": charge["payment_intent"],
        }
    )
    events.emit(call, "radar.early_fraud_warning.created", warning)
    return warning


def disputed(call: Call, charge: Json) -> None:
    """Nothing can be averted any more."""
    _too_late(call, charge)
    _close_review(call, charge, "disputed")


def refunded(call: Call, charge: Json, reason: str | None) -> None:
    """A full refund answers a warning and a review."""
    if charge["refunded"]:
        _too_late(call, charge)
        _close_review(call, charge, "refunded_as_fraud" if reason == "fraudulent" else "refunded")


def canceled(call: Call, charge: Json) -> None:
    """The authorization is given up: there is nothing left to review."""
    _close_review(call, charge, "canceled")


def _too_late(call: Call, charge: Json) -> None:
    for warning in call.store.linked(call.livemode, "radar.early_fraud_warning", "charge", charge["id"]):
        events.change(call, warning, "radar.early_fraud_warning.updated", actionable=False)


WARNING_FILTERS: Final = ("charge", "payment_intent")


@endpoint(
    "GET",
    "/v1/radar/early_fraud_warnings",
    {**params.PAGE, "created": params.moment, **dict.fromkeys(WARNING_FILTERS, params.text())},
)
def list_warnings(call: Call, given: dict[str, Any]) -> Json:
    where = [(equals(name), given[name]) for name in WARNING_FILTERS if name in given]
    return page(call, "radar.early_fraud_warning", given, "/v1/radar/early_fraud_warnings", where)


@endpoint("GET", "/v1/radar/early_fraud_warnings/{id}")
def retrieve_warning(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "radar.early_fraud_warning")


# -- reviews ---------------------------------------------------------------------------


def open_review(call: Call, charge: Json, intent: Json) -> None:
    """Puts the payment before a human: review.opened. Does nothing unless its outcome asks for it."""
    if charge["outcome"]["type"] != "manual_review":
        return
    review = call.insert(
        {
            "id": ids.new("prv"),
            "object": "review",
            "billing_zip": (charge["billing_details"]["address"] or {}).get("postal_code"),
            "charge": charge["id"],
            "closed_reason": None,
            "created": call.now,
            "ip_address": None,
            "ip_address_location": None,
            "livemode": call.livemode,
            "open": True,
            "opened_reason": "rule",
            "payment_intent": charge["payment_intent"],
            "reason": "rule",
            "session": None,
        }
    )
    events.change(call, charge, review=review["id"])
    events.change(call, intent, review=review["id"])
    events.emit(call, "review.opened", review)


def _close_review(call: Call, charge: Json, reason: str) -> None:
    review = call.find(charge["review"], "review")
    if review and review["open"]:
        close(call, review, reason)


def close(call: Call, review: Json, reason: str) -> Json:
    events.change(call, review, open=False, closed_reason=reason, reason=reason)
    events.emit(call, "review.closed", review)
    return review


@endpoint("GET", "/v1/reviews", {**params.PAGE, "created": params.moment})
def list_reviews(call: Call, given: dict[str, Any]) -> Json:
    """Only the open ones, as Stripe does."""
    return page(call, "review", given, "/v1/reviews", [("json_extract(body, '$.open') = ?", 1)])


@endpoint("GET", "/v1/reviews/{id}")
def retrieve_review(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "review")


@endpoint("POST", "/v1/reviews/{id}/approve")
def approve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    review = call.get(identifier, "review")
    if not review["open"]:
        raise InvalidRequest(f"This review has already been closed ({review['closed_reason']}).")
    return close(call, review, "approved")
