"""What the tests of connected accounts share: an account that is ready, and money on the platform's balance."""

from __future__ import annotations

from typing import Any

import pytest

DAY = 86400
EXPRESS = {
    "type": "express",
    "country": "US",
    "email": "vendor@example.com",
    "business_type": "individual",
    "capabilities": {"transfers": {"requested": True}},
}


def inside(account: Any) -> dict[str, str]:
    """The SDK's options to act as the account."""
    return {"stripe_account": account.id}


@pytest.fixture
async def connected(play: Any) -> Any:
    """The stage, with a second endpoint: one for the events of connected accounts, at the same receiver."""
    await play.v1.webhook_endpoints.create_async(
        {"url": play.inbox.url, "enabled_events": ["*"], "api_version": "2026-10-28.endive", "connect": True}
    )
    return play


async def vendor(play: Any, bank_account: str = "000123456789", **more: Any) -> Any:
    """An account that is ready for transfers and payouts."""
    account = await play.v1.accounts.create_async({**EXPRESS, **more})
    await play.control(f"accounts/{account.id}/onboard", bank_account=bank_account)
    return await play.v1.accounts.retrieve_async(account.id)


async def manual(play: Any, **more: Any) -> Any:
    """The same, paid out on demand only."""
    return await vendor(play, settings={"payouts": {"schedule": {"interval": "manual"}}}, **more)


async def charge(play: Any, amount: int = 10000, method: str = "pm_card_visa", **more: Any) -> Any:
    """A captured charge of the platform's; its funds are available after two days."""
    wanted = {"amount": amount, "currency": "usd", "confirm": True, "payment_method": method}
    intent = await play.v1.payment_intents.create_async(
        {**wanted, "return_url": "https://shop.example/back", "expand": ["latest_charge"], **more}
    )
    return intent.latest_charge


async def transfer(play: Any, account: Any, amount: int, **more: Any) -> Any:
    return await play.v1.transfers.create_async(
        {"amount": amount, "currency": "usd", "destination": account.id, **more}
    )


async def balance(play: Any, account: Any | None = None, currency: str = "usd") -> tuple[int, int]:
    """(available, pending) of an account, or of the platform."""
    found = await play.v1.balance.retrieve_async({}, inside(account) if account else {})
    sides = (found.available, found.pending)
    return tuple(sum(row.amount for row in side if row.currency == currency) for side in sides)  # type: ignore[return-value]


async def lines(play: Any, account: Any | None = None, **filters: Any) -> list[Any]:
    """The balance transactions, oldest first."""
    options = inside(account) if account else {}
    found = await play.v1.balance_transactions.list_async({"limit": 100, **filters}, options)
    return list(found.data[::-1])


def told(play: Any, account: Any) -> list[str]:
    """The types of the account's events, in order of arrival."""
    return [event["type"] for event in play.inbox.events if event.get("account") == account.id]


def unlisted_code(play: Any, code: str) -> None:
    """Stripe answers with an error code that its own schema does not list: once in this test, and that is all."""
    if play.checker is None:
        return
    strange = [each for each in play.checker.violations if repr(code) in each.message]
    assert [(each.kind, each.where) for each in strange] == [("bad_field", "error.code")]
    play.checker.violations.remove(strange[0])
