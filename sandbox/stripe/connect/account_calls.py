"""/v1/accounts with their capabilities and external accounts."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import params
from sandbox.stripe.connect import accounts, banks, requirements
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest, missing, unsupported
from sandbox.world import Call


def _capabilities(value: params.Raw, name: str) -> dict[str, dict[str, bool]]:
    if not isinstance(value, dict):
        raise InvalidParameter("Invalid object", param=name)
    if strange := [each for each in value if each not in requirements.CAPABILITIES]:
        raise unsupported(f"{name}[{strange[0][:60]}]")
    one = params.shape({"requested*": params.boolean})
    return {each: one(wanted, f"{name}[{each}]") for each, wanted in value.items()}


def _delay(value: params.Raw, name: str) -> int:
    return 2 if value == "minimum" else params.integer(0, 31)(value, name)


SCHEDULE: Final[params.Shape] = {
    "delay_days": _delay,
    "interval": params.choice("daily", "manual"),
    "monthly_anchor": params.not_here,
    "monthly_payout_days": params.not_here,
    "weekly_anchor": params.not_here,
    "weekly_payout_days": params.not_here,
}
PAYOUTS: Final[params.Shape] = {
    "debit_negative_balances": params.boolean,
    "schedule": params.shape(SCHEDULE),
    "statement_descriptor": params.text(22),
}
FIELDS: Final[params.Shape] = {
    "account_token": params.not_here,
    "business_profile": params.shape({name: params.text(unset=True) for name in accounts.PROFILE}),
    "business_type": params.choice("company", "government_entity", "individual", "non_profit"),
    "capabilities": _capabilities,
    "company": params.not_here,
    "default_currency": params.currency,
    "documents": params.not_here,
    "email": params.email,
    "external_account": banks.given,
    "groups": params.not_here,
    "individual": params.not_here,
    "metadata": params.metadata,
    "settings": params.shape(
        {
            "payouts": params.shape(PAYOUTS),
            **dict.fromkeys(("branding", "card_issuing", "card_payments", "dashboard"), params.not_here),
            **dict.fromkeys(("bacs_debit_payments", "invoices", "payments", "treasury"), params.not_here),
        }
    ),
    "tos_acceptance": params.not_here,
}
CONTROLLER: Final[params.Shape] = {
    "fees": params.shape({"payer": params.choice("account", "application")}),
    "losses": params.shape({"payments": params.choice("application", "stripe")}),
    "requirement_collection": params.choice("application", "stripe"),
    "stripe_dashboard": params.shape({"type": params.choice("express", "full", "none")}),
}
CREATE: Final[params.Shape] = {
    **FIELDS,
    "controller": params.shape(CONTROLLER),
    "country": params.text(2),
    "type": params.choice(*accounts.KINDS),
}
REASONS: Final = {
    **dict.fromkeys(
        ("fraud_no_intent_to_fulfill", "fraud_other", "fraud_payment_method_casher", "fraud_payment_method_tester"),
        "rejected.platform_fraud",
    ),
    **dict.fromkeys(("credit", "other"), "rejected.platform_other"),
    "terms_of_service": "rejected.platform_terms_of_service",
}
"""The platform's word for a rejection, and Stripe's."""


@endpoint("POST", "/v1/accounts", CREATE)
def create(call: Call, given: dict[str, Any]) -> Json:
    account = accounts.make(call, given)
    if "external_account" in given:
        banks.add(call, account, given["external_account"])
        accounts.change(call, account)
    return account


@endpoint("GET", "/v1/accounts", {**params.PAGE, "created": params.moment})
def list_all(call: Call, given: dict[str, Any]) -> Json:
    here = "json_extract(body, '$.deleted') IS NULL AND json_extract(body, '$._.left') = ?"
    return page(call, "account", given, "/v1/accounts", [(here, False)])


@endpoint("GET", "/v1/accounts/{id}", connected=True)
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return accounts.get(call, identifier)


@endpoint("POST", "/v1/accounts/{id}", FIELDS)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    account = accounts.get(call, identifier)
    changes = params.picked(given, "business_type", "default_currency", "email")
    if "business_profile" in given:
        changes["business_profile"] = {**account["business_profile"], **given["business_profile"]}
    if "metadata" in given:
        changes["metadata"] = params.merged(account["metadata"], given["metadata"])
    if "settings" in given:
        changes["settings"] = accounts.with_payouts(account["settings"], given["settings"])
    if "external_account" in given:
        banks.add(call, account, given["external_account"], default=True)
    wanted = {name: each["requested"] for name, each in given.get("capabilities", {}).items()}
    return accounts.change(call, account, {"requested": _requested(call, account, wanted)}, **changes)


def _requested(call: Call, account: Json, wanted: dict[str, bool]) -> dict[str, int]:
    """The account's requested capabilities, and since when, after a change of some."""
    before: dict[str, int] = account["_"]["requested"]
    both = {**dict.fromkeys(before, True), **wanted}
    return {name: before.get(name, call.now) for name, asked in both.items() if asked}


