"""Making, changing and ending plans."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.catalog import Amount
from domain.order_input import check_metadata
from domain.payments.ask import GatewayUnavailable
from domain.plans import register
from domain.plans.terms import Terms, check, with_fee
from domain.refusals import Fault, Findings, Refusal
from gateways.base import GatewayError
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from models import Interval

MUTATION = "planCreate"


class PlanNotFound(Refusal):
    def __init__(self, plan_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no plan {plan_id[:60]!r}.", ("planId",)))


class PlanArchived(Refusal):
    """Nobody subscribes to an archived plan, and it does not change. Who has subscribed stays."""

    def __init__(self, plan_id: str) -> None:
        super().__init__(Fault("PLAN_ARCHIVED", f"Plan {plan_id} was archived.", ("planId",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """What is to be other than it is; None leaves it."""

    name: str | None = None
    description: str | None = None
    currency: str | None = None
    amount_minor: int | None = None
    interval: Interval | None = None
    interval_count: int | None = None
    per_seat: bool | None = None
    trial_days: int | None = None
    setup_fee: Amount | None = None
    features: tuple[str, ...] | None = None

    def applied(self, findings: Findings, terms: Terms) -> Terms:
        changes = {name: getattr(self, name, None) for name in Terms.__slots__}
        changed = replace(terms, **{name: value for name, value in changes.items() if value is not None})
        return with_fee(findings, changed, self.setup_fee)


async def create_plan(
    gateways: Gateways,
    *,
    merchant_id: str,
    name: str,
    description: str | None,
    terms: Terms,
    setup_fee: Amount | None,
    metadata: Collection[tuple[str, str]],
    idempotency_key: str,
    body_digest: str,
    now: datetime,
) -> str:
    """A new plan, known to the PSP; returns its id. The same key and body give the same plan.

    Raises GatewayUnavailable: the same call goes on where this one stopped. Raises GatewayRefused: the
    plan is archived then.
    """
    key = idempotency.check(idempotency_key)
    findings = Findings()
    clean_name = findings.text(name, "The name", 200, "name", required=True)
    clean_description = findings.text(description, "The description", 2000, "description", lines=True)
    clean_metadata = check_metadata(findings, metadata)
    checked = check(findings, with_fee(findings, terms, setup_fee), gateways.default.capabilities)
    findings.refuse_if_any()
    plan_id = ids.new("plan", now)

    async def work(unit: Unit) -> str:
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation=MUTATION,
            key=key,
            body_digest=body_digest,
            answer={"plan_id": plan_id},
            now=now,
        )
        if earlier:
            return earlier["plan_id"]
        await unit.execute(
            """INSERT INTO plans (id, merchant_id, name, description, metadata, gateway, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7)""",
            plan_id,
            merchant_id,
            clean_name,
            clean_description,
            clean_metadata,
            gateways.default.name,
            now,
        )
        await register.add_version(unit, plan_id, 1, checked, now)
        return plan_id

    found = await unit_of_work(work)
    await register.newest(gateways, found, now=now)
    return found


async def update_plan(
    gateways: Gateways, *, merchant_id: str, plan_id: str, amendment: Amendment, now: datetime
) -> None:
    """Changes what is given. Other terms make a new version, for those who subscribe from now on.

    Raises GatewayUnavailable: the same call goes on where this one stopped.
    """
    findings = Findings()
    given = amendment.name is not None
    name = findings.text(amendment.name, "The name", 200, "name", required=given)
    description = findings.text(amendment.description, "The description", 2000, "description", lines=True)
    findings.refuse_if_any()

    async def work(unit: Unit) -> str | None:
        plan = await _lock(unit, merchant_id, plan_id)
        number, terms = await _newest(unit, plan_id)
        found = Findings()
        wanted = amendment.applied(found, terms)
        found.unless(
            wanted.currency == terms.currency,
            "CURRENCY_MISMATCH",
            f"The plan is in {terms.currency}: for another currency make another plan.",
            "amount",
            "currency",
        )
        check(found, wanted, gateways.default.capabilities)
        found.refuse_if_any()
        if wanted != terms:
            await register.add_version(unit, plan_id, number + 1, wanted, now)
        token: str | None = plan["product_token"]
        return token

    product_token = await unit_of_work(work)
    await register.newest(gateways, plan_id, now=now)
    await reading.execute(
        """UPDATE plans SET name = COALESCE($2, name), description = COALESCE($3, description), updated_at = $4
            WHERE id = $1""",
        plan_id,
        name,
        description,
        now,
    )
    if product_token and (name or description):
        await _rename(gateways, plan_id, product_token)


async def archive_plan(merchant_id: str, plan_id: str, now: datetime) -> None:
    """Nobody subscribes to it any more; those who have go on. Archiving it again changes nothing."""
    changed = await reading.execute(
        """UPDATE plans SET archived_at = COALESCE(archived_at, $3), updated_at = COALESCE(archived_at, $3)
            WHERE id = $1 AND merchant_id = $2""",
        plan_id,
        merchant_id,
        now,
    )
    if not changed:
        raise PlanNotFound(plan_id)


async def _lock(unit: Unit, merchant_id: str, plan_id: str) -> dict[str, Any]:
    """A plan that is not archived, locked."""
    row = await unit.fetch_one(
        "SELECT product_token, archived_at FROM plans WHERE id = $1 AND merchant_id = $2 FOR UPDATE",
        plan_id,
        merchant_id,
    )
    if row is None:
        raise PlanNotFound(plan_id)
    if row["archived_at"] is not None:
        raise PlanArchived(plan_id)
    return row


async def _newest(unit: Unit, plan_id: str) -> tuple[int, Terms]:
    row = await unit.fetch_one("SELECT * FROM plan_prices WHERE plan_id = $1 ORDER BY number DESC LIMIT 1", plan_id)
    assert row is not None
    return row["number"], Terms.of(row)


async def _rename(gateways: Gateways, plan_id: str, product_token: str) -> None:
    row = await reading.fetch_one("SELECT gateway, name, description FROM plans WHERE id = $1", plan_id)
    assert row is not None
    try:
        await gateways[row["gateway"]].billing.rename(product_token, row["name"], row["description"])
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
