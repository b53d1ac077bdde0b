"""The table of contents of all that happens later: jobs, their times, and the worker that runs them."""

from arq import cron
from arq.connections import create_pool
from arq.cron import CronJob
from arq.worker import Worker, func

from domain.mails.subscriptions import PageUrl
from domain.tokens import Tokens
from gateways.registry import Gateways
from kit.hub import Hub
from kit.supervise import json_deserializer, json_serializer, keep_running, redis_settings, run_worker
from mail.post import Post
from workers import deliveries, relay
from workers.jobs import (
    alert_disputes,
    ask_refunds,
    close_links,
    inquire_due,
    inquire_subscriptions,
    inquire_vendors,
    mind_holds,
    perform_operations,
    retry_inbox,
    settle_shares,
    snapshot_balances,
)
from workers.mails import send_mails, send_reminders

JOBS = (
    ask_refunds,
    perform_operations,
    retry_inbox,
    inquire_due,
    inquire_subscriptions,
    alert_disputes,
    close_links,
    settle_shares,
    inquire_vendors,
    mind_holds,
    snapshot_balances,
    send_mails,
    send_reminders,
)
_EVEN_SECONDS = set(range(0, 60, 2))
_TIMEOUT_SECONDS = 300


def _cron_jobs() -> list[CronJob]:
    """Every job also sweeps every two seconds, so that none depends on its wake-up."""
    return [
        cron(job, name=f"sweep:{job.__name__}", second=_EVEN_SECONDS, timeout=_TIMEOUT_SECONDS, keep_result=0)
        for job in JOBS
    ]


async def _worker(redis_url: str, gateways: Gateways, post: Post, base_url: str, page_url: PageUrl) -> Worker:
    pool = await create_pool(
        redis_settings(redis_url), job_serializer=json_serializer, job_deserializer=json_deserializer
    )
    return Worker(
        functions=[func(job, timeout=_TIMEOUT_SECONDS, keep_result=0, max_tries=5) for job in JOBS],
        cron_jobs=_cron_jobs(),
        redis_pool=pool,
        ctx={"gateways": gateways, "post": post, "base_url": base_url, "page_url": page_url},
        handle_signals=False,
        max_jobs=50,
        poll_delay=0.1,
        health_check_interval=10,
        job_serializer=json_serializer,
        job_deserializer=json_deserializer,
    )


async def run_jobs(redis_url: str, gateways: Gateways, post: Post, base_url: str, page_url: PageUrl) -> None:
    """Runs the jobs until cancelled, across crashes and Redis outages. `base_url` is where payers find our pages, and
    `page_url` where customers find their page of a subscription."""
    await keep_running("worker", lambda: run_worker(lambda: _worker(redis_url, gateways, post, base_url, page_url)))


async def run_relay(hub: Hub) -> None:
    """Runs the relay until cancelled."""
    await keep_running("relay", lambda: relay.run(hub))


async def run_deliveries(hub: Hub, tokens: Tokens, *, private_targets: bool) -> None:
    """Sends merchants their messages until cancelled."""
    await keep_running("deliveries", lambda: deliveries.run(hub, tokens, private_targets=private_targets))
