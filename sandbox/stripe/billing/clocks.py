"""What time it is for a customer, by their test clock or the sandbox's; and what comes due on a test clock."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sandbox.store import Json
from sandbox.stripe import events
from sandbox.world import Call

log = logging.getLogger("sandbox")

Job = Callable[[Call, Json], None]
JOBS: dict[str, Job] = {}


def job(run: Job) -> Job:
    """Registers work of billing that comes due: run(call, document), under its own name."""
    JOBS[run.__name__] = run
    return run


def now_of(call: Call, clock: str | None) -> int:
    """Unix seconds by that test clock; the sandbox's without one."""
    found = call.find(clock, "test_helpers.test_clock")
    return int(found["frozen_time"]) if found else int(call.world.now())


def now(call: Call, document: Json) -> int:
    """The time of an object that has a test_clock of its own: a customer, a subscription, an invoice."""
    return now_of(call, document.get("test_clock"))


def schedule(call: Call, run: Job, document: Json, moment: int) -> None:
    """Does this once at that moment of the object's clock, in the place of what was planned of it before."""
    cancel(call, run, document)
    call.schedule_at(run.__name__, document["id"], moment, document["test_clock"])


def cancel(call: Call, run: Job, document: Json) -> None:
    call.unschedule(document["id"], run.__name__)


def step(call: Call, clock: str, target: int) -> bool:
    """Does what comes due next on a test clock, at its moment; False when there is nothing up to `target`."""
    query = "SELECT * FROM due WHERE clock = ? AND at <= ? ORDER BY at, seq LIMIT 1"
    row = call.store.one(query, clock, target)
    if row is None:
        return False
    call.store.run("DELETE FROM due WHERE seq = ?", row["seq"])
    freeze(call, clock, int(row["at"]))
    document = call.store.find(call.livemode, row["subject"])
    if document is not None:
        try:
            with call.store.savepoint():
                JOBS[row["job"]](call, document)
        except Exception:  # one job that can't be done must not stop the clock for all others
            log.exception("the job %s on %s did not apply", row["job"], row["subject"])
    return True


def freeze(call: Call, clock: str, moment: int) -> Json:
    """Moves a test clock to that moment, never backwards."""
    document = call.get(clock, "test_helpers.test_clock")
    if moment > document["frozen_time"]:
        events.change(call, document, frozen_time=moment)
    return document


def forget(call: Call, document: Json) -> None:
    """Nothing more happens to the object by itself."""
    call.store.run("DELETE FROM due WHERE subject = ?", document["id"])
