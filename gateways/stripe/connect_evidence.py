"""Turns Stripe's accounts and payouts into evidence, and says which of their events we listen to."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateways.base import EventKind
from gateways.connect import (
    AccountEvidence,
    AccountHint,
    PayoutEvidence,
    PayoutStanding,
    Reversal,
    TransferEvidence,
)
from gateways.stripe.currencies import from_wire

VENDOR_KEY, TRANSFER_KEY = "paygraph_vendor", "paygraph_transfer"
_LONGEST_TOKEN = 255

Object = Mapping[str, Any]


def of_account(account: Object) -> AccountEvidence:
    """How an Account stands."""
    needs = account.get("requirements") or {}
    reason = needs.get("disabled_reason")
    return AccountEvidence(
        token=account["id"],
        details_submitted=bool(account.get("details_submitted")),
        transfers_enabled=(account.get("capabilities") or {}).get("transfers") == "active",
        payouts_enabled=bool(account.get("payouts_enabled")),
        requirements=tuple(needs.get("currently_due") or ()),
        disabled_reason=reason[:100] if reason else None,
        rejected=bool(reason and reason.startswith("rejected.")),
    )


def gone(token: str) -> AccountEvidence:
    """An account that has left the platform, or was deleted."""
    return AccountEvidence(
        token=token,
        details_submitted=True,
        transfers_enabled=False,
        payouts_enabled=False,
        requirements=(),
        disabled_reason="deauthorized",
        rejected=True,
    )


def of_payout(payout: Object, gateway: str, account: str, occurred_at: datetime | None = None) -> PayoutEvidence:
    """How a Payout of a connected account stands."""
    currency, arrives = payout["currency"], payout.get("arrival_date")
    if len(payout["id"]) > _LONGEST_TOKEN:
        raise ValueError("a token that is longer than any of Stripe's")
    return PayoutEvidence(
        gateway=gateway,
        livemode=bool(payout["livemode"]),
        account=account,
        token=payout["id"],
        standing=PayoutStanding(payout["status"]),
        amount_minor=from_wire(payout["amount"], currency),
        currency=currency.upper(),
        arrives_at=datetime.fromtimestamp(arrives, UTC) if arrives else None,
        failure_code=payout.get("failure_code"),
        occurred_at=occurred_at,
    )


def of_transfer(transfer: Object, gateway: str) -> TransferEvidence:
    """What a Transfer shows of its reversals: the newest ten, unless they were listed."""
    return TransferEvidence(
        gateway=gateway,
        livemode=bool(transfer["livemode"]),
        token=transfer["id"],
        transfer_id=(transfer.get("metadata") or {}).get(TRANSFER_KEY),
        reversals=tuple(_reversal(reversal) for reversal in transfer["reversals"]["data"]),
    )


def _reversal(reversal: Object) -> Reversal:
    if len(reversal["id"]) > _LONGEST_TOKEN:
        raise ValueError("a token that is longer than any of Stripe's")
    return Reversal(
        token=reversal["id"],
        reversal_id=(reversal.get("metadata") or {}).get(TRANSFER_KEY),
        amount_minor=from_wire(reversal["amount"], reversal["currency"]),
    )


def _transfer(event: Object, _at: datetime, gateway: str) -> TransferEvidence:
    return of_transfer(event["data"]["object"], gateway)


def _hint(event: Object, _at: datetime, gateway: str) -> AccountHint:
    return AccountHint(gateway=gateway, livemode=bool(event["livemode"]), token=event["account"])


def _payout(event: Object, at: datetime, gateway: str) -> PayoutEvidence:
    return of_payout(event["data"]["object"], gateway, event["account"], at)


_Read = Callable[[Object, datetime, str], AccountHint | PayoutEvidence]

LISTENED: Mapping[str, tuple[EventKind, _Read]] = {
    "account.updated": (EventKind.ACCOUNT, _hint),
    "account.application.deauthorized": (EventKind.ACCOUNT, _hint),
    "capability.updated": (EventKind.ACCOUNT, _hint),
    "payout.created": (EventKind.PAYOUT, _payout),
    "payout.updated": (EventKind.PAYOUT, _payout),
    "payout.paid": (EventKind.PAYOUT, _payout),
    "payout.failed": (EventKind.PAYOUT, _payout),
    "payout.canceled": (EventKind.PAYOUT, _payout),
}
"""The events of connected accounts, which bear `account`. The platform's own payouts are none of them."""

TRANSFERS: Mapping[str, tuple[EventKind, Callable[[Object, datetime, str], TransferEvidence]]] = {
    "transfer.reversed": (EventKind.TRANSFER, _transfer),
    "transfer.updated": (EventKind.TRANSFER, _transfer),
}
"""The events of transfers, which are the platform's own."""
