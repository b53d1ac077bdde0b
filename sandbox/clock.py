"""What happens by itself: work that comes due by the sandbox's clock, in order of its time."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from sandbox.stripe import charges, disputes, payments, refunds, sessions
from sandbox.stripe.billing import clocks
from sandbox.stripe.connect import payouts
from sandbox.webhooks import Sender
from sandbox.world import World

log = logging.getLogger("sandbox")

JOBS = {
    **payments.JOBS,
    **refunds.JOBS,
    **sessions.JOBS,
    **disputes.JOBS,
    **payouts.JOBS,
    "credit_charge": charges.credit_late,
    **clocks.JOBS,
}
LONGEST_NAP = 30.0


def run_due(world: World) -> int:
    """Does all work that is due now; returns how many jobs."""
    count = 0
    while row := world.store.one(
        "SELECT * FROM due WHERE clock IS NULL AND at <= ? ORDER BY at, seq LIMIT 1", world.now()
    ):
        with world.store.transaction():
            world.store.run("DELETE FROM due WHERE seq = ?", row["seq"])
            _run(world, row["job"], row["subject"], bool(row["livemode"]))
        count += 1
    return count


def _run(world: World, job: str, subject: str, livemode: bool) -> None:
    document = world.store.find(livemode, subject)
    if document is None or job not in JOBS:
        return
    call = world.call(livemode)
    try:
        with world.store.savepoint():
            JOBS[job](call, document)
    except Exception:  # one job that can't be done must not stop the clock for all others
        log.exception("the job %s on %s did not apply", job, subject)


def next_due(world: World, sender: Sender) -> float | None:
    """When the next job or delivery is due, by the sandbox's clock."""
    row = world.store.one("SELECT min(at) AS at FROM due WHERE clock IS NULL")
    moments = [moment for moment in (row["at"] if row else None, sender.next_due()) if moment is not None]
    return min(moments, default=None)


async def advance(world: World, sender: Sender, seconds: float) -> int:
    """Moves the clock, stopping at each moment at which something is due. Returns the number of jobs done."""
    target, count = world.now() + seconds, 0
    await sender.settle(sender.timeout + 1, retries=False)
    while (moment := next_due(world, sender)) is not None and moment <= target:
        world.move_clock_to(moment)
        count += run_due(world)
        await sender.settle(sender.timeout + 1, retries=False)
    world.move_clock_to(target)
    return count + run_due(world)


async def keep_time(world: World, sender: Sender) -> None:
    """The background task: sleeps until something is due or new, then does it; for ever."""
    while True:
        world.wake.clear()
        try:
            run_due(world)
            sender.send_due()
        except Exception:
            log.exception("the sandbox's clock stumbled")
            await asyncio.sleep(1)
        moment = next_due(world, sender)
        nap = LONGEST_NAP if moment is None else min(LONGEST_NAP, max(0.002, moment - world.now()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(world.wake.wait(), nap)
