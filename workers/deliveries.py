"""Sends merchants their messages: many endpoints at once, each by one process, none at the cost of another.

It is no job of the queue: jobs overlap, and each would have a bound of its own. Endpoints that failed last time have
places of their own, so that those that hang cannot take those of the others.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from domain.deliveries import endpoints, outcomes, rounds
from domain.deliveries.outcomes import Outcome
from domain.deliveries.rounds import Sending
from domain.events import Cause, CauseKind
from domain.tokens import Tokens
from kit import clock
from kit.hub import Hub, Watch
from kit.logs import fresh
from kit.outbound import Outbound

_log = logging.getLogger(__name__)
_CAUSE = Cause(CauseKind.SYSTEM, "deliveries")
_PLACES: Mapping[bool, int] = {False: 24, True: 8}
"""How many endpoints one process serves at once: those that do well, and those that failed last time."""
_TURN_SECONDS, _POLL_SECONDS = 5.0, 1.0
_BROKEN = timedelta(seconds=30)


@dataclass
class Courier:
    """One for each process."""

    hub: Hub
    tokens: Tokens
    outbound: Outbound
    _turns: dict[bool, set[asyncio.Task[None]]] = field(default_factory=lambda: {False: set(), True: set()})

    async def run(self) -> None:
        """Until cancelled. Any number of couriers may run: an endpoint is with one of them at a time."""
        with self.hub.watch(endpoints.TOPIC) as watch:
            try:
                while True:
                    watch.clear()
                    for failing in self._turns:
                        await self._begin(failing)
                    await self._something_to_do(watch)
            finally:
                turns = [turn for turns in self._turns.values() for turn in turns]
                for turn in turns:
                    turn.cancel()
                await asyncio.gather(*turns, return_exceptions=True)

    async def _begin(self, failing: bool) -> None:
        turns = self._turns[failing]
        if free := _PLACES[failing] - len(turns):
            for endpoint_id in await rounds.take(free, failing=failing, now=clock.now()):
                turn = asyncio.create_task(self._turn(endpoint_id))
                turns.add(turn)
                turn.add_done_callback(turns.discard)

    async def _something_to_do(self, watch: Watch) -> None:
        """Until there is news, a place is free again, or a moment has passed: retries come due by themselves."""
        turns = [turn for turns in self._turns.values() for turn in turns]
        await asyncio.wait(
            [asyncio.ensure_future(watch.wait()), *turns], timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )

    async def _turn(self, endpoint_id: str) -> None:
        """Sends what is due there for a while, or until the first failure."""
        fresh(job="deliveries")
        rest = timedelta()
        ends = asyncio.get_running_loop().time() + _TURN_SECONDS
        try:
            while asyncio.get_running_loop().time() < ends:
                sendings = await rounds.next_few(self.tokens, endpoint_id, now=clock.now())
                if not sendings:
                    break
                made = await asyncio.gather(*(self._send(sending) for sending in sendings))
                found = await outcomes.record(endpoint_id, made, cause=_CAUSE, now=clock.now())
                if found is not None:
                    rest = found
                    break
        except Exception:
            rest = _BROKEN
            _log.exception("A turn at %s broke; it is taken up again later", endpoint_id)
        finally:
            with contextlib.suppress(Exception):
                await rounds.give_back(endpoint_id, rest=rest, now=clock.now())

    async def _send(self, sending: Sending) -> Outcome:
        answer = await self.outbound.post(sending.url, sending.headers, sending.body)
        return Outcome(sending.delivery_id, answer, random.random())  # noqa: S311 - it spreads attempts, no more


async def run(hub: Hub, tokens: Tokens, *, private_targets: bool) -> None:
    """Until cancelled."""
    async with Outbound(private=private_targets) as outbound:
        await Courier(hub, tokens, outbound).run()
