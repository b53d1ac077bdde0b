"""SIGTERM -> what runs is brought to its end -> gone, soon, whatever has become of Redis"""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.processes.programs import Town
from tests.town import Shop, eventually, half_sent


@pytest.mark.parametrize("redis", ["there", "gone", "frozen"])
def test_servers_and_worker_go_when_they_are_asked_to(town: Town, shop: Shop, redis: str) -> None:
    if redis == "gone":
        town.redis.kill()
    if redis == "frozen":
        town.redis.send(signal.SIGSTOP)
    order = shop.order()
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment)
    eventually(lambda: shop.find_order(order["id"]), lambda found: found["status"] == "PAID")

    for program in (*town.servers, town.worker):
        program.send(signal.SIGTERM)
    for program in (*town.servers, town.worker):
        assert program.process is not None
        assert program.process.wait(40) == 0, program.said()

    town.everything_runs()
    assert shop.find_order(order["id"])["status"] == "PAID"
    town.settle()
    town.check()


def test_whoever_is_still_sending_is_told_that_the_server_goes(town: Town) -> None:
    paths = ("/webhooks/stripe", "/graphql")
    with ThreadPoolExecutor(len(paths)) as pool:
        form = {"Content-Type": "application/json"}
        told = [pool.submit(half_sent, town.addresses[1] + path, **form) for path in paths]
        time.sleep(0.5)  # until the server has begun to read
        town.servers[1].stop()
        assert {each.result(10) for each in told} == {"HTTP/1.1 503 Service Unavailable"}
    assert "Traceback" not in town.servers[1].said()
    town.everything_runs()
