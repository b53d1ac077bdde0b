"""Scopes: declared on the field, told in its description, and checked before its resolver runs."""

from collections.abc import Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types import Info
from strawberry.utils.await_maybe import await_maybe

from models import KeyKind, Scope
from schema.context import Context, unauthenticated
from schema.errors import bad_request
from schema.transport.errors import ApiError, ErrorCode


class Requires(FieldExtension):
    """Lets a key through that has one of the scopes."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = scopes

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        self._check(info)
        return next_(source, info, **kwargs)

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        self._check(info)
        return await await_maybe(next_(source, info, **kwargs))  # a live field gives a generator

    def _check(self, info: Info) -> None:
        actor = context_of(info).actor
        if actor is None:
            raise unauthenticated()
        if not actor.scopes.intersection(self.scopes):
            wanted = " or ".join(f"`{scope}`" for scope in self.scopes)
            raise ApiError(ErrorCode.FORBIDDEN, f"This key lacks the scope {wanted}.")


def context_of(info: Info) -> Context:
    context: Context = info.context
    return context


def _described(description: str, scopes: tuple[Scope, ...]) -> str:
    return f"{description}\n\nScope: {' or '.join(f'`{scope}`' for scope in scopes)}."


def query(*scopes: Scope, description: str) -> Any:
    """A root field that a key with one of the scopes may read."""
    return strawberry.field(description=_described(description, scopes), extensions=[Requires(*scopes)])


def mutation(*scopes: Scope, description: str) -> Any:
    """A root field that a key with one of the scopes may call."""
    return strawberry.mutation(description=_described(description, scopes), extensions=[Requires(*scopes)])


def live(*scopes: Scope, description: str) -> Any:
    """A root field that a key with one of the scopes may follow."""
    return strawberry.subscription(description=_described(description, scopes), extensions=[Requires(*scopes)])


def guarded(*scopes: Scope, description: str) -> Any:
    """A field that needs one of the scopes, whatever let its object through: for what a payer has no business with,
    and for the way from one kind of object to another."""
    return strawberry.field(description=_described(description, scopes), extensions=[Requires(*scopes)])


def check_payer(context: Context, order_id: str, client_secret: str | None) -> None:
    """A publishable key reaches the one order whose client secret comes with it."""
    assert context.actor is not None
    if context.actor.kind is KeyKind.SECRET:
        return
    if client_secret is None:
        raise bad_request("With a publishable key the order's clientSecret is needed.")
    if not context.services.tokens.opens(order_id, client_secret):
        raise ApiError(ErrorCode.FORBIDDEN, "The clientSecret is not this order's.")
