"""What the embedded instance starts with: a merchant, its keys, and something to buy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain import catalog, contacts, merchants
from domain.catalog import Amount
from domain.contacts import Contact
from models import KeyKind, ProductKind

_ORIGINS = [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 5173, 8080)]

_PRODUCTS: Sequence[tuple[str, str, ProductKind, dict[str, int]]] = (
    ("Espresso cup", "Stoneware, 90 ml, thrown by hand.", ProductKind.GOODS, {"EUR": 1800, "USD": 1950}),
    ("Tea tasting", "Two hours, six teas, one evening.", ProductKind.SERVICE, {"EUR": 4500, "JPY": 7200}),
    ("Tea lover's set", "Pot, two cups and a tin of Sencha.", ProductKind.PACKAGE, {"EUR": 8900, "KWD": 29500}),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo merchant. The keys are shown this once."""

    merchant_id: str
    secret_key: str
    publishable_key: str
    product_ids: list[str]


async def set_up(*, livemode: bool, now: datetime) -> Demo:
    """A new demo merchant with keys and products."""
    merchant_id = await merchants.create_merchant("Kiln & Kettle", livemode=livemode, origins=_ORIGINS, now=now)
    await contacts.set_contact(merchant_id, Contact("owner@kiln-and-kettle.example", "en"))
    secret = await merchants.issue_key(merchant_id, KeyKind.SECRET, now=now)
    publishable = await merchants.issue_key(merchant_id, KeyKind.PUBLISHABLE, now=now)
    product_ids = [
        await catalog.create_product(
            merchant_id=merchant_id,
            kind=kind,
            name=name,
            description=description,
            prices=[Amount(amount, currency) for currency, amount in prices.items()],
            split_rule=None,
            idempotency_key=f"demo:{name}",
            body_digest="demo",
            now=now,
        )
        for name, description, kind, prices in _PRODUCTS
    ]
    return Demo(merchant_id, secret.secret, publishable.secret, product_ids)
