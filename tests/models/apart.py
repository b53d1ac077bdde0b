"""Lets a test connect the product's models to a database of its own while the town goes on with another.

Tortoise keeps what it makes for one dialect on the models and in a cache, for the whole process.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.models import Model

import models

_KEPT = ("basequery", "basequery_all_fields", "basetable")


@contextmanager
def apart() -> Iterator[None]:
    """Inside, the models may be connected anew; afterwards they are as they were."""
    known = [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, Model)]
    before = [(kind._meta, name, getattr(kind._meta, name)) for kind in known for name in _KEPT]
    EXECUTOR_CACHE.clear()
    try:
        yield
    finally:
        EXECUTOR_CACHE.clear()
        for meta, name, value in before:
            setattr(meta, name, value)
