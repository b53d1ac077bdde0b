"""Opens and closes what the API, the worker and the tests share; names the gateways' implementations."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from arq.connections import ArqRedis
from redis.asyncio import Redis
from tortoise import Tortoise

from config import Settings
from domain import events
from domain.tokens import Tokens
from gateways.registry import Gateways, Tokenization
from gateways.stripe.gateway import StripeGateway
from kit import wakeups
from kit.database.connect import CONNECTION, connection_config
from kit.database.unit import drain
from kit.embedded_redis import EmbeddedRedis
from kit.hub import Hub
from kit.supervise import json_deserializer, json_serializer, keep_running
from mail.post import Post, server_of
from workers.queue import Queue


@dataclass(frozen=True, slots=True)
class House:
    """Everything open, for as long as the process lives. `private_targets`: merchants' webhooks may go to this machine
    and its network, and without TLS."""

    settings: Settings
    gateways: Gateways
    tokens: Tokens
    hub: Hub
    redis: Redis
    redis_url: str
    post: Post
    private_targets: bool

    @property
    def base_url(self) -> str:
        return self.settings.base_url

    def page_url(self, subscription_id: str) -> str:
        """Where a customer finds the page of a subscription."""
        return self.base_url + self.tokens.page_path("subscriptions", subscription_id)

    @property
    def tokenization(self) -> Tokenization | None:
        """What a browser needs to tokenize at the PSP, None where no publishable key is configured."""
        key = self.settings.stripe_publishable_key
        return Tokenization(self.gateways.default.name, key, self.settings.stripe_api_base) if key else None

    @property
    def livemode(self) -> bool:
        return self.gateways.default.livemode


def stripe_gateway(settings: Settings) -> StripeGateway:
    """The gateway to the Stripe account, or its stand-in, that the settings name."""
    assert settings.stripe_secret_key is not None
    return StripeGateway(settings.stripe_secret_key, settings.stripe_webhook_secrets, api_base=settings.stripe_api_base)


def post_of(settings: Settings) -> Post:
    """The mail server that the settings name; without one, mails are kept."""
    url = settings.smtp_url
    return Post(server_of(url, development=settings.development) if url else None, settings.mail_from)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """The house: database, Redis (an embedded one unless configured), gateway, hub. The schema must be up to date."""
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(database(settings.database_url))
        redis_url = settings.redis_url or (await stack.enter_async_context(_own_redis(settings))).url
        redis = Redis.from_url(redis_url)
        stack.push_async_callback(redis.aclose)
        gateway = stripe_gateway(settings)
        stack.push_async_callback(gateway.close)
        hub = Hub(redis, events.newest)
        queue = Queue(ArqRedis(redis.connection_pool, json_serializer, json_deserializer))
        for listener in (hub.wake, queue.wake):
            stack.callback(wakeups.listen(listener))
        await stack.enter_async_context(
            running([keep_running("live updates", hub.run), keep_running("job queue", queue.run)])
        )
        stack.push_async_callback(drain)
        gateways, tokens, post = Gateways([gateway]), Tokens(settings.secret_key), post_of(settings)
        private_targets = settings.development
        yield House(settings, gateways, tokens, hub, redis, redis_url, post, private_targets)


@contextlib.asynccontextmanager
async def database(url: str) -> AsyncIterator[None]:
    config = {
        "connections": {CONNECTION: connection_config(url)},
        "apps": {"models": {"models": ["models"], "default_connection": CONNECTION}},
    }
    # Servers run their requests outside the context that opened the database.
    await Tortoise.init(config=config, _enable_global_fallback=True)
    try:
        yield
    finally:
        await Tortoise.close_connections()


def _own_redis(settings: Settings) -> EmbeddedRedis:
    return EmbeddedRedis(settings.data_dir / "redis")


@contextlib.asynccontextmanager
async def running(works: Sequence[object]) -> AsyncIterator[None]:
    """Runs coroutines in the background until the block ends."""
    tasks = [asyncio.ensure_future(work) for work in works]  # type: ignore[call-overload]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
