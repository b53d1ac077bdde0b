"""Failures on order: the next transfers are refused, the next payouts come back from the bank."""

from __future__ import annotations

from typing import Final

from sandbox.store import Store
from sandbox.stripe.errors import InvalidRequest

REFUSALS: Final = {
    "account_invalid": "The destination account can't receive transfers.",
    "balance_insufficient": "You have insufficient available funds in your Stripe account. Try adding funds directly "
    "to your available balance by creating Charges using the 4000000000000077 test card. See: "
    "https://stripe.com/docs/testing#available-balance",
    "insufficient_capabilities_for_transfer": "Your destination account needs to have at least one of the following "
    "capabilities enabled: transfers, crypto_transfers, legacy_payments",
    "transfers_not_allowed": "Transfers to this account have been disabled.",
}
"""Why a transfer is refused."""


def refusal(code: str) -> InvalidRequest:
    return InvalidRequest(REFUSALS[code], code=code)


def refuse_as_ordered(store: Store) -> None:
    """Raises for a transfer that is to fail; the order is spent by it, though nothing else of it is kept."""
    if code := take(store, "transfers"):
        refused = refusal(code)
        refused.keeps = True
        raise refused


def order(store: Store, what: str, code: str, times: int) -> None:
    """The next `times` of transfers or payouts fail with the code; 0 times takes the order back."""
    store.set_meta(f"mishap_{what}", {"code": code, "left": times})


def take(store: Store, what: str) -> str | None:
    """The code that this one fails with."""
    ordered = store.get_meta(f"mishap_{what}", {"code": None, "left": 0})
    if ordered["left"] <= 0:
        return None
    store.set_meta(f"mishap_{what}", {**ordered, "left": ordered["left"] - 1})
    return str(ordered["code"])
