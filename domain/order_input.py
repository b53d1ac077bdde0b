"""What a caller says to make or edit an order, checked: items with their prices, the customer, metadata."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.addresses import check_email
from domain.catalog import Amount, check_amount, check_rule_name
from domain.refusals import Findings
from kit import ids
from kit.database import reading
from kit.money import EXPONENTS, MAX_MINOR

MAX_ITEMS = 100
MAX_QUANTITY = 1_000_000
MAX_METADATA = 20


@dataclass(frozen=True, slots=True)
class NewItem:
    """A row as the caller wants it: a product of the catalog, or a name with a unit amount."""

    quantity: int
    product_id: str | None = None
    name: str | None = None
    unit_amount: Amount | None = None
    split_rule: str | None = None


@dataclass(frozen=True, slots=True)
class NewCustomer:
    email: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A checked row; amounts in minor units of the order's currency. `split_rule` is the name of the rule that it is
    sold under, its own or its product's."""

    name: str
    unit_amount_minor: int
    quantity: int
    product_id: str | None
    split_rule: str | None = None

    @property
    def amount_minor(self) -> int:
        return self.unit_amount_minor * self.quantity


async def check_items(findings: Findings, merchant_id: str, currency: str, items: Sequence[NewItem]) -> list[Line]:
    if not findings.unless(
        currency in EXPONENTS, "UNKNOWN_CURRENCY", f"{currency[:10]!r} is no ISO 4217 currency in use.", "currency"
    ):
        return []
    if not findings.unless(
        1 <= len(items) <= MAX_ITEMS, "INVALID_ITEMS", f"An order has 1 to {MAX_ITEMS} items.", "items"
    ):
        return []
    priced = await _priced(merchant_id, currency, items)
    lines = [_check_item(findings, currency, priced, item, number) for number, item in enumerate(items)]
    good = [line for line in lines if line]
    total = sum(line.amount_minor for line in good)
    findings.unless(total <= MAX_MINOR, "INVALID_AMOUNT", "The order's total is too large.", "items")
    return good


async def _priced(merchant_id: str, currency: str, items: Sequence[NewItem]) -> dict[str, dict[str, Any]]:
    wanted = sorted({item.product_id for item in items if item.product_id and ids.prefix_of(item.product_id) == "prod"})
    if not wanted:
        return {}
    rows = await reading.fetch(
        """SELECT p.id, p.name, p.split_rule, c.amount_minor FROM products p
             LEFT JOIN prices c ON c.product_id = p.id AND c.currency = $3
            WHERE p.merchant_id = $1 AND p.id = ANY($2)""",
        merchant_id,
        wanted,
        currency,
    )
    return {row["id"]: row for row in rows}


def _check_item(
    findings: Findings, currency: str, priced: Mapping[str, Mapping[str, Any]], item: NewItem, number: int
) -> Line | None:
    path = ("items", str(number))
    if not findings.unless(
        1 <= item.quantity <= MAX_QUANTITY,
        "INVALID_QUANTITY",
        f"The quantity must be 1 to {MAX_QUANTITY}.",
        *path,
        "quantity",
    ):
        return None
    rule = check_rule_name(findings, item.split_rule, *path, "splitRule")
    if item.product_id is not None:
        return _catalog_line(findings, currency, priced, item, rule, path)
    name = findings.text(item.name, "The name", 200, *path, "name", required=True)
    if not findings.unless(
        item.unit_amount is not None, "REQUIRED", "An item has a productId, or a name and a unitAmount.", *path
    ):
        return None
    assert item.unit_amount is not None
    check_amount(findings, item.unit_amount, *path, "unitAmount")
    findings.unless(
        item.unit_amount.currency == currency,
        "CURRENCY_MISMATCH",
        f"All amounts of this order are in {currency}.",
        *path,
        "unitAmount",
        "currency",
    )
    return Line(name or "", item.unit_amount.amount_minor, item.quantity, None, rule)


def _catalog_line(
    findings: Findings,
    currency: str,
    priced: Mapping[str, Mapping[str, Any]],
    item: NewItem,
    rule: str | None,
    path: tuple[str, ...],
) -> Line | None:
    findings.unless(
        item.name is None and item.unit_amount is None,
        "INVALID",
        "The catalog gives a product's name and price: leave out name and unitAmount.",
        *path,
    )
    product_id = item.product_id or ""
    if not findings.unless(
        ids.prefix_of(product_id) == "prod",
        "INVALID_ID",
        f"{product_id[:60]!r} is not the id of a product; those begin with prod_.",
        *path,
        "productId",
    ):
        return None
    product = priced.get(product_id)
    if not findings.unless(
        product is not None, "NOT_FOUND", f"There is no product {product_id!r}.", *path, "productId"
    ):
        return None
    assert product is not None
    if not findings.unless(
        product["amount_minor"] is not None,
        "CURRENCY_MISMATCH",
        f"Product {item.product_id} has no price in {currency}.",
        *path,
        "productId",
    ):
        return None
    return Line(product["name"], product["amount_minor"], item.quantity, item.product_id, rule or product["split_rule"])


def check_customer(findings: Findings, customer: NewCustomer | None) -> tuple[str | None, str | None]:
    if customer is None:
        return None, None
    email = check_email(findings, customer.email, "customer", "email")
    return email, findings.text(customer.name, "The name", 200, "customer", "name")


def check_metadata(findings: Findings, metadata: Collection[tuple[str, str]]) -> dict[str, str]:
    """Metadata as it is kept: up to 20 pairs of texts, keys of 40 and values of 500 characters, no key twice."""
    findings.unless(len(metadata) <= MAX_METADATA, "INVALID", f"At most {MAX_METADATA} pairs.", "metadata")
    kept: dict[str, str] = {}
    for number, (name, value) in enumerate(list(metadata)[:MAX_METADATA]):
        path = ("metadata", str(number))
        clean = findings.text(name, "A metadata key", 40, *path, "key", required=True) or ""
        findings.unless(clean not in kept, "INVALID", f"The key {clean[:40]!r} is there twice.", *path, "key")
        kept[clean] = findings.text(value, "A metadata value", 500, *path, "value") or ""
    return kept
