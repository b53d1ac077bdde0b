"""What the tests of Billing share: plans, subscribers, and a customer's own time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

DAY = 86400
SUCCESS = "https://shop.example/done?s={CHECKOUT_SESSION_ID}"


def moment(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


async def plan(play: Any, amount: int = 1000, interval: str = "month", name: str = "Gold", **more: Any) -> Any:
    """A recurring price."""
    return await play.v1.prices.create_async(
        {
            "currency": "eur",
            "unit_amount": amount,
            "product_data": {"name": name},
            "recurring": {"interval": interval, **more},
        }
    )


async def fee(play: Any, amount: int = 500) -> Any:
    """A price that is paid once."""
    return await play.v1.prices.create_async(
        {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Setup"}}
    )


async def customer(play: Any, card: str | None = "pm_card_visa", **more: Any) -> str:
    """A customer with a card to charge."""
    made = await play.v1.customers.create_async({"email": "jane@example.com", "name": "Jane", **more})
    if card:
        method = await play.v1.payment_methods.attach_async(card, {"customer": made.id})
        settings = {"default_payment_method": method.id}
        await play.v1.customers.update_async(made.id, {"invoice_settings": settings})
    identifier: str = made.id
    return identifier


async def subscribe(play: Any, payer: str, price: Any, **more: Any) -> Any:
    return await play.v1.subscriptions.create_async(
        {"customer": payer, "items": [{"price": price.id}], **more},
    )


async def session(play: Any, *prices: Any, **more: Any) -> Any:
    """A Checkout Session that begins a subscription."""
    return await play.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "line_items": [{"price": price.id, "quantity": 1} for price in prices],
            "success_url": SUCCESS,
            "cancel_url": "https://shop.example/plans",
            **more,
        }
    )


async def invoices(play: Any, subscription: str) -> list[Any]:
    """The subscription's invoices, oldest first."""
    found = await play.v1.invoices.list_async({"subscription": subscription, "limit": 100})
    return list(found.data[::-1])


def period(subscription: Any) -> tuple[int, int]:
    # StripeObject.items is a method: the field is reached by name
    item = subscription["items"].data[0]
    return item.current_period_start, item.current_period_end