@endpoint("DELETE", "/v1/accounts/{id}")
def delete(call: Call, given: dict[str, Any], identifier: str) -> Json:
    accounts.get(call, identifier)
    gone: Json = {"id": identifier, "object": "account", "deleted": True}
    call.save(gone)
    return gone


@endpoint(
    "POST",
    "/v1/accounts/{id}/reject",
    {"payouts_action": params.choice("none", "pause"), "reason*": params.choice(*REASONS)},
)
def reject(call: Call, given: dict[str, Any], identifier: str) -> Json:
    account = accounts.get(call, identifier)
    stops = ["transfers"] if given.get("payouts_action") == "none" else list(requirements.STOPS)
    return accounts.change(call, account, {"disabled": REASONS[given["reason"]], "stops": stops})


@endpoint("POST", "/v1/accounts/{id}/unreject")
def take_back(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """The platform takes its rejection back; Stripe's own stays."""
    account = accounts.get(call, identifier)
    if account["_"]["disabled"] not in REASONS.values():
        raise InvalidRequest(f"The account {identifier} was not rejected by you.")
    return accounts.change(call, account, {"disabled": None, "stops": []})


# -- capabilities ----------------------------------------------------------------------


@endpoint("GET", "/v1/accounts/{id}/capabilities")
def list_capabilities(call: Call, given: dict[str, Any], identifier: str) -> Json:
    account = accounts.get(call, identifier)
    data = [requirements.capability(account, name) for name in sorted(account["_"]["requested"])]
    return {"object": "list", "data": data, "has_more": False, "url": f"/v1/accounts/{identifier}/capabilities"}


def _capability_name(name: str) -> str:
    if name not in requirements.CAPABILITIES:
        raise missing("capability", name[:80])
    return name


@endpoint("GET", "/v1/accounts/{id}/capabilities/{name}")
def retrieve_capability(call: Call, given: dict[str, Any], identifier: str, name: str) -> Json:
    return requirements.capability(accounts.get(call, identifier), _capability_name(name))


@endpoint("POST", "/v1/accounts/{id}/capabilities/{name}", {"requested": params.boolean})
def update_capability(call: Call, given: dict[str, Any], identifier: str, name: str) -> Json:
    account = accounts.get(call, identifier)
    name = _capability_name(name)
    if "requested" in given:
        accounts.change(call, account, {"requested": _requested(call, account, {name: given["requested"]})})
    return requirements.capability(account, name)


# -- external accounts -----------------------------------------------------------------

BANK: Final[params.Shape] = {
    "account_holder_name": params.text(),
    "account_holder_type": params.choice("company", "individual"),
    "default_for_currency": params.boolean,
    "metadata": params.metadata,
}


@endpoint(
    "POST",
    "/v1/accounts/{id}/external_accounts",
    {"default_for_currency": params.boolean, "external_account*": banks.given, "metadata": params.metadata},
)
def add_bank(call: Call, given: dict[str, Any], identifier: str) -> Json:
    account = accounts.get(call, identifier)
    default, metadata = given.get("default_for_currency", False), given.get("metadata")
    made = banks.add(call, account, given["external_account"], default=default, metadata=metadata)
    accounts.change(call, account)
    return made


@endpoint(
    "GET", "/v1/accounts/{id}/external_accounts", {**params.PAGE, "object": params.choice("bank_account", "card")}
)
def list_banks(call: Call, given: dict[str, Any], identifier: str) -> Json:
    accounts.get(call, identifier)
    kind, url = given.get("object", "bank_account"), f"/v1/accounts/{identifier}/external_accounts"
    return page(call, kind, given, url, banks.where(identifier))


@endpoint("GET", "/v1/accounts/{id}/external_accounts/{bank}")
def retrieve_bank(call: Call, given: dict[str, Any], identifier: str, bank: str) -> Json:
    return banks.get(call, accounts.get(call, identifier), bank)


@endpoint("POST", "/v1/accounts/{id}/external_accounts/{bank}", BANK)
def update_bank(call: Call, given: dict[str, Any], identifier: str, bank: str) -> Json:
    account = accounts.get(call, identifier)
    changed = banks.update(call, banks.get(call, account, bank), given)
    accounts.change(call, account)
    return changed


@endpoint("DELETE", "/v1/accounts/{id}/external_accounts/{bank}")
def delete_bank(call: Call, given: dict[str, Any], identifier: str, bank: str) -> Json:
    account = accounts.get(call, identifier)
    gone = banks.remove(call, account, banks.get(call, account, bank))
    accounts.change(call, account)
    return gone
