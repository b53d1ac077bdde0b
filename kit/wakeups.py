"""Says that something changed, to whoever listens in this process. A wake-up is a hint, never the news itself."""

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def wake(topic: str) -> None:
    """Tells every listener that `topic` (an order's or a merchant's id, or a job's name) has something new."""
    for listener in _listeners:
        listener(topic)


def listen(listener: Callable[[str], None]) -> Callable[[], None]:
    """Registers a listener, which must neither block nor raise; returns the function that takes it off again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
