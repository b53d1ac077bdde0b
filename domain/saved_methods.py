"""Instruments that customers leave with a merchant: saved as the PSP's tokens, listed, chosen, removed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.payments.instruments import remember
from domain.refusals import Fault, Refusal
from gateways.base import AnswerStored, Declined, GatewayError, Refused
from gateways.registry import Gateways
from kit.database import reading
from kit.database.unit import Unit, unit_of_work


class UnknownCustomer(Refusal):
    def __init__(self, customer_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no customer {customer_id!r}.", ("customerId",)))


class UnknownMethod(Refusal):
    def __init__(self, method_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no saved method {method_id!r}.", ("paymentMethodId",)))


async def gateway_customer(gateways: Gateways, merchant_id: str, customer_id: str) -> str:
    """The PSP's token of the merchant's customer, who is made known to it once."""
    row = await reading.fetch_one(
        """SELECT c.id, c.email, c.name, g.token FROM customers c
             LEFT JOIN gateway_customers g ON g.customer_id = c.id AND g.gateway = $3
            WHERE c.id = $1 AND c.merchant_id = $2""",
        customer_id,
        merchant_id,
        gateways.default.name,
    )
    if row is None:
        raise UnknownCustomer(customer_id)
    if row["token"]:
        return str(row["token"])
    try:
        token = await gateways.default.open_customer(customer_id, row["email"], row["name"])
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    kept = await reading.fetch_one(
        """INSERT INTO gateway_customers (customer_id, gateway, token) VALUES ($1, $2, $3)
           ON CONFLICT (customer_id, gateway) DO UPDATE SET token = gateway_customers.token RETURNING token""",
        customer_id,
        gateways.default.name,
        token,
    )
    assert kept is not None
    return str(kept["token"])


async def save(
    gateways: Gateways,
    *,
    merchant_id: str,
    customer_id: str,
    token: str,
    return_url: str,
    idempotency_key: str,
    body_digest: str,
    now: datetime,
) -> tuple[str | None, Mapping[str, str] | None]:
    """Leaves the instrument with the merchant; returns its id, or what the payer has to do first.

    After that has been done the same call, with the same key, saves it.
    """
    key = idempotency.check(idempotency_key)
    names = {"merchant_id": merchant_id, "mutation": "paymentMethodSave", "key": key, "body_digest": body_digest}
    customer_token = await gateway_customer(gateways, merchant_id, customer_id)
    answer = {"customer_id": customer_id}
    await unit_of_work(lambda unit: idempotency.claim(unit, **names, answer=answer, now=now))
    try:
        setup = await gateways.default.save_method(
            token, customer_token, return_url=return_url, idempotency_key=f"{customer_id}:{key}"
        )
    except (Refused, Declined) as error:
        raise GatewayRefused(error.message) from error
    except AnswerStored as error:
        raise GatewayRefused("it failed. Nothing was charged: save the method again with a new key.") from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    if setup.token is None or setup.method is None:
        return None, setup.next_action
    owner = {"merchant_id": merchant_id, "customer_id": customer_id, "gateway": gateways.default.name}
    saved_token, method = setup.token, setup.method
    return await unit_of_work(lambda unit: remember(unit, owner, saved_token, method, now)), None


async def set_default(merchant_id: str, method_id: str) -> None:
    """The instrument is the customer's default from now on."""

    async def work(unit: Unit) -> None:
        row = await _owned(unit, merchant_id, method_id)
        await unit.execute("UPDATE saved_methods SET is_default = $2 WHERE customer_id = $1", row["customer_id"], False)
        await unit.execute("UPDATE saved_methods SET is_default = $2 WHERE id = $1", method_id, True)

    await unit_of_work(work)


async def remove(gateways: Gateways, merchant_id: str, method_id: str, now: datetime) -> None:
    """Forgets the instrument, at the PSP first. Removing it again changes nothing."""
    row = await reading.fetch_one(
        "SELECT token, gateway, removed_at FROM saved_methods WHERE id = $1 AND merchant_id = $2",
        method_id,
        merchant_id,
    )
    if row is None:
        raise UnknownMethod(method_id)
    if row["removed_at"] is not None:
        return
    try:
        await gateways[row["gateway"]].remove_method(row["token"])
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    await reading.execute(
        "UPDATE saved_methods SET removed_at = $2, is_default = $3 WHERE id = $1", method_id, now, False
    )


async def _owned(unit: Unit, merchant_id: str, method_id: str) -> dict[str, Any]:
    row = await unit.fetch_one(
        """SELECT id, customer_id FROM saved_methods
            WHERE id = $1 AND merchant_id = $2 AND removed_at IS NULL FOR UPDATE""",
        method_id,
        merchant_id,
    )
    if row is None:
        raise UnknownMethod(method_id)
    await unit.fetch_one("SELECT id FROM customers WHERE id = $1 FOR UPDATE", row["customer_id"])
    return row


async def usable(merchant_id: str, method_id: str) -> dict[str, Any]:
    """A saved instrument to be charged, with its customer; raises UnknownMethod."""
    row = await reading.fetch_one(
        """SELECT id, customer_id, token FROM saved_methods
            WHERE id = $1 AND merchant_id = $2 AND removed_at IS NULL""",
        method_id,
        merchant_id,
    )
    if row is None:
        raise UnknownMethod(method_id)
    return row
