"""Asks the PSP for a vendor's payouts, so that those are known that no message told of."""

from datetime import datetime, timedelta
from functools import partial

from domain.events import Cause
from domain.payments.ask import GatewayUnavailable
from domain.payouts.observe import observe
from domain.vendors import rows
from gateways.base import GatewayError
from gateways.registry import Gateways
from kit.database.unit import unit_of_work

_SINCE = timedelta(days=10)
"""One may fail some days after it was paid."""


async def inquire(gateways: Gateways, vendor_id: str, *, cause: Cause, now: datetime) -> None:
    """Takes in the vendor's recent payouts; nothing is asked of one that was never sent anything. Raises
    GatewayUnavailable."""
    vendor = await rows.with_money(vendor_id)
    if vendor is None:
        return
    try:
        found = await gateways[vendor["gateway"]].connect.payouts(vendor["token"], since=now - _SINCE)
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    for payout in reversed(found):
        await unit_of_work(partial(observe, evidence=payout, cause=cause, now=now))
