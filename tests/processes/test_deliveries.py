"""kill -9 while messages are on their way -> restart -> every event arrives, under its id, and the log is right"""

from random import Random

from tests.processes.programs import Town
from tests.receiver import Answering, receiving
from tests.town import Shop, eventually
from tests.webhooking import deliveries, made, update


def test_a_message_that_was_on_its_way_when_the_worker_died_comes_again_with_its_id(town: Town, shop: Shop) -> None:
    with receiving() as receiver:
        receiver.answering = Answering(held=True)
        endpoint_id, secret = made(shop, receiver, eventTypes=["order.created"])
        shop.order()
        (first,) = receiver.got(1)
        town.worker.kill()
        receiver.answering = Answering()
        receiver.go_on.set()
        assert [d["status"] for d in deliveries(shop, endpointId=endpoint_id)] == ["PENDING"]
        town.leases_are_over()
        town.worker.start()
        again = receiver.got(2)[1]
        assert again.headers["webhook-id"] == first.headers["webhook-id"]
        assert again.verified(secret) == first.verified(secret)
        log = eventually(lambda: deliveries(shop, endpointId=endpoint_id), lambda log: log[0]["status"] == "SUCCEEDED")
        assert len(log) == 1
        update(shop, endpoint_id, enabled=False)


def test_a_worker_that_dies_again_and_again_loses_nothing(town: Town, shop: Shop) -> None:
    dice = Random(7)
    with receiving() as receiver:
        endpoint_id, _ = made(shop, receiver, eventTypes=["order.created"])
        orders = set()
        for _ in range(4):
            heard = len(receiver.received)
            orders |= {shop.order()["id"] for _ in range(10)}
            receiver.got(heard + dice.randrange(1, 8))
            town.worker.kill()
            town.leases_are_over()
            town.worker.start()
        town.leases_are_over()
        log = eventually(
            lambda: deliveries(shop, endpointId=endpoint_id),
            lambda log: [each["status"] for each in log] == ["SUCCEEDED"] * 40,
            timeout=60,
        )
        assert {each.message["data"]["order"]["id"] for each in receiver.received} == orders
        assert {each.headers["webhook-id"] for each in receiver.received} == {d["eventId"] for d in log}
        numbers = sorted({each.message["sequence"] for each in receiver.received})
        assert len(numbers) == 40
        update(shop, endpoint_id, enabled=False)


def test_a_worker_that_is_stopped_lets_go_at_once_and_the_next_one_goes_on(town: Town, shop: Shop) -> None:
    with receiving() as receiver:
        receiver.answering = Answering(held=True)
        endpoint_id, _ = made(shop, receiver, eventTypes=["order.created"])
        shop.order()
        receiver.got(1)
        assert town.worker.stop() < 10
        receiver.answering = Answering()
        receiver.go_on.set()
        town.worker.start()
        assert len({each.headers["webhook-id"] for each in receiver.got(2)}) == 1
        update(shop, endpoint_id, enabled=False)
