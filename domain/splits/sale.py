"""How an order divides: a rule on a line item wins over its product's, and that over the order's. What no rule covers
is the merchant's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from domain.catalog import check_rule_name
from domain.order_input import Line
from domain.refusals import Findings
from domain.splits.rule import COMMISSION, DoesNotFit, Rule, plan
from gateways.base import Gateway
from kit import ids
from kit.database import reading
from kit.database.reading import decode_json
from kit.database.unit import Unit
from models import VendorStatus

MAX_SHARES = 500

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """An amount that is sold under a rule: of one line, by its number, or (`line` None) of all that have no rule of
    their own."""

    line: int | None
    rule_id: str
    amount_minor: int
    step: int
    hold_days: int
    plan: dict[str, int]


async def check_sales(
    findings: Findings, gateway: Gateway, merchant_id: str, currency: str, lines: Sequence[Line], order_rule: str | None
) -> list[Sale]:
    """The sales of an order in the currency; finds what stands in their way."""
    step = gateway.capabilities.steps.get(currency, 1)
    covered = list(_covered(lines, check_rule_name(findings, order_rule, "splitRule")))
    if not covered:
        return []
    rules = await _newest(merchant_id, sorted({name for name, *_ in covered}))
    vendors = await _vendors(merchant_id, [decode_json(rule["terms"]) for rule in rules.values()])
    sales = []
    for name, line, amount_minor, pieces in covered:
        path = ("splitRule",) if line is None else ("items", str(line), "splitRule")
        row = rules.get(name)
        if not findings.unless(row is not None, "NOT_FOUND", f"There is no split rule {name[:60]!r}.", *path):
            continue
        assert row is not None
        rule = Rule.from_json(decode_json(row["terms"]))
        _check_vendors(findings, rule, vendors, path)
        if divides := _plan(findings, rule, currency, amount_minor, pieces, step, path):
            sales.append(
                Sale(
                    line=line,
                    rule_id=row["id"],
                    amount_minor=amount_minor,
                    step=step,
                    hold_days=hold_days(gateway, rule, vendors),
                    plan=divides,
                )
            )
    findings.unless(
        sum(len(sale.plan) for sale in sales) <= MAX_SHARES,
        "INVALID_SPLIT",
        f"An order divides into at most {MAX_SHARES} shares.",
        "items",
    )
    return sales


def _covered(lines: Sequence[Line], order_rule: str | None) -> Iterator[tuple[str, int | None, int, int]]:
    """(rule's name, line's number, amount in minor units, pieces) of everything that a rule covers."""
    for number, line in enumerate(lines):
        if line.split_rule:
            yield line.split_rule, number, line.amount_minor, line.quantity
    rest = sum(line.amount_minor for line in lines if not line.split_rule)
    if order_rule and rest:
        yield order_rule, None, rest, 1


async def _newest(merchant_id: str, names: Sequence[str]) -> dict[str, Row]:
    """The newest version of each rule, by name."""
    rows = await reading.fetch(
        """SELECT r.id, r.name, r.terms FROM split_rules r WHERE r.merchant_id = $1 AND r.name = ANY($2)
              AND r.version = (SELECT MAX(v.version) FROM split_rules v
                                WHERE v.merchant_id = r.merchant_id AND v.name = r.name)""",
        merchant_id,
        list(names),
    )
    return {row["name"]: row for row in rows}


async def _vendors(merchant_id: str, terms: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    named = sorted({vendor_id for each in terms for vendor_id in Rule.from_json(each).vendor_ids})
    rows = await reading.fetch(
        "SELECT id, status, country, disabled_at FROM vendors WHERE merchant_id = $1 AND id = ANY($2)",
        merchant_id,
        named,
    )
    return {row["id"]: row for row in rows}


def _check_vendors(findings: Findings, rule: Rule, vendors: Mapping[str, Row], path: tuple[str, ...]) -> None:
    for vendor_id in rule.vendor_ids:
        vendor = vendors.get(vendor_id)
        if not findings.unless(vendor is not None, "NOT_FOUND", f"There is no vendor {vendor_id!r}.", *path):
            continue
        assert vendor is not None
        if findings.unless(vendor["disabled_at"] is None, "VENDOR_DISABLED", f"Vendor {vendor_id} is disabled.", *path):
            findings.unless(
                vendor["status"] == VendorStatus.ACTIVE,
                "VENDOR_NOT_READY",
                f"Vendor {vendor_id} is {vendor['status']}: the PSP has not cleared it for money.",
                *path,
            )


def hold_days(gateway: Gateway, rule: Rule, vendors: Mapping[str, Row]) -> int:
    """For how long the PSP lets money for all these vendors be held; where one is not known yet, its usual limit."""
    countries = [vendors[vendor_id]["country"] for vendor_id in rule.vendor_ids if vendor_id in vendors]
    unknown = [""] if not countries or len(countries) < sum(part.party != COMMISSION for part in rule.parts) else []
    return min(gateway.connect.hold_limit(country).days for country in (*countries, *unknown))


def _plan(
    findings: Findings, rule: Rule, currency: str, amount_minor: int, pieces: int, step: int, path: tuple[str, ...]
) -> dict[str, int] | None:
    if not findings.unless(
        rule.currency in (None, currency), "CURRENCY_MISMATCH", f"The rule's amounts are in {rule.currency}.", *path
    ):
        return None
    try:
        return plan(rule, amount_minor, pieces, step)
    except DoesNotFit:
        message = f"The rule gives away more than the {amount_minor} minor units there are."
        findings.unless(False, "SPLIT_EXCEEDS_AMOUNT", message, *path)
        return None


@cache
def _insert(rows: int) -> str:
    row = [f"({', '.join(f'${n * 9 + i + 1}' for i in range(9))})" for n in range(rows)]
    return (
        "INSERT INTO splits (id, order_id, position, line_item_id, rule_id, amount_minor, step, hold_days, plan)"  # noqa: S608
        f" VALUES {', '.join(row)}"
    )


async def keep(unit: Unit, order_id: str, line_ids: Sequence[str], sales: Sequence[Sale], now: datetime) -> None:
    """Keeps how a new order divides."""
    values: list[object] = []
    for position, sale in enumerate(sales, 1):
        line_item_id = None if sale.line is None else line_ids[sale.line]
        terms = (sale.rule_id, sale.amount_minor, sale.step, sale.hold_days, sale.plan)
        values += (ids.new("spl", now), order_id, position, line_item_id, *terms)
    if sales:
        await unit.execute(_insert(len(sales)), *values)


async def forget(unit: Unit, order_id: str) -> None:
    """Before an order that nobody has paid any of is divided anew."""
    await unit.execute("DELETE FROM splits WHERE order_id = $1", order_id)
