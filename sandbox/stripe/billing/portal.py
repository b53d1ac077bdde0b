"""/v1/billing_portal: a page where a customer keeps what they pay with up to date."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import customers, events, ids, params, setups
from sandbox.stripe.billing import standing
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.following import follow
from sandbox.stripe.session_form import LOCALES
from sandbox.world import Call

FLOW: Final[params.Shape] = {
    **dict.fromkeys(
        ("subscription_cancel", "subscription_pause", "subscription_update", "subscription_update_confirm"),
        params.not_here,
    ),
    "after_completion": params.shape(
        {
            "hosted_confirmation": params.shape({"custom_message": params.text()}),
            "redirect": params.shape({"return_url*": params.url}),
            "type*": params.choice("hosted_confirmation", "portal_homepage", "redirect"),
        }
    ),
    "type*": params.choice("payment_method_update"),
}


@endpoint(
    "POST",
    "/v1/billing_portal/sessions",
    {
        "after_expiration": params.not_here,
        "configuration": params.text(),
        "customer*": params.text(),
        "customer_account": params.not_here,
        "flow_data": params.shape(FLOW),
        "locale": params.choice(*LOCALES, "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-SG"),
        "on_behalf_of": params.not_here,
        "return_url": params.url,
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    customer = customers.alive(call, given["customer"])
    identifier, configuration = ids.new("bps"), default_configuration(call)
    if "configuration" in given:
        configuration = call.get(given["configuration"], "billing_portal.configuration", "configuration")
    session = call.insert(
        {
            "id": identifier,
            "object": "billing_portal.session",
            "configuration": configuration["id"],
            "created": call.now,
            "customer": customer["id"],
            "customer_account": None,
            "flow": _flow(given.get("flow_data")),
            "livemode": call.livemode,
            "locale": given.get("locale"),
            "on_behalf_of": None,
            "return_url": given.get("return_url"),
            "url": f"{call.base_url}/c/portal/{identifier}",
        }
    )
    events.emit(call, "billing_portal.session.created", session)
    return session


def _flow(asked: dict[str, Any] | None) -> Json | None:
    if asked is None:
        return None
    after = {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"}
    names = ("customer_update", "subscription_cancel", "subscription_pause", "subscription_update")
    return {
        **dict.fromkeys((*names, "subscription_update_confirm")),
        "after_completion": {**after, **(asked.get("after_completion") or {})},
        "type": asked["type"],
    }


def default_configuration(call: Call) -> Json:
    """What the portal offers; the only configuration of the sandbox."""
    known = call.store.select(call.livemode, "billing_portal.configuration", [], limit=1)
    if known:
        return known[0]
    off: Json = {"enabled": False}
    return call.insert(
        {
            "id": ids.new("bpc"),
            "object": "billing_portal.configuration",
            "active": True,
            "application": None,
            "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
            "created": call.now,
            "default_return_url": None,
            "features": {
                "customer_update": {**off, "allowed_updates": []},
                "invoice_history": off,
                "payment_method_update": {"enabled": True, "payment_method_configuration": None},
                "subscription_cancel": {
                    **off,
                    "cancellation_reason": {**off, "feedback_options": None, "options": []},
                    "mode": "at_period_end",
                    "proration_behavior": "none",
                },
                "subscription_pause": {**off, "duration": {"interval_options": [], "type": "indefinite"}},
                "subscription_update": {
                    **off,
                    "billing_cycle_anchor": None,
                    "default_allowed_updates": [],
                    "products": None,
                    "proration_behavior": "none",
                    "schedule_at_period_end": {"conditions": []},
                    "trial_update_behavior": "end_trial",
                },
            },
            "is_default": True,
            "livemode": call.livemode,
            "login_page": {"enabled": False, "url": None},
            "metadata": {},
            "name": None,
            "updated": call.now,
        }
    )


@endpoint(
    "GET",
    "/v1/billing_portal/configurations",
    {**params.PAGE, "active": params.boolean, "is_default": params.boolean},
)
def list_configurations(call: Call, given: dict[str, Any]) -> Json:
    default_configuration(call)
    names = [name for name in ("active", "is_default") if name in given]
    where = [(f"json_extract(body, '$.{name}') = ?", given[name]) for name in names]
    return page(call, "billing_portal.configuration", given, "/v1/billing_portal/configurations", where)


@endpoint("GET", "/v1/billing_portal/configurations/{id}")
def retrieve_configuration(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "billing_portal.configuration")


# -- what the customer does there --------------------------------------------------------


def save_method(call: Call, session: Json, method: Json) -> Json:
    """One try to make this what the customer pays with. Returns its SetupIntent; a challenge may come first."""
    types = setups.offered(None, None, [])
    setup = setups.make(call, {"customer": session["customer"], "portal": session["id"]}, types)
    setup["_"]["return_url"] = session["url"]
    setups.attempt(call, setup, method)
    return setup


def onward(session: Json) -> str | None:
    """Where the customer goes when done."""
    redirect = ((session["flow"] or {}).get("after_completion") or {}).get("redirect") or {}
    found: str | None = redirect.get("return_url") or session["return_url"]
    return found


@follow
def setup_moved(call: Call, intent: Json) -> None:
    """A method was saved in the portal: it is the customer's default, and that of subscriptions that had another."""
    session = call.find(intent["_"].get("portal"), "billing_portal.session")
    if session is None or intent["status"] != "succeeded":
        return
    customer, method = call.get(session["customer"], "customer"), intent["payment_method"]
    settings = {**customer["invoice_settings"], "default_payment_method": method}
    events.change(call, customer, "customer.updated", invoice_settings=settings)
    for each in call.store.linked(call.livemode, "subscription", "customer", customer["id"]):
        if each["default_payment_method"] and each["status"] not in standing.OVER:
            standing.put(call, each, default_payment_method=method)
