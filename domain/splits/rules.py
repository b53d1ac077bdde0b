"""Split rules: made once, never changed. A rule of the same name is its next version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.catalog import Amount, check_amount
from domain.refusals import Findings
from domain.splits.rule import ASSIGNEE, COMMISSION, WHOLE, Hold, Part, Rule
from domain.splits.sale import hold_days
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from models import FeeBearer

MAX_PARTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPart:
    """A part as the merchant tells it; without basis points and a fixed amount it is the remainder. `vendor_id` None is
    whoever is assigned later."""

    vendor_id: str | None
    basis_points: int | None
    fixed: Amount | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRule:
    """A rule as the merchant tells it. `commission` None: there is none."""

    name: str
    parts: Sequence[NewPart]
    commission: NewPart | None
    fee_bearer: FeeBearer
    hold: Hold | None


async def create_rule(
    gateways: Gateways, wanted: NewRule, *, merchant_id: str, idempotency_key: str, body_digest: str, now: datetime
) -> str:
    """The next version of the rule of this name; returns its id. The same key and body make one."""
    key = idempotency.check(idempotency_key)
    findings = Findings()
    name = findings.text(wanted.name, "The name", 100, "name", required=True)
    rule = await _checked(findings, gateways, merchant_id, wanted)
    findings.refuse_if_any()
    rule_id = ids.new("rule", now)

    async def work(unit: Unit) -> str:
        # Two versions made at once must not have the same number.
        await unit.fetch_one("SELECT id FROM merchants WHERE id = $1 FOR NO KEY UPDATE", merchant_id)
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="splitRuleCreate",
            key=key,
            body_digest=body_digest,
            answer={"rule_id": rule_id},
            now=now,
        )
        if earlier:
            return earlier["rule_id"]
        await unit.execute(
            """INSERT INTO split_rules (id, merchant_id, name, version, terms, created_at)
               SELECT $1::text, $2::text, $3::text, COALESCE(MAX(version), 0) + 1, $4, $5 FROM split_rules
                WHERE merchant_id = $2 AND name = $3""",
            rule_id,
            merchant_id,
            name,
            rule.to_json(),
            now,
        )
        return rule_id

    return await unit_of_work(work)


async def _checked(findings: Findings, gateways: Gateways, merchant_id: str, wanted: NewRule) -> Rule:
    given = [(part, ("parts", str(number))) for number, part in enumerate(wanted.parts)]
    findings.unless(1 <= len(given) <= MAX_PARTS, "INVALID_SPLIT", f"A rule has 1 to {MAX_PARTS} parts.", "parts")
    parts = [
        _part(findings, part, ASSIGNEE if part.vendor_id is None else part.vendor_id, path)
        for part, path in given[:MAX_PARTS]
    ]
    if wanted.commission is not None:
        parts.append(_part(findings, wanted.commission, COMMISSION, ("commission",)))
    _check_whole(findings, parts)
    findings.unless(
        wanted.hold is not None or ASSIGNEE not in {part.party for part in parts},
        "INVALID_SPLIT",
        "What is for a vendor who is assigned later must be held until then.",
        "hold",
    )
    currency = _check_currency(findings, gateways, wanted)
    vendors = await _check_vendors(findings, merchant_id, wanted)
    rule = Rule(parts=tuple(parts), fee_bearer=wanted.fee_bearer, currency=currency, hold=wanted.hold)
    _check_hold(findings, gateways, rule, vendors)
    return rule


def _part(findings: Findings, part: NewPart, party: str, path: tuple[str, ...]) -> Part:
    points, fixed = part.basis_points, part.fixed
    findings.unless(
        points is None or 1 <= points <= WHOLE,
        "INVALID_SPLIT",
        f"Basis points are 1 to {WHOLE}, which is all of it.",
        *path,
        "basisPoints",
    )
    if fixed is not None:
        check_amount(findings, fixed, *path, "fixed")
    return Part(
        party=party,
        basis_points=points or 0,
        fixed_minor=fixed.amount_minor if fixed else 0,
        remainder=points is None and fixed is None,
    )


def _check_whole(findings: Findings, parts: Sequence[Part]) -> None:
    """All that can be wrong with a rule before it meets an amount."""
    findings.unless(
        sum(part.basis_points for part in parts) <= WHOLE,
        "SPLIT_EXCEEDS_AMOUNT",
        "The parts and the commission come to more than 100 %.",
        "parts",
    )
    findings.unless(
        sum(part.remainder for part in parts) <= 1, "INVALID_SPLIT", "Only one party can have the remainder.", "parts"
    )
    findings.unless(
        len({part.party for part in parts}) == len(parts), "INVALID_SPLIT", "Each vendor has one part.", "parts"
    )


def _check_currency(findings: Findings, gateways: Gateways, wanted: NewRule) -> str | None:
    """The one currency of the fixed amounts, which the PSP must be able to move exactly."""
    every = [*wanted.parts, *([wanted.commission] if wanted.commission else [])]
    fixed = [part.fixed for part in every if part.fixed]
    findings.unless(
        len({amount.currency for amount in fixed}) <= 1,
        "CURRENCY_MISMATCH",
        "The fixed amounts of a rule are in one currency.",
        "parts",
    )
    steps = gateways.default.capabilities.steps
    findings.unless(
        all(amount.amount_minor % steps.get(amount.currency, 1) == 0 for amount in fixed),
        "INVALID_AMOUNT",
        "The PSP moves this currency in larger steps.",
        "parts",
    )
    return fixed[0].currency if fixed else None


def _check_hold(findings: Findings, gateways: Gateways, rule: Rule, vendors: Mapping[str, Mapping[str, Any]]) -> None:
    """A date behind the PSP's limit would never come: the limit ends the hold."""
    days, most = rule.hold.release_after_days if rule.hold else None, hold_days(gateways.default, rule, vendors)
    findings.unless(
        days is None or 1 <= days <= most,
        "INVALID",
        f"Money for these vendors is released after 1 to {most} days, the PSP's limit.",
        "hold",
        "releaseAfterDays",
    )


async def _check_vendors(findings: Findings, merchant_id: str, wanted: NewRule) -> dict[str, Mapping[str, Any]]:
    """The vendors by id. They must be the merchant's own, and not disabled; whether money can go there is asked when
    something is sold."""
    given = [(number, part.vendor_id) for number, part in enumerate(wanted.parts[:MAX_PARTS])]
    named = [(number, vendor_id) for number, vendor_id in given if vendor_id is not None]
    rows = await reading.fetch(
        "SELECT id, country, disabled_at FROM vendors WHERE merchant_id = $1 AND id = ANY($2)",
        merchant_id,
        sorted({vendor_id for _, vendor_id in named if ids.prefix_of(vendor_id) == "ven"}),
    )
    known: dict[str, Mapping[str, Any]] = {row["id"]: row for row in rows}
    for number, vendor_id in named:
        _check_vendor(findings, vendor_id, known.get(vendor_id), ("parts", str(number), "vendorId"))
    return known


def _check_vendor(findings: Findings, vendor_id: str, vendor: Mapping[str, Any] | None, path: tuple[str, ...]) -> None:
    if not findings.unless(
        ids.prefix_of(vendor_id) == "ven",
        "INVALID_ID",
        f"{vendor_id[:60]!r} is not the id of a vendor; those begin with ven_.",
        *path,
    ):
        return
    if findings.unless(vendor is not None, "NOT_FOUND", f"There is no vendor {vendor_id!r}.", *path):
        assert vendor is not None
        findings.unless(vendor["disabled_at"] is None, "VENDOR_DISABLED", f"Vendor {vendor_id} is disabled.", *path)
