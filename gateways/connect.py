"""Vendors at a PSP: accounts of their own, money sent to them and taken back, and what they pay out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

INSUFFICIENT = "balance_insufficient"
"""The code of a refusal for want of money in an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRequest:
    """An account to open for a vendor; `vendor_id` is also the idempotency key. `country` is ISO 3166-1 alpha-2."""

    vendor_id: str
    name: str
    email: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvidence:
    """How an account stands. `requirements` are what the PSP still wants, in its own words. `rejected`: for good."""

    token: str
    details_submitted: bool
    transfers_enabled: bool
    payouts_enabled: bool
    requirements: tuple[str, ...]
    disabled_reason: str | None
    rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHint:
    """A message that an account has changed. What it has become is asked for: such messages come in any order."""

    gateway: str
    livemode: bool
    token: str


class PayoutStanding(StrEnum):
    """What the PSP says of a payout."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    CANCELED = "canceled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutEvidence:
    """Money on its way from an account to its bank, in minor units."""

    gateway: str
    livemode: bool
    account: str
    token: str
    standing: PayoutStanding
    amount_minor: int
    currency: str
    arrives_at: datetime | None
    failure_code: str | None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OnboardingLink:
    """Where the vendor tells the PSP about itself; once, and not for long."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest:
    """Money for a vendor's account; `transfer_id` is also the idempotency key. `charge_token` is the charge that it is
    a part of, None to take it from what is available. `group` is the order."""

    transfer_id: str
    vendor_id: str
    account_token: str
    charge_token: str | None
    group: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalRequest:
    """A part of a transfer to be taken back; `reversal_id` is also the idempotency key."""

    reversal_id: str
    transfer_token: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A part of a transfer that was taken back, in minor units. `reversal_id` is ours, None for one that was not asked
    for here: somebody at the platform did it at the PSP."""

    token: str
    reversal_id: str | None
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEvidence:
    """What was taken back of a transfer so far, as far as the PSP shows it. `transfer_id` is ours, None for a transfer
    that is none of ours."""

    gateway: str
    livemode: bool
    token: str
    transfer_id: str | None
    reversals: tuple[Reversal, ...]


class Connect(Protocol):
    """The part of a gateway that vendors are behind. Every call may raise GatewayError."""

    countries: frozenset[str]
    """Where a vendor may be."""

    def hold_limit(self, country: str) -> timedelta:
        """For how long money for a vendor there may be kept from it."""
        ...

    async def open_account(self, request: AccountRequest) -> AccountEvidence:
        """Opens the vendor's account; the same vendor_id gives the same one."""
        ...

    async def find_account(self, vendor_id: str, *, since: datetime) -> AccountEvidence | None:
        """What was made of a vendor whose account was not answered; None: the PSP has none now."""
        ...

    async def inquire(self, token: str) -> AccountEvidence:
        """How the account stands now; one that has left us stands still, and says so."""
        ...

    async def onboarding_link(self, token: str, *, return_url: str, refresh_url: str) -> OnboardingLink:
        """A fresh link to the page where the vendor tells what is missing."""
        ...

    async def transfer(self, request: TransferRequest) -> str:
        """Sends money to an account; the PSP's token. The same transfer_id sends it once."""
        ...

    async def find_transfer(self, request: TransferRequest) -> str | None:
        """The token of a transfer that was not answered; None: the PSP has none."""
        ...

    async def reverse(self, request: ReversalRequest) -> str:
        """Takes a part of a transfer back; the PSP's token. The same reversal_id takes it once."""
        ...

    async def find_reversal(self, request: ReversalRequest) -> str | None:
        """The token of a reversal that was not answered; None: the PSP has none."""
        ...

    async def reversed(self, transfer_token: str) -> TransferEvidence:
        """All that was taken back of a transfer."""
        ...

    async def transfers(self, account_token: str, *, since: datetime) -> Sequence[TransferEvidence]:
        """The transfers to the account that were made since then, newest first, with their newest reversals."""
        ...

    async def available(self, account_token: str, currency: str) -> int:
        """What can be taken back of the account now, in minor units, in whole steps of the currency."""
        ...

    async def payouts(self, account_token: str, *, since: datetime) -> Sequence[PayoutEvidence]:
        """The account's payouts that were made since then, newest first."""
        ...
