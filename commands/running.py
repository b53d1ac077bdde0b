"""The commands that stay: `run` (all in one), `serve`, `worker` and `sandbox`."""

import contextlib
import fcntl
import json
import os
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap import House, opened, running
from commands.application import build
from config import ConfigError, Settings, require_production, require_webhook_secret
from domain import demo, merchants
from gateways.stripe import endpoints
from kit import clock
from kit.database.migrate import migrate
from kit.serving import Serving, until_stopped
from models import Merchant
from sandbox import create_app
from workers.settings import run_deliveries, run_jobs, run_relay

_SANDBOX_PUBLISHABLE_KEY = "pk_test_sandbox"
_SANDBOX_KEY = "sk_test_sandbox"


async def run(settings: Settings) -> None:
    """Everything in one process: API, worker, and the sandbox PSP unless a Stripe key is set."""
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_sole(settings.data_dir))
        if settings.embedded:
            settings = await _with_sandbox(stack, settings)
        require_webhook_secret(settings)
        await migrate(settings.database_url)
        house = await stack.enter_async_context(opened(settings))
        told = await _demo(house)
        app = build(house, told)
        await stack.enter_async_context(Serving(app.asgi, settings.host, settings.port))
        await stack.enter_async_context(running(at_work(house)))
        _greet(settings, told)
        await until_stopped(app.shutdown)
    print("Paygraph has stopped.", flush=True)


async def serve(settings: Settings) -> None:
    """The API. Needs STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET and REDIS_URL, which the worker shares."""
    require_production(settings)
    await migrate(settings.database_url)
    async with opened(settings) as house:
        app = build(house)
        async with Serving(app.asgi, settings.host, settings.port):
            print(f"Paygraph answers at {settings.base_url}", flush=True)
            await until_stopped(app.shutdown)


async def worker(settings: Settings) -> None:
    """The worker: relay, deliveries, retries, refunds, reconciliation. Any number may run."""
    require_production(settings)
    await migrate(settings.database_url)
    async with opened(settings) as house:
        if settings.smtp_url is None:
            print("SMTP_URL is not set: mails are kept, and nobody gets them.", flush=True)
        print("The worker is at work.", flush=True)
        async with running(at_work(house)):
            await until_stopped()


def at_work(house: House) -> list[Coroutine[Any, Any, None]]:
    """All that a worker does, as coroutines to be run."""
    return [
        run_jobs(house.redis_url, house.gateways, house.post, house.base_url, house.page_url),
        run_relay(house.hub),
        run_deliveries(house.hub, house.tokens, private_targets=house.private_targets),
    ]


async def sandbox(host: str, port: int, state: Path | None) -> None:
    """The sandbox PSP alone."""
    if state:
        _make_room_for(state)
    async with Serving(create_app(state=state), host, port, lifespan=True, dated=False):
        print(
            f"The sandbox PSP answers at http://{host}:{port} (STRIPE_API_BASE); any sk_test_ key will do.", flush=True
        )
        await until_stopped()


def _make_room_for(state: Path) -> None:
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.touch()
    except OSError as error:
        raise ConfigError(f"--state {state} cannot be used: {error.strerror}.") from None


@contextlib.contextmanager
def _sole(data_dir: Path) -> Iterator[None]:
    """Holds the directory: two instances in one would hand each other's events to the wrong address."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "run.lock").open("wb")
    except OSError as error:
        raise ConfigError(f"DATA_DIR {data_dir} cannot be used: {error.strerror}.") from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Another instance works in DATA_DIR {data_dir}. Stop it, or give this one a DATA_DIR and a PORT."
            ) from None
        yield


async def _with_sandbox(stack: contextlib.AsyncExitStack, settings: Settings) -> Settings:
    """Starts the sandbox, registers our webhook address there, and points the settings at it."""
    public_url = settings.sandbox_url
    app = create_app(state=settings.data_dir / "sandbox.db", public_url=public_url)
    await stack.enter_async_context(Serving(app, settings.host, settings.sandbox_port, lifespan=True, dated=False))
    url, known = f"{settings.local_url}/webhooks/stripe", _read_demo(settings)
    secret = await endpoints.ensure(_SANDBOX_KEY, public_url, url, known.get("webhookSecret"))
    connect_secret = await endpoints.ensure(
        _SANDBOX_KEY, public_url, f"{url}/connect", known.get("connectWebhookSecret"), connect=True
    )
    return replace(
        settings,
        stripe_publishable_key=_SANDBOX_PUBLISHABLE_KEY,
        stripe_secret_key=_SANDBOX_KEY,
        stripe_webhook_secrets=(secret, connect_secret),
        stripe_api_base=public_url,
    )


async def _demo(house: House) -> dict[str, Any]:
    """What demo.json tells, with a demo merchant that this database knows."""
    settings, known = house.settings, _read_demo(house.settings)
    facts = {name: known.get(name) for name in ("merchantId", "secretKey", "publishableKey", "productIds")}
    if not await _is_known(facts, house.livemode):
        made = await demo.set_up(livemode=house.livemode, now=clock.now())
        facts = {
            "merchantId": made.merchant_id,
            "secretKey": made.secret_key,
            "publishableKey": made.publishable_key,
            "productIds": made.product_ids,
        }
    told = {
        "baseUrl": settings.base_url,
        "graphqlUrl": f"{settings.base_url}/graphql",
        **facts,
        "webhookSecret": settings.stripe_webhook_secrets[0],
        "connectWebhookSecret": settings.stripe_webhook_secrets[-1],
        "sandboxUrl": settings.stripe_api_base,
    }
    _write_demo(settings, told)
    return told


async def _is_known(facts: dict[str, Any], livemode: bool) -> bool:
    key, merchant_id = facts["secretKey"], facts["merchantId"]
    if not isinstance(key, str) or not isinstance(facts["publishableKey"], str):
        return False
    actor = await merchants.authenticate(key, livemode=livemode, now=clock.now())
    return actor is not None and actor.merchant_id == merchant_id and await Merchant.exists(id=merchant_id)


def _read_demo(settings: Settings) -> dict[str, Any]:
    try:
        found = json.loads((settings.data_dir / "demo.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_demo(settings: Settings, told: dict[str, Any]) -> None:
    """Whole or not at all, and for its owner only: it holds keys."""
    path = settings.data_dir / "demo.json"
    draft = path.with_suffix(".new")
    try:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(told, indent=2) + "\n")
        os.replace(draft, path)
    except OSError as error:
        raise ConfigError(f"DATA_DIR {settings.data_dir} cannot be written: {error.strerror}.") from None


def _greet(settings: Settings, told: dict[str, Any]) -> None:
    psp = settings.stripe_api_base or "Stripe"
    print(
        f"""
Paygraph is running.
  Start here       {told["baseUrl"]}
  GraphQL          {told["graphqlUrl"]}  (a browser shows GraphiQL)
  PSP              {psp}
  Secret key       {told["secretKey"]}
  Publishable key  {told["publishableKey"]}
  All of this      {settings.data_dir / "demo.json"}
Stop with Ctrl-C.
""",
        flush=True,
    )
