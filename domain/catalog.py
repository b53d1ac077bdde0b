"""The catalog: products and their prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain import idempotency
from domain.refusals import Findings
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from kit.money import EXPONENTS, MAX_MINOR
from models import Price, Product, ProductKind

MAX_PRICES = 50


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount in minor units of a currency, as somebody gave it: unchecked."""

    amount_minor: int
    currency: str


def check_amount(findings: Findings, amount: Amount, *path: str) -> None:
    """An amount that can be charged: a currency we know, and 1 to 2^53-1 minor units."""
    known = amount.currency in EXPONENTS
    findings.unless(
        known, "UNKNOWN_CURRENCY", f"{amount.currency[:10]!r} is no ISO 4217 currency in use.", *path, "currency"
    )
    findings.unless(
        0 < amount.amount_minor <= MAX_MINOR,
        "INVALID_AMOUNT",
        "The amount must be 1 or more minor units.",
        *path,
        "amountMinor",
    )


async def create_product(
    *,
    merchant_id: str,
    kind: ProductKind,
    name: str,
    description: str | None,
    prices: Sequence[Amount],
    split_rule: str | None,
    idempotency_key: str,
    body_digest: str,
    now: datetime,
) -> str:
    """A new product with one price for each currency; returns its id. The same key and body give the same product.
    `split_rule` names the rule that it is sold under, in the version that is the newest then."""
    key = idempotency.check(idempotency_key)
    findings = Findings()
    clean_name = findings.text(name, "The name", 200, "name", required=True)
    clean_description = findings.text(description, "The description", 2000, "description", lines=True)
    clean_rule = check_rule_name(findings, split_rule, "splitRule")
    await _check_rule(findings, merchant_id, clean_rule)
    _check_prices(findings, prices)
    findings.refuse_if_any()
    product_id = ids.new("prod", now)

    async def work(unit: Unit) -> str:
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="productCreate",
            key=key,
            body_digest=body_digest,
            answer={"product_id": product_id},
            now=now,
        )
        if earlier:
            return earlier["product_id"]
        await Product.create(
            id=product_id,
            merchant_id=merchant_id,
            kind=kind,
            name=clean_name,
            description=clean_description,
            split_rule=clean_rule,
            created_at=now,
        )
        await Price.bulk_create(
            [Price(product_id=product_id, currency=p.currency, amount_minor=p.amount_minor) for p in prices]
        )
        return product_id

    return await unit_of_work(work)


def check_rule_name(findings: Findings, name: str | None, *path: str) -> str | None:
    """The name of a split rule, to be looked up; None where none is named, or where none can have this name, which is
    found."""
    clean = findings.text(name, "The rule", 100, *path)
    findings.unless(name is None or clean is not None, "NOT_FOUND", "There is no split rule without a name.", *path)
    return None if findings.found(*path) else clean


async def _check_rule(findings: Findings, merchant_id: str, name: str | None) -> None:
    if name is not None:
        row = await reading.fetch_one(
            "SELECT id FROM split_rules WHERE merchant_id = $1 AND name = $2 LIMIT 1", merchant_id, name
        )
        findings.unless(row is not None, "NOT_FOUND", f"There is no split rule {name[:60]!r}.", "splitRule")


def _check_prices(findings: Findings, prices: Sequence[Amount]) -> None:
    findings.unless(1 <= len(prices) <= MAX_PRICES, "INVALID", f"A product has 1 to {MAX_PRICES} prices.", "prices")
    findings.unless(
        len({price.currency for price in prices}) == len(prices),
        "INVALID",
        "A product has one price for each currency.",
        "prices",
    )
    for number, price in enumerate(prices[:MAX_PRICES]):
        check_amount(findings, price, "prices", str(number))
