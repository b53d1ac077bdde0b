"""Versions of a plan's terms: added here, then made known to the PSP, once each."""

from datetime import datetime
from typing import Any

from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.plans.terms import Terms
from gateways.base import GatewayError, Refused
from gateways.billing import PriceRequest
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.unit import Unit, run_to_end, unit_of_work


async def add_version(unit: Unit, plan_id: str, number: int, terms: Terms, now: datetime) -> None:
    """Under the plan's lock, or with the plan. The PSP hears of it after the commit."""
    columns = {"id": ids.new("price", now), "plan_id": plan_id, "number": number, **terms.columns(), "created_at": now}
    names, places = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    await unit.execute(f"INSERT INTO plan_prices ({names}) VALUES ({places})", *columns.values())  # noqa: S608


async def newest(gateways: Gateways, plan_id: str, *, now: datetime) -> str:
    """The id of the plan's newest version, which the PSP knows when this returns.

    Raises GatewayUnavailable, or GatewayRefused: then the version is gone again, and a plan without any is archived.
    """
    row = await reading.fetch_one(
        """SELECT p.id AS plan_id, p.name, p.description, p.gateway, p.product_token, v.id, v.number, v.currency,
                  v.amount_minor, v.interval, v.interval_count, v.token
             FROM plans p JOIN plan_prices v ON v.plan_id = p.id WHERE p.id = $1 ORDER BY v.number DESC LIMIT 1""",
        plan_id,
    )
    assert row is not None
    if row["token"] is None:
        await run_to_end(_register(gateways, row, now))
    return str(row["id"])


async def _register(gateways: Gateways, row: dict[str, Any], now: datetime) -> None:
    try:
        tokens = await gateways[row["gateway"]].billing.register_price(_request(row))
    except Refused as error:
        await unit_of_work(lambda unit: _forget(unit, row, now))
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error

    async def record(unit: Unit) -> None:
        product = "UPDATE plans SET product_token = $2 WHERE id = $1 AND product_token IS NULL"
        await unit.execute(product, row["plan_id"], tokens.product_token)
        await unit.execute("UPDATE plan_prices SET token = $2 WHERE id = $1", row["id"], tokens.price_token)

    await unit_of_work(record)


def _request(row: dict[str, Any]) -> PriceRequest:
    return PriceRequest(
        plan_id=row["plan_id"],
        price_id=row["id"],
        product_token=row["product_token"],
        name=row["name"],
        description=row["description"],
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        interval=row["interval"],
        interval_count=row["interval_count"],
    )


async def _forget(unit: Unit, row: dict[str, Any], now: datetime) -> None:
    """The PSP will not have these terms: nobody can subscribe to them."""
    if row["number"] == 1:
        await unit.execute("UPDATE plans SET archived_at = $2, updated_at = $2 WHERE id = $1", row["plan_id"], now)
    else:
        await unit.execute("DELETE FROM plan_prices WHERE id = $1", row["id"])
