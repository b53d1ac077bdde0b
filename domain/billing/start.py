"""Beginning a subscription: on a hosted page, or with an instrument that the customer left."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import customers, events, idempotency, saved_methods
from domain.billing import ask
from domain.checkout.places import Places, check_places
from domain.checkout.requests import SESSION_LIFE
from domain.events import Cause, NewEvent
from domain.order_input import NewCustomer, check_customer, check_metadata
from domain.payments.ask import NOTHING_MADE
from domain.plans import register
from domain.plans.manage import PlanArchived, PlanNotFound
from domain.refusals import Fault, Findings, Refusal
from domain.subscriptions.cadence import SETTLING
from domain.tokens import Tokens
from gateways.billing import SubscriptionRequest
from gateways.capabilities import Capabilities
from gateways.registry import Gateways
from kit import ids
from kit.database import reading
from kit.database.reading import decode_json
from kit.database.unit import Unit, unit_of_work
from models import SubscriptionStatus

MUTATION = "subscriptionStart"
_MOST_SEATS = 999_999
"""The PSP's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who subscribes to what. The customer is one that is known, or one to know; with a `method_id` the customer's
    saved method is charged, without one a hosted page is opened."""

    merchant_id: str
    plan_id: str
    quantity: int
    customer_id: str | None
    customer: NewCustomer | None
    method_id: str | None
    metadata: Collection[tuple[str, str]]
    places: Places


async def start_subscription(
    gateways: Gateways,
    tokens: Tokens,
    wanted: Wanted,
    *,
    idempotency_key: str,
    body_digest: str,
    cause: Cause,
    now: datetime,
) -> str:
    """A subscription that the PSP knows; returns its id. The same key and body give the same one, and one charge.

    With a hosted page it is INCOMPLETE until the customer has paid there. Raises GatewayUnavailable: the same call goes
    on where this one stopped.
    """
    key = idempotency.check(idempotency_key)
    claim = {"merchant_id": wanted.merchant_id, "mutation": MUTATION, "key": key}
    earlier = await unit_of_work(lambda unit: idempotency.recall(unit, **claim, body_digest=body_digest))
    found = earlier["subscription_id"] if earlier else None
    if found is None or await _came_to_nothing(found):
        begin = await _begin(gateways, tokens, wanted, now)
        found = await unit_of_work(lambda unit: _reserve(unit, begin, claim, body_digest, found, cause, now))
    await ask.settle(gateways, found, cause=cause, now=now)
    return found


@dataclass(frozen=True, slots=True)
class _Begin:
    """What is to be reserved."""

    wanted: Wanted
    customer_id: str
    price_id: str
    metadata: dict[str, str]
    gateway: str
    livemode: bool
    request: SubscriptionRequest


async def _came_to_nothing(subscription_id: str) -> bool:
    row = await reading.fetch_one("SELECT last_error FROM subscriptions WHERE id = $1", subscription_id)
    error = decode_json(row["last_error"]) if row else None
    return bool(error and error["code"] == NOTHING_MADE)


async def _begin(gateways: Gateways, tokens: Tokens, wanted: Wanted, now: datetime) -> _Begin:
    """Looks everything up, and makes plan and customer known to the PSP where they are not yet."""
    await check_places(wanted.merchant_id, wanted.places)
    findings = Findings()
    metadata = check_metadata(findings, wanted.metadata)
    plan = await usable_plan(wanted.merchant_id, wanted.plan_id)
    check_quantity(findings, plan, wanted.quantity, gateways.default.capabilities)
    email, name = check_customer(findings, wanted.customer)
    findings.unless(
        (wanted.customer_id is None) != (email is None),
        "REQUIRED",
        "Say who subscribes: give a customerId or a customer, one of the two.",
        "customer",
    )
    findings.refuse_if_any()
    method = await saved_methods.usable(wanted.merchant_id, wanted.method_id) if wanted.method_id else None
    price_id = await register.newest(gateways, wanted.plan_id, now=now)
    customer_id = wanted.customer_id or await _known(wanted.merchant_id, email or "", name, now)
    if method and method["customer_id"] != customer_id:
        raise Refusal(Fault("INVALID", "The saved method is not this customer's.", ("paymentMethodId",)))
    customer_token = await saved_methods.gateway_customer(gateways, wanted.merchant_id, customer_id)
    request = await _request(tokens, wanted, price_id, customer_token, method["token"] if method else None, now)
    return _Begin(wanted, customer_id, price_id, metadata, gateways.default.name, gateways.default.livemode, request)


async def usable_plan(merchant_id: str, plan_id: str) -> dict[str, Any]:
    """A plan that can be subscribed to, with its newest terms; raises PlanNotFound or PlanArchived."""
    row = await reading.fetch_one(
        """SELECT p.id, p.archived_at, v.per_seat, v.currency, v.amount_minor, v.interval, v.interval_count
             FROM plans p JOIN plan_prices v ON v.plan_id = p.id
            WHERE p.id = $1 AND p.merchant_id = $2 ORDER BY v.number DESC LIMIT 1""",
        plan_id,
        merchant_id,
    )
    if row is None:
        raise PlanNotFound(plan_id)
    if row["archived_at"] is not None:
        raise PlanArchived(plan_id)
    return row


def check_quantity(findings: Findings, plan: dict[str, Any], quantity: int, capabilities: Capabilities) -> None:
    message = f"The quantity must be 1 to {_MOST_SEATS}."
    if not findings.unless(1 <= quantity <= _MOST_SEATS, "INVALID_QUANTITY", message, "quantity"):
        return
    message = "The plan is not sold by the seat: its quantity is 1."
    findings.unless(quantity == 1 or bool(plan["per_seat"]), "INVALID_QUANTITY", message, "quantity")
    most = capabilities.maximums[plan["currency"]]
    message = (
        f"A period of so many would cost more than the PSP charges at once: {most} {plan['currency']} minor units."
    )
    findings.unless(plan["amount_minor"] * quantity <= most, "INVALID_QUANTITY", message, "quantity")


async def _known(merchant_id: str, email: str, name: str | None, now: datetime) -> str:
    return await unit_of_work(lambda unit: customers.known(unit, merchant_id, email, name, now))


async def _request(
    tokens: Tokens, wanted: Wanted, price_id: str, customer_token: str, method_token: str | None, now: datetime
) -> SubscriptionRequest:
    row = await reading.fetch_one(
        """SELECT p.name, v.token, v.currency, v.trial_days, v.setup_fee_minor
             FROM plan_prices v JOIN plans p ON p.id = v.plan_id WHERE v.id = $1""",
        price_id,
    )
    assert row is not None
    subscription_id = ids.new("sub", now)
    own_page = wanted.places.base_url + tokens.page_path("subscriptions", subscription_id)
    return SubscriptionRequest(
        subscription_id=subscription_id,
        customer_token=customer_token,
        plan_name=row["name"],
        price_token=row["token"],
        quantity=wanted.quantity,
        currency=row["currency"],
        trial_days=row["trial_days"],
        setup_fee_minor=row["setup_fee_minor"],
        method_token=method_token,
        success_url=wanted.places.success_url or own_page,
        cancel_url=wanted.places.cancel_url or own_page,
        expires_at=int((now + SESSION_LIFE).timestamp()),
    )


async def _reserve(
    unit: Unit, begin: _Begin, claim: dict[str, str], body_digest: str, spent: str | None, cause: Cause, now: datetime
) -> str:
    """The row, with the key that answers it; `spent` is what the key answered, and came to nothing."""
    subscription_id, wanted = begin.request.subscription_id, begin.wanted
    answer = {"subscription_id": subscription_id}
    earlier = await idempotency.claim(unit, **claim, body_digest=body_digest, answer=answer, now=now)
    if earlier and earlier["subscription_id"] != spent:
        return earlier["subscription_id"]
    if earlier:
        await idempotency.answer_anew(unit, **claim, answer=answer)
    await unit.execute(
        """INSERT INTO subscriptions (id, merchant_id, customer_id, plan_id, price_id, quantity, status, gateway,
                                      livemode, request, cancel_at_period_end, metadata, version, inquire_at,
                                      created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $14)""",
        subscription_id,
        wanted.merchant_id,
        begin.customer_id,
        wanted.plan_id,
        begin.price_id,
        wanted.quantity,
        SubscriptionStatus.INCOMPLETE.value,
        begin.gateway,
        begin.livemode,
        begin.request.to_json(),
        False,
        begin.metadata,
        now + SETTLING,
        now,
    )
    facts = {
        "customer_id": begin.customer_id,
        "plan_id": wanted.plan_id,
        "price_id": begin.price_id,
        "quantity": wanted.quantity,
    }
    await events.append(
        unit,
        [NewEvent(type="subscription.created", data=facts)],
        merchant_id=wanted.merchant_id,
        subject_id=subscription_id,
        version=0,
        cause=cause,
        now=now,
    )
    return subscription_id
