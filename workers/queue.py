"""Turns wake-ups into jobs. A job only says where to look: the rows that are due are the truth."""

import asyncio
import logging
from collections.abc import Mapping

from arq.connections import ArqRedis
from redis.exceptions import RedisError

from domain import inbox
from domain.links import closing
from domain.mails import outbox as mails
from domain.refunds import rows as refunds
from domain.splits import rows as splits
from domain.subscriptions import writing as subscriptions
from domain.vendors import rows as vendors

_log = logging.getLogger(__name__)

JOBS: Mapping[str, str] = {
    refunds.TOPIC: "ask_refunds",
    inbox.TOPIC: "retry_inbox",
    mails.TOPIC: "send_mails",
    subscriptions.TOPIC: "inquire_subscriptions",
    closing.TOPIC: "close_links",
    splits.TRANSFERS: "settle_shares",
    vendors.TOPIC: "inquire_vendors",
}
"""The job that a topic's wake-up starts; without it, the sweep finds the same rows some seconds later."""


class Queue:
    """Enqueues in the background, so that nobody waits for Redis; what cannot be enqueued is left to the sweeps."""

    def __init__(self, pool: ArqRedis) -> None:
        self._pool = pool
        self._wanted: dict[str, None] = {}
        self._signal = asyncio.Event()

    def wake(self, topic: str) -> None:
        if job := JOBS.get(topic):
            self._wanted[job] = None
            self._signal.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._signal.wait()
            self._signal.clear()
            jobs, self._wanted = list(self._wanted), {}
            try:
                for job in jobs:
                    await self._pool.enqueue_job(job)
            except (RedisError, OSError) as error:
                _log.info("Jobs %s are left to the sweep: %r", jobs, error)
