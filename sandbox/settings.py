"""What can be set while the sandbox runs (GET and POST /sandbox/settings)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Times are seconds of the sandbox's clock."""

    delayed_method_seconds: int = 10
    refund_seconds: int = 5
    authorization_seconds: int = 7 * 86400
    off_session_authorization_seconds: int = 4 * 86400 + 18 * 3600
    """Visa holds an authorization that the merchant initiated for less long."""
    authorization_sweep_seconds: int = 0
    """How long after its end an authorization is still there, refusing capture, before it is canceled."""
    funds_available_seconds: int = 2 * 86400
    fee_basis_points: int = 290
    fee_fixed: int = 30
    """In hundredths of the currency's unit."""
    dispute_seconds: int = 0
    """From a charge with a disputing test card to its dispute or early fraud warning."""
    dispute_response_seconds: int = 9 * 86400
    dispute_outcome_seconds: int = 5
    """From the submission of evidence to the issuer's decision."""
    dispute_fee: int = 1500
    """In hundredths of the currency's unit."""
    dispute_fee_returned: bool = True
    """Whether winning a dispute gives its fee back."""
    review_elevated_risk: bool = True
    """Whether a payment of elevated risk opens a review."""
    late_balance_transaction: bool = False
    """When true a charge gets its balance transaction a moment later, told by charge.updated."""
    dunning_days: str = "3 5 7"
    """Days from each failed attempt on an invoice to the next."""
    dunning_end: str = "cancel"
    """What becomes of a subscription after the last attempt: cancel, unpaid or past_due."""
    upcoming_days: int = 3
    """How long before a renewal invoice.upcoming tells of it."""
    payout_transit_seconds: int = 3600
    """From a connected account's payout to its submission to the bank; until then it can be canceled."""
    payout_arrival_seconds: int = 86400
    """From there to its arrival, or its return."""
    reverse_pending_transfers: bool = True
    """Whether a transfer whose funds are not available yet is reversed from them; else only an available balance is."""
    merchant_name: str = "Sandbox Store"
