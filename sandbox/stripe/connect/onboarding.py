"""/v1/account_links, and what somebody tells Stripe of an account on the page that they lead to."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import ids, params
from sandbox.stripe.connect import accounts, banks, requirements
from sandbox.stripe.endpoints import endpoint
from sandbox.stripe.errors import InvalidParameter
from sandbox.world import Call

OPEN_SECONDS: Final = 300
OUTCOMES: Final = ("complete", "partial", "document", "review", "rejected", "leave")
COLLECT: Final = params.choice("currently_due", "eventually_due")


@endpoint(
    "POST",
    "/v1/account_links",
    {
        "account*": params.text(),
        "collect": COLLECT,
        "collection_options": params.shape(
            {"fields": COLLECT, "future_requirements": params.choice("include", "omit")}
        ),
        "refresh_url": params.url,
        "return_url": params.url,
        "type*": params.choice("account_onboarding", "account_update"),
    },
)
def create_link(call: Call, given: dict[str, Any]) -> Json:
    account = accounts.get(call, given["account"])
    for name in ("refresh_url", "return_url"):
        if name not in given:
            raise InvalidParameter(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if given["type"] == "account_update" and account["controller"]["requirement_collection"] == "stripe":
        raise InvalidParameter("You cannot create `account_update` type Account Links for this account.", param="type")
    ticket = call.insert(
        {
            "id": ids.token(24),
            "object": "account_link",
            "created": call.now,
            "expires_at": call.now + OPEN_SECONDS,
            "_": {"subject": account["id"], "visit": None, **params.picked(given, "refresh_url", "return_url")},
        }
    )
    url = f"{call.base_url}/c/setup/{ticket['id']}"
    return {**{name: ticket[name] for name in ("object", "created", "expires_at")}, "url": url}


def visit(call: Call, ticket: Json) -> str | None:
    """The key of the one visit that a link is good for; None if it was used before, or is too old."""
    if ticket["_"]["visit"] or call.now >= ticket["expires_at"]:
        return None
    ticket["_"]["visit"] = ids.token(24)
    call.save(ticket)
    return str(ticket["_"]["visit"])


def submit(call: Call, account: Json, outcome: str, number: str | None = None) -> None:
    """What the account's owner does. Where all is told, payouts go to the test bank account `number` from then on."""
    if outcome == "leave":
        return
    if outcome == "partial":
        due = account["_"]["due"]
        accounts.change(call, account, {"due": due[len(due) // 2 :]})
        return
    known: Json = {"due": [], "pending": []}
    if not str(account["_"]["disabled"]).startswith("rejected."):
        known |= {"disabled": None, "stops": []}
    if outcome == "document":
        known["due"] = [requirements.DOCUMENT]
    elif outcome == "review":
        known["pending"] = [requirements.DOCUMENT]
    elif outcome == "rejected":
        known |= {"disabled": "rejected.other", "stops": list(requirements.STOPS)}
    if number or (outcome == "complete" and not banks.payable(banks.of_account(call, account["id"]))):
        bank = {"account_number": number or banks.SUCCEEDING, "country": account["country"]}
        banks.add(call, account, bank, default=True)
    agreed = {**account["tos_acceptance"], "date": account["tos_acceptance"]["date"] or call.now}
    accounts.change(call, account, known, details_submitted=True, tos_acceptance=agreed)
