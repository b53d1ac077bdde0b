"""The relay: numbers committed events in each merchant's sequence, as soon as they are there."""

from domain import events
from domain.deliveries import endpoints
from kit import clock
from kit.hub import Hub


async def run(hub: Hub) -> None:
    """Until cancelled. Any number of relays may run: a merchant's events are numbered by one at a time."""
    with hub.watch(events.RELAY_TOPIC) as watch:
        while True:
            watch.clear()
            await events.relay(lambda unit, merchant_id: endpoints.has_news(unit, merchant_id, clock.now()))
            await watch.wait()
