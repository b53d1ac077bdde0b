"""/v1/accounts/{id}/external_accounts: where payouts go. Only Stripe's test numbers are taken, and none is kept."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import events, ids, params
from sandbox.stripe.errors import InvalidParameter, InvalidRequest, missing, unsupported
from sandbox.world import Call, public

SUCCEEDING: Final = "000123456789"
TEST_NUMBERS: Final[dict[str, str | None]] = {
    SUCCEEDING: None,
    "000111111116": "no_account",
    "000111111113": "account_closed",
    "000222222227": "insufficient_funds",
    "000333333335": "debit_not_authorized",
    "000444444440": "invalid_currency",
    "000123456": None,
    "00012345": None,
    "DE89370400440532013000": None,
    "DE62370400440532013001": "no_account",
    "DE89370400440532013002": "account_closed",
    "DE89370400440532013003": "insufficient_funds",
    "DE89370400440532013004": "debit_not_authorized",
    "DE89370400440532013005": "invalid_currency",
}
"""What becomes of payouts to a number: they arrive (None), or fail with a code. Other countries' end alike."""
ENDINGS: Final = {number[-8:]: code for number, code in TEST_NUMBERS.items()}
FAILURES: Final = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "bank_account_restricted": "The bank account has restrictions on either the type, or the number, of payouts.",
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": "Debit transactions are not approved on the bank account.",
    "insufficient_funds": "Your Stripe account has insufficient funds to cover the payout.",
    "invalid_account_number": "The routing number seems correct, but the account number is invalid.",
    "invalid_currency": "The bank was unable to process this payout because of its currency.",
    "no_account": "The bank account details on file are probably incorrect. No bank account could be located.",
}
"""Why a bank sends a payout back."""
NEW: params.Shape = {
    "account_holder_name": params.text(),
    "account_holder_type": params.choice("company", "individual"),
    "account_number*": params.text(40),
    "country*": params.text(2),
    "currency": params.currency,
    "object*": params.choice("bank_account"),
    "routing_number": params.text(40),
}


def given(value: params.Raw, name: str) -> dict[str, Any]:
    """A bank account as a parameter; tokens are Stripe.js's affair."""
    if isinstance(value, str):
        raise unsupported(f"{name} as a token")
    return params.check(NEW, value, name)


def numbers(currency: str) -> list[tuple[str, str | None]]:
    """Those of TEST_NUMBERS that a page shows for accounts of a currency."""
    iban = currency == "eur"
    return [(number, code) for number, code in TEST_NUMBERS.items() if number.isdigit() != iban]


def of_account(call: Call, account: str) -> list[Json]:
    """Newest first."""
    return call.store.linked(call.livemode, "bank_account", "account", account)[::-1]


def receiving(banks: list[Json], currency: str) -> Json | None:
    """The account's default one for the currency, if the bank takes payouts."""
    fits = [each for each in banks if each["currency"] == currency and each["default_for_currency"]]
    return fits[0] if fits and fits[0]["status"] != "errored" else None


def payable(banks: list[Json]) -> bool:
    return any(each["status"] != "errored" for each in banks)


def add(call: Call, account: Json, bank: dict[str, Any], *, default: bool = False, metadata: Any = None) -> Json:
    """account.external_account.created. The first one of a currency is its default."""
    number = "".join(bank["account_number"].split())
    if number[-8:] not in ENDINGS:
        raise InvalidParameter(
            f"You must use a test bank account number. Try {SUCCEEDING} or see more options at "
            "https://stripe.com/docs/connect/testing#account-numbers.",
            code="account_number_invalid",
            param="external_account[account_number]",
        )
    currency: str = bank.get("currency") or account["default_currency"]
    first = receiving(of_account(call, account["id"]), currency) is None
    made = call.insert(
        {
            "id": ids.new("ba"),
            "object": "bank_account",
            "account": account["id"],
            "account_holder_name": bank.get("account_holder_name"),
            "account_holder_type": bank.get("account_holder_type"),
            "account_type": None,
            "available_payout_methods": ["standard"],
            "bank_name": "STRIPE TEST BANK",
            "country": bank["country"],
            "currency": currency,
            "default_for_currency": False,
            "fingerprint": call.world.keyed_hash(number),
            "last4": number[-4:],
            "metadata": params.merged({}, metadata),
            "routing_number": bank.get("routing_number"),
            "status": "new",
            "_": {"failure": ENDINGS[number[-8:]]},
        }
    )
    if default or first:
        prefer(call, made)
    events.emit(call.of(account["id"]), "account.external_account.created", made)
    return made


def prefer(call: Call, bank: Json) -> None:
    """Makes it the default of its currency."""
    for other in of_account(call, bank["account"]):
        if other["currency"] == bank["currency"] and other["id"] != bank["id"]:
            events.change(call, other, default_for_currency=False)
    events.change(call, bank, default_for_currency=True)


def failed(call: Call, bank: Json) -> None:
    """A payout came back: no further one goes there."""
    events.change(call.of(bank["account"]), bank, "account.external_account.updated", status="errored")


def get(call: Call, account: Json, identifier: str) -> Json:
    bank = call.find(identifier, "bank_account")
    if bank is None or bank["account"] != account["id"]:
        raise missing("external account", identifier[:80])
    return bank


def update(call: Call, bank: Json, wanted: dict[str, Any]) -> Json:
    if wanted.get("default_for_currency"):
        prefer(call, bank)
    changes = params.picked(wanted, "account_holder_name", "account_holder_type")
    if "metadata" in wanted:
        changes["metadata"] = params.merged(bank["metadata"], wanted["metadata"])
    return events.change(call.of(bank["account"]), bank, "account.external_account.updated", **changes)


def remove(call: Call, account: Json, bank: Json) -> Json:
    """account.external_account.deleted. The default one of the account's own currency stays."""
    if bank["default_for_currency"] and bank["currency"] == account["default_currency"]:
        raise InvalidRequest(
            "You cannot delete the default external account for your default currency. Please make another external "
            "account the default using the `default_for_currency` param, and then delete this one."
        )
    call.store.run("DELETE FROM objects WHERE livemode = ? AND id = ?", call.livemode, bank["id"])
    events.emit(call.of(account["id"]), "account.external_account.deleted", bank)
    return {"id": bank["id"], "object": "bank_account", "currency": bank["currency"], "deleted": True}


def shown(banks: list[Json], account: str) -> Json:
    """The list inside of an account."""
    url = f"/v1/accounts/{account}/external_accounts"
    return {"object": "list", "data": [public(each) for each in banks[:10]], "has_more": len(banks) > 10, "url": url}


def where(account: str) -> list[tuple[str, Any]]:
    return [(equals("account"), account)]
