"""Asks the PSP about transfers to a vendor, so that what was taken back is known that no message told of; and has
what the vendor owes taken back, once its account has something."""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter

from domain.events import Cause
from domain.payments.apply import Foreign, NotYetKnown
from domain.payments.ask import GatewayUnavailable
from domain.transfers.observe import observe
from domain.transfers.reserve import take_again
from domain.vendors import rows as vendors
from gateways.base import GatewayError
from gateways.connect import Connect, TransferEvidence
from gateways.registry import Gateways
from kit.database import reading
from kit.database.unit import unit_of_work

_SINCE = timedelta(days=10)


async def inquire(gateways: Gateways, vendor_id: str, *, cause: Cause, now: datetime) -> None:
    """Takes in what was taken back of the vendor's recent transfers, and collects what it owes; nothing is asked of one
    that was never sent anything. Raises GatewayUnavailable."""
    vendor = await vendors.with_money(vendor_id)
    if vendor is None:
        return
    connect = gateways[vendor["gateway"]].connect
    try:
        for evidence in await _unknown(await connect.transfers(vendor["token"], since=now - _SINCE)):
            await _observe(evidence, cause, now)
        await _collect(connect, vendor["id"], vendor["token"], now)
    except GatewayError as error:
        raise GatewayUnavailable(error) from error


async def _unknown(found: Sequence[TransferEvidence]) -> list[TransferEvidence]:
    """Those of which something was taken back that we do not know."""
    rows = await reading.fetch(
        """SELECT r.token FROM transfers t JOIN transfers r ON r.share_id = t.share_id AND r.reverses_id = t.id
            WHERE t.id = ANY($1) AND r.token IS NOT NULL""",
        [evidence.transfer_id for evidence in found if evidence.transfer_id and evidence.reversals],
    )
    known = {row["token"] for row in rows}
    return [evidence for evidence in found if any(each.token not in known for each in evidence.reversals)]


async def _observe(evidence: TransferEvidence, cause: Cause, now: datetime) -> None:
    with contextlib.suppress(Foreign, NotYetKnown):
        await unit_of_work(partial(observe, evidence=evidence, cause=cause, now=now))


async def _collect(connect: Connect, vendor_id: str, account_token: str, now: datetime) -> None:
    """What could not be taken back is tried again, as far as the account has something now."""
    shares = await reading.fetch(
        """SELECT id, currency FROM shares WHERE vendor_id = $1 AND netted_minor <> 0 AND netted_minor < 0
              AND currency IN (
             SELECT currency FROM shares WHERE vendor_id = $1 AND netted_minor <> 0
              GROUP BY currency HAVING SUM(netted_minor) < 0) ORDER BY currency, id""",
        vendor_id,
    )
    for currency, of_currency in groupby(shares, key=itemgetter("currency")):
        left = await connect.available(account_token, currency)
        for share in of_currency:
            if left:
                left -= await unit_of_work(partial(take_again, share_id=share["id"], most_minor=left, now=now))
