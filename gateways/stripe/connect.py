"""Stripe Connect: vendors' accounts, transfers out of charges, and payouts."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import stripe

from gateways.base import Refused
from gateways.connect import (
    AccountEvidence,
    AccountRequest,
    OnboardingLink,
    PayoutEvidence,
    ReversalRequest,
    TransferEvidence,
    TransferRequest,
)
from gateways.stripe import connect_evidence as evidence
from gateways.stripe.capabilities import CAPABILITIES
from gateways.stripe.currencies import NotRepresentable, from_wire, to_wire
from gateways.stripe.errors import translated

_COUNTRIES: Final = (
    "AE AT AU BE BG BR CA CH CY CZ DE DK EE ES FI FR GB GI GR HK HR HU IE IN IT JP LI LT LU LV MT MX MY NL NO NZ PL PT"
    " RO SE SG SI SK TH US"
)
_LIMITS: Final = {"US": timedelta(days=730), "TH": timedelta(days=10)}
_USUAL_LIMIT: Final = timedelta(days=90)
_CLOCKS_APART: Final = timedelta(minutes=5)
_EXPRESS: Final = {
    "fees": {"payer": "application"},
    "losses": {"payments": "application"},
    "requirement_collection": "stripe",
    "stripe_dashboard": {"type": "express"},
}


class StripeConnect:
    """Speaks for the platform; payouts are read as the connected account."""

    countries = frozenset(_COUNTRIES.split())

    def __init__(self, client: stripe.StripeClient, gateway: str, *, livemode: bool) -> None:
        self._api, self._gateway, self._livemode = client.v1, gateway, livemode

    def hold_limit(self, country: str) -> timedelta:
        return _LIMITS.get(country, _USUAL_LIMIT)

    async def open_account(self, request: AccountRequest) -> AccountEvidence:
        params: Any = {
            "controller": _EXPRESS,
            "country": request.country,
            "email": request.email,
            "business_profile": {"name": request.name},
            "capabilities": {"transfers": {"requested": True}},
            "metadata": {evidence.VENDOR_KEY: request.vendor_id},
        }
        with translated():
            account = await self._api.accounts.create_async(params, {"idempotency_key": request.vendor_id})
        return evidence.of_account(account.to_dict())

    async def find_account(self, vendor_id: str, *, since: datetime) -> AccountEvidence | None:
        recent: Any = {"created": {"gte": int((since - _CLOCKS_APART).timestamp())}, "limit": 100}
        with translated():
            listed = await self._api.accounts.list_async(recent)
            found = await _marked(listed.auto_paging_iter(), evidence.VENDOR_KEY, vendor_id)
        return evidence.of_account(found) if found else None

    async def inquire(self, token: str) -> AccountEvidence:
        try:
            account = await self._api.accounts.retrieve_async(token)
        except stripe.PermissionError:
            return evidence.gone(token)
        except stripe.StripeError:
            with translated():
                raise
        return evidence.of_account(account.to_dict())

    async def onboarding_link(self, token: str, *, return_url: str, refresh_url: str) -> OnboardingLink:
        params: Any = {
            "account": token,
            "type": "account_onboarding",
            "return_url": return_url,
            "refresh_url": refresh_url,
            "collection_options": {"fields": "eventually_due"},
        }
        with translated():
            link = await self._api.account_links.create_async(params)
        return OnboardingLink(link.url, datetime.fromtimestamp(link.expires_at, UTC))

    async def transfer(self, request: TransferRequest) -> str:
        params: Any = {
            "amount": _wire(request.amount_minor, request.currency),
            "currency": request.currency.lower(),
            "destination": request.account_token,
            "transfer_group": request.group,
            "metadata": {evidence.TRANSFER_KEY: request.transfer_id, evidence.VENDOR_KEY: request.vendor_id},
        }
        if request.charge_token:
            params["source_transaction"] = request.charge_token
        with translated():
            made = await self._api.transfers.create_async(params, {"idempotency_key": request.transfer_id})
        return made.id

    async def find_transfer(self, request: TransferRequest) -> str | None:
        params: Any = {"transfer_group": request.group, "destination": request.account_token, "limit": 100}
        with translated():
            listed = await self._api.transfers.list_async(params)
            found = await _marked(listed.auto_paging_iter(), evidence.TRANSFER_KEY, request.transfer_id)
        return found["id"] if found else None

    async def reverse(self, request: ReversalRequest) -> str:
        params: Any = {
            "amount": _wire(request.amount_minor, request.currency),
            "metadata": {evidence.TRANSFER_KEY: request.reversal_id},
        }
        with translated():
            made = await self._api.transfers.reversals.create_async(
                request.transfer_token, params, {"idempotency_key": request.reversal_id}
            )
        return made.id

    async def find_reversal(self, request: ReversalRequest) -> str | None:
        with translated():
            listed = await self._api.transfers.reversals.list_async(request.transfer_token, {"limit": 100})
            found = await _marked(listed.auto_paging_iter(), evidence.TRANSFER_KEY, request.reversal_id)
        return found["id"] if found else None

    async def reversed(self, transfer_token: str) -> TransferEvidence:
        with translated():
            transfer = await self._api.transfers.retrieve_async(transfer_token)
            listed = await self._api.transfers.reversals.list_async(transfer_token, {"limit": 100})
            reversals = [reversal.to_dict() async for reversal in listed.auto_paging_iter()]
        return evidence.of_transfer({**transfer.to_dict(), "reversals": {"data": reversals}}, self._gateway)

    async def transfers(self, account_token: str, *, since: datetime) -> Sequence[TransferEvidence]:
        params: Any = {"destination": account_token, "created": {"gte": int(since.timestamp())}, "limit": 100}
        with translated():
            listed = await self._api.transfers.list_async(params)
            return [
                evidence.of_transfer(transfer.to_dict(), self._gateway) async for transfer in listed.auto_paging_iter()
            ]

    async def available(self, account_token: str, currency: str) -> int:
        with translated():
            balance = await self._api.balance.retrieve_async(None, {"stripe_account": account_token})
        amounts = [each.amount for each in balance.available if each.currency == currency.lower()]
        available = max(0, from_wire(sum(amounts), currency))
        return available - available % CAPABILITIES.steps.get(currency, 1)

    async def payouts(self, account_token: str, *, since: datetime) -> Sequence[PayoutEvidence]:
        params: Any = {"created": {"gte": int(since.timestamp())}, "limit": 100}
        with translated():
            listed = await self._api.payouts.list_async(params, {"stripe_account": account_token})
            return [
                evidence.of_payout(payout.to_dict(), self._gateway, account_token)
                async for payout in listed.auto_paging_iter()
            ]


async def _marked(objects: AsyncIterator[Any], key: str, value: str) -> dict[str, Any] | None:
    """The first object that bears our mark."""
    async for each in objects:
        found: dict[str, Any] = each.to_dict()
        if (found.get("metadata") or {}).get(key) == value:
            return found
    return None


def _wire(amount_minor: int, currency: str) -> int:
    try:
        return to_wire(amount_minor, currency)
    except NotRepresentable as error:
        raise Refused(str(error), code="amount_not_representable") from error
