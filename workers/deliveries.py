"""Sends merchants their messages: many endpoints at once, each by one process, none at the cost of another.

It is no job of the queue: jobs overlap, and each would have a bound of its own. Endpoints that failed or were slow last
time have places of their own, so that they cannot take those of the others.
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from domain.deliveries import endpoints, outcomes, rounds
from domain.deliveries.outcomes import Outcome
from domain.deliveries.rounds import Sending
from domain.events import Cause, CauseKind
from domain.tokens import Tokens
from kit import clock
from kit.hub import Hub, Watch
from kit.logs import fresh
from kit.outbound import Outbound, trusting_the_worlds_authorities

_log = logging.getLogger(__name__)
_CAUSE = Cause(CauseKind.SYSTEM, "deliveries")
PLACES: Mapping[bool, int] = {False: 24, True: 8}
"""How many endpoints one process serves at once: those that do well, and those that failed or were slow last time. A
merchant has a quarter of them at most."""
_TURN_SECONDS, _POLL_SECONDS = 5.0, 1.0
_BROKEN = timedelta(seconds=30)


@dataclass
class Courier:
    """One for each process."""

    hub: Hub
    tokens: Tokens
    connect: Callable[[], Outbound]
    _turns: dict[bool, dict[asyncio.Task[None], str]] = field(default_factory=lambda: {False: {}, True: {}})

    async def run(self) -> None:
        """Until cancelled. Any number of couriers may run: an endpoint is with one of them at a time."""
        with self.hub.watch(endpoints.TOPIC) as watch:
            try:
                while True:
                    watch.clear()
                    for lagging in self._turns:
                        while await self._begin(lagging):
                            pass
                    await self._something_to_do(watch)
            finally:
                for turn in self._all():
                    turn.cancel()
                await asyncio.gather(*self._all(), return_exceptions=True)

    async def _begin(self, lagging: bool) -> bool:
        """Whether there was a place, and somebody for it."""
        turns = self._turns[lagging]
        if len(turns) == PLACES[lagging]:
            return False
        served = Counter(turns.values())
        crowded = [merchant_id for merchant_id, count in served.items() if count >= PLACES[lagging] // 4]
        taken = await rounds.take(lagging=lagging, crowded=crowded, now=clock.now())
        if taken is None:
            return False
        turn = asyncio.create_task(self._turn(taken.endpoint_id))
        turns[turn] = taken.merchant_id
        turn.add_done_callback(turns.pop)
        return True

    async def _something_to_do(self, watch: Watch) -> None:
        """Until there is news, a place is free again, or a moment has passed: retries come due by themselves."""
        news = asyncio.ensure_future(watch.wait())
        try:
            await asyncio.wait([news, *self._all()], timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()

    def _all(self) -> list[asyncio.Task[None]]:
        return [turn for turns in self._turns.values() for turn in turns]

    async def _turn(self, endpoint_id: str) -> None:
        """Sends what is due there for a while, or until an answer that is a failure or slow. Its connections are its
        own."""
        fresh(job="deliveries")
        rest = timedelta()
        try:
            rest = await self._send_what_is_due(endpoint_id)
        except Exception:
            rest = _BROKEN
            _log.exception("A turn at %s broke; it is taken up again later", endpoint_id)
        finally:
            with contextlib.suppress(Exception):
                await rounds.give_back(endpoint_id, rest=rest, now=clock.now())

    async def _send_what_is_due(self, endpoint_id: str) -> timedelta:
        """For how long the endpoint is to be left alone."""
        ends = asyncio.get_running_loop().time() + _TURN_SECONDS
        async with self.connect() as outbound:
            while asyncio.get_running_loop().time() < ends:
                sendings = await rounds.next_few(self.tokens, endpoint_id, now=clock.now())
                if not sendings:
                    break
                made = await asyncio.gather(*(_send(outbound, sending) for sending in sendings))
                rest = await outcomes.record(endpoint_id, made, cause=_CAUSE, now=clock.now())
                if rest is not None:
                    return rest
        return timedelta()


async def _send(outbound: Outbound, sending: Sending) -> Outcome:
    answer = await outbound.post(sending.url, sending.headers, sending.body)
    return Outcome(sending.delivery_id, answer, random.random())  # noqa: S311 - it spreads attempts, no more


async def run(hub: Hub, tokens: Tokens, *, private_targets: bool) -> None:
    """Until cancelled."""
    connect = partial(Outbound, private=private_targets, tls=trusting_the_worlds_authorities())
    await Courier(hub, tokens, connect).run()
