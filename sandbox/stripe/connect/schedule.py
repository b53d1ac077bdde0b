"""When an account's money is paid out by itself: at midnight, UTC, if its schedule is daily."""

from __future__ import annotations

from typing import Final

from sandbox.world import Call

DAY: Final = 86400
JOB: Final = "pay_out"


def next_midnight(moment: float) -> float:
    """The first midnight after the moment, Unix seconds."""
    return float((int(moment) // DAY + 1) * DAY)


def plan(call: Call, moment: float) -> None:
    """Pays out the call's account at the first midnight after; once, however often it is planned."""
    assert call.account
    at = next_midnight(moment)
    planned = "SELECT 1 FROM due WHERE abs(at - ?) < 1 AND job = ? AND subject = ?"
    if not call.store.one(planned, at, JOB, call.account):
        call.schedule(JOB, call.account, at - call.world.now())
