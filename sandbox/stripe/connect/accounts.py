"""Connected accounts: what they are made of, who may act as them, and how a change of one is told."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import events, ids, params
from sandbox.stripe.connect import banks, requirements, schedule
from sandbox.stripe.errors import Forbidden, InvalidParameter, missing
from sandbox.world import Call

EURO: Final = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"
CURRENCIES: Final = {
    **dict.fromkeys(EURO.split(), "eur"),
    "AE": "aed",
    "AU": "aud",
    "BR": "brl",
    "CA": "cad",
    "CH": "chf",
    "CZ": "czk",
    "DK": "dkk",
    "GB": "gbp",
    "HK": "hkd",
    "HU": "huf",
    "IN": "inr",
    "JP": "jpy",
    "MX": "mxn",
    "NO": "nok",
    "NZ": "nzd",
    "PL": "pln",
    "RO": "ron",
    "SE": "sek",
    "SG": "sgd",
    "TH": "thb",
    "US": "usd",
}
"""The countries that an account can be in, and their currency."""
KINDS: Final[dict[str, Json]] = {
    "standard": {"payer": "account", "losses": "stripe", "collection": "stripe", "dashboard": "full"},
    "express": {
        "payer": "application_express",
        "losses": "application",
        "collection": "stripe",
        "dashboard": "express",
    },
    "custom": {
        "payer": "application_custom",
        "losses": "application",
        "collection": "application",
        "dashboard": "none",
    },
}
PROFILE: Final = ("mcc", "name", "product_description", "support_email", "support_phone", "support_url", "url")


def no_access(identifier: str) -> Forbidden:
    return Forbidden(
        f"The provided key does not have access to account '{identifier[:40]}' (or that account does not exist). "
        "Application access may have been revoked.",
        code="account_invalid",
    )


def known(call: Call, identifier: str) -> Json | None:
    """The connected account, unless it was deleted or has left the platform."""
    account = call.of(None).find(identifier, "account")
    return None if account is None or account.get("deleted") or account["_"]["left"] else account


def get(call: Call, identifier: str) -> Json:
    """Raises Stripe's 403 for one that the caller has no access to."""
    account = known(call, identifier)
    if account is None or call.account not in (None, identifier):
        raise no_access(identifier)
    return account


def destination(call: Call, identifier: str) -> Json:
    """The account that a parameter names."""
    account = known(call, identifier)
    if account is None:
        raise missing("destination", identifier[:80], "destination")
    return account


def acting_as(call: Call, header: str | None) -> str | None:
    """The account of a call's Stripe-Account header; None for the platform itself."""
    if header is None or header == call.world.account:
        return None
    return str(get(call, header)["id"])


def controller(wanted: Json) -> tuple[str, Json]:
    """(type, controller) of a new account, by its `type` or its `controller`."""
    if "type" in wanted and "controller" in wanted:
        raise InvalidParameter(
            "You may only specify one of: type, controller.", code="parameters_exclusive", param="controller"
        )
    kind = wanted.get("type", "none" if "controller" in wanted else "standard")
    traits = dict(KINDS.get(kind, KINDS["standard"]))
    if given := wanted.get("controller"):
        traits["payer"] = given.get("fees", {}).get("payer", "account")
        traits["losses"] = given.get("losses", {}).get("payments", "stripe")
        traits["collection"] = given.get("requirement_collection", "stripe")
        traits["dashboard"] = given.get("stripe_dashboard", {}).get("type", "full")
        if traits["losses"] == "application" and traits["payer"] != "application":
            raise InvalidParameter(
                "When `controller[losses][payments]` is `application`, `controller[fees][payer]` must be too.",
                param="controller[fees][payer]",
            )
    return kind, {
        "fees": {"payer": traits["payer"]},
        "is_controller": True,
        "losses": {"payments": traits["losses"]},
        "requirement_collection": traits["collection"],
        "stripe_dashboard": {"type": traits["dashboard"]},
        "type": "application",
    }


def make(call: Call, given: dict[str, Any]) -> Json:
    """A new account, of which nothing is known yet. No event tells of it."""
    country = given.get("country", "US")
    if country not in CURRENCIES:
        raise InvalidParameter(
            f"Country '{country}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US'.",
            code="country_unsupported",
            param="country",
        )
    kind, control = controller(given)
    profile = {"annual_revenue": None, "minority_owned_business_designation": None, "support_address": None}
    profile |= {"specified_commercial_transactions_act_url": None, **dict.fromkeys(PROFILE)}
    requested = {name: call.now for name, wanted in given.get("capabilities", {}).items() if wanted["requested"]}
    account: Json = {
        "id": ids.new("acct", 16),
        "object": "account",
        "business_profile": profile | given.get("business_profile", {}),
        "business_type": given.get("business_type"),
        "controller": control,
        "country": country,
        "created": call.now,
        "default_currency": given.get("default_currency", CURRENCIES[country]),
        "details_submitted": False,
        "email": given.get("email"),
        "future_requirements": requirements.needs([], [], None),
        "metadata": params.merged({}, given.get("metadata")),
        "settings": _settings(),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": kind,
        "_": {**requirements.facts(given.get("business_type"), requested), "left": False},
    }
    account["settings"] = with_payouts(account["settings"], given.get("settings"))
    account |= {"external_accounts": banks.shown([], account["id"]), **requirements.derived(account, payable=False)}
    return call.insert(account)


def _settings() -> Json:
    descriptors = ("statement_descriptor", "statement_descriptor_kana", "statement_descriptor_kanji")
    prefixes = ("statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji")
    return {
        "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
        "card_payments": {
            "decline_on": {"avs_failure": False, "cvc_failure": False},
            **dict.fromkeys(("statement_descriptor_prefix", *prefixes)),
        },
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "payments": dict.fromkeys([*descriptors, *prefixes]),
        "payouts": {
            "debit_negative_balances": False,
            "schedule": {"delay_days": 2, "interval": "daily"},
            "statement_descriptor": None,
        },
    }


def with_payouts(settings: Json, given: Json | None) -> Json:
    """The account's settings with the payouts' changed."""
    changes = (given or {}).get("payouts", {})
    before = settings["payouts"]
    return {
        **settings,
        "payouts": {**before, **changes, "schedule": {**before["schedule"], **changes.get("schedule", {})}},
    }


def application_of(call: Call) -> str:
    """The platform's Connect application."""
    return f"ca_{call.world.keyed_hash('application', 32)}"


def leave(call: Call, account: Json) -> None:
    """The account's owner disconnects it from the platform: account.application.deauthorized."""
    account["_"]["left"] = True
    call.save(account)
    application = {"id": application_of(call), "object": "application", "name": call.world.settings.merchant_name}
    events.emit(call.of(account["id"]), "account.application.deauthorized", application)


def change(call: Call, account: Json, facts: Json | None = None, **changes: Any) -> Json:
    """Takes in what is new of an account: account.updated and capability.updated, as far as something follows."""
    before = {name: requirements.capability(account, name) for name in requirements.CAPABILITIES}
    account["_"] |= facts or {}
    own = banks.of_account(call.of(None), account["id"])
    following = requirements.derived({**account, **changes}, payable=banks.payable(own))
    inside = call.of(account["id"])
    shown = banks.shown(own, account["id"])
    events.change(inside, account, "account.updated", **changes, **following, external_accounts=shown)
    for name, old in before.items():
        new = requirements.capability(account, name)
        previous = {key: value for key, value in old.items() if new[key] != value}
        if previous:
            events.emit(inside, "capability.updated", new, previous)
    if account["payouts_enabled"]:
        schedule.plan(inside, call.world.now())
    return account
