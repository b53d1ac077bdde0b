"""What a connected account may do, from what is known of it. Pure.

`account["_"]` holds the facts: `due` and `pending`, the fields that are missing and those under verification;
`disabled`, why somebody stopped the account, and `stops`, what of it; `requested`, its capabilities and since when.
"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json

CAPABILITIES: Final = ("card_payments", "transfers")
STOPS: Final = ("payouts", "transfers")
"""What of an account can be stopped; with its transfers all capabilities are."""
BASIC: Final = ("business_profile.mcc", "business_profile.url", "tos_acceptance.date", "tos_acceptance.ip")
OF_BUSINESS: Final = {
    "company": ("company.name", "company.tax_id", "representative.first_name", "representative.last_name"),
    "individual": ("individual.dob.day", "individual.dob.month", "individual.dob.year", "individual.first_name"),
}
DOCUMENT: Final = "individual.verification.document"


def at_first(business_type: str | None) -> list[str]:
    """The fields that nobody has told Stripe yet."""
    own = OF_BUSINESS.get(business_type or "", ("business_type", *OF_BUSINESS["company"][2:]))
    return sorted([*BASIC, *own])


def facts(business_type: str | None, requested: dict[str, int]) -> Json:
    """Of a new account."""
    return {"due": at_first(business_type), "pending": [], "disabled": None, "stops": [], "requested": requested}


def stopped(account: Json) -> set[str]:
    """Which of STOPS are, a bank account aside."""
    known = account["_"]
    if known["disabled"] and account["details_submitted"]:
        return set(known["stops"])
    return set(STOPS) if known["due"] or known["pending"] or known["disabled"] else set()


def capability_status(account: Json, name: str) -> str:
    known = account["_"]
    if name not in known["requested"]:
        return "unrequested"
    if "transfers" not in stopped(account):
        return "active"
    return "pending" if known["pending"] and not known["due"] and not known["disabled"] else "inactive"


def derived(account: Json, *, payable: bool) -> dict[str, Any]:
    """The account's fields that follow; `payable`: it has a bank account that takes payouts."""
    known = account["_"]
    statuses = {name: capability_status(account, name) for name in known["requested"]}
    due = [*known["due"], *([] if payable else ["external_account"])]
    return {
        "capabilities": statuses,
        "charges_enabled": statuses.get("card_payments") == "active",
        "payouts_enabled": payable and "payouts" not in stopped(account),
        "requirements": needs(due, known["pending"], _disabled_reason(account, due)),
    }


def _disabled_reason(account: Json, due: list[str]) -> str | None:
    known = account["_"]
    if known["disabled"]:
        return str(known["disabled"])
    if due:
        return "requirements.past_due"
    return "requirements.pending_verification" if known["pending"] else None


def needs(due: list[str], pending: list[str], reason: str | None) -> Json:
    """A hash of requirements, of an account or of a capability. There is no grace: what is due is past due."""
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": reason,
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": pending,
    }


def capability(account: Json, name: str) -> Json:
    """The capability of an account as an object."""
    known, status = account["_"], capability_status(account, name)
    asked = name in known["requested"]
    due, pending = (known["due"], known["pending"]) if asked else ([], [])
    reason = None
    if asked and status != "active":
        reason = "rejected.other" if known["disabled"] else "requirements.fields_needed" if due else "pending.review"
    return {
        "id": name,
        "object": "capability",
        "account": account["id"],
        "future_requirements": needs([], [], None),
        "requested": asked,
        "requested_at": known["requested"].get(name),
        "requirements": needs(due, pending, reason),
        "status": status,
    }
