"""Controls that act as a cardholder's bank: disputes, their outcome, fraud warnings."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from sandbox.controls.desk import Desk, control, locate, payer_call
from sandbox.controls.forms import BadInput, read
from sandbox.stripe import disputes, radar
from sandbox.wire import base_url
from sandbox.world import public


@control("POST", "/sandbox/charges/{id}/dispute")
async def dispute(desk: Desk, request: Request) -> Any:
    """{"reason": "product_not_received", "amount": 500, "inquiry": true} disputes a captured charge, by default as
    fraudulent and all that is not refunded; an inquiry debits nothing; {"prevented": true} is stopped before it
    becomes a chargeback."""
    body = await read(request)
    reason = body.text("reason", "fraudulent", among=disputes.REASONS)
    amount = body.whole("amount", None, least=1)
    inquiry, prevented = body.flag("inquiry"), body.flag("prevented")
    body.done()
    livemode, charge = locate(desk.world, request.path_params["id"], "charge")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    most = disputes.disputable(call, charge)
    if most <= 0:
        raise BadInput("there is nothing to dispute: the charge is not captured, refunded or disputed already")
    if amount is not None and amount > most:
        raise BadInput(f"at most {most} can be disputed")
    case: disputes.Case = "block" if prevented else "inquiry" if inquiry else "chargeback"
    with call.store.transaction():
        return public(disputes.open_case(call, charge, reason, amount or most, case))


@control("POST", "/sandbox/disputes/{id}/decide")
async def decide(desk: Desk, request: Request) -> Any:
    """{"outcome": "won" | "lost" | "escalated" | "prevented"} decides an open dispute, with or without evidence; an
    inquiry is escalated to a chargeback, or closed by any other outcome."""
    body = await read(request)
    outcome = body.text("outcome", among=("won", "lost", "escalated", "prevented"))
    body.done()
    livemode, found = locate(desk.world, request.path_params["id"], "dispute")
    if found["status"] not in disputes.OPEN:
        raise BadInput(f"the dispute is {found['status']}")
    if outcome == "escalated" and not disputes.is_inquiry(found):
        raise BadInput("only an inquiry can be escalated")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    with call.store.transaction():
        disputes.decide(call, found, outcome)
    return public(found)


@control("POST", "/sandbox/charges/{id}/fraud_warning")
async def fraud_warning(desk: Desk, request: Request) -> Any:
    """{"fraud_type": "made_with_stolen_card"} makes the issuer send an early fraud warning for a charge."""
    body = await read(request)
    fraud_type = body.text("fraud_type", "misc", among=radar.FRAUD_TYPES)
    body.done()
    livemode, charge = locate(desk.world, request.path_params["id"], "charge")
    if charge["status"] != "succeeded":
        raise BadInput(f"the charge is {charge['status']}")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    with call.store.transaction():
        return public(radar.warn(call, charge, fraud_type))
