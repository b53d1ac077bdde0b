"""The operations that run on one WebSocket."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from graphql import GraphQLError, OperationType
from strawberry.types import ExecutionResult

from schema.transport.context import Context
from schema.transport.errors import ApiError, ClientGone, ErrorCode, Refused, public
from schema.transport.live import Live
from schema.transport.payload import Request
from schema.transport.replies import body_of, formatted, is_request_error
from schema.transport.schema import Schema

Say = Callable[[Mapping[str, object]], Awaitable[None]]
Work = Callable[[str, Request, Context], Awaitable[None]]


class Operations:
    """One task for each operation, under the id that the client chose."""

    __slots__ = ("_live", "_mutations", "_say", "_schema", "_tasks")

    def __init__(self, schema: Schema, live: Live, say: Say) -> None:
        self._schema = schema
        self._live = live
        self._say = say
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._mutations: set[asyncio.Task[None]] = set()

    def __contains__(self, id_: str) -> bool:
        return id_ in self._tasks

    async def start(self, id_: str, request: Request, context: Context) -> None:
        """Starts an operation, or says why not."""
        try:
            if self._is_full():
                raise ApiError(ErrorCode.THROTTLED, "This socket runs as many operations as it may at a time.")
            kind = self._schema.documents.plan(*request).kind
        except Refused as refusal:
            await self._say(_error(id_, refusal.errors))
        except ApiError as refusal:
            await self._say(_error(id_, [public(refusal)]))
        else:
            self._tasks[id_] = self._task(id_, request, context, kind)

    def stop(self, id_: str) -> None:
        """Ends an operation for the client; a mutation still runs to its end."""
        task = self._tasks.pop(id_, None)
        if task is not None and task not in self._mutations:
            task.cancel()

    async def clean_up(self) -> None:
        """Ends all operations and waits until nothing of them is left."""
        tasks = {*self._tasks.values(), *self._mutations}
        for task in tasks - self._mutations:
            task.cancel()
        self._tasks.clear()
        if tasks:
            await asyncio.wait(tasks)

    def _is_full(self) -> bool:
        most = self._schema.limits.socket_operations
        # Mutations are counted apart, for one that the client has completed runs on.
        return len(self._tasks) >= most or len(self._mutations) >= most

    def _task(self, id_: str, request: Request, context: Context, kind: OperationType) -> asyncio.Task[None]:
        if kind is OperationType.SUBSCRIPTION:
            return asyncio.create_task(self._run(self._follow, id_, request, context))
        if kind is OperationType.QUERY:
            return asyncio.create_task(self._run(self._answer, id_, request, context))
        task = self._live.spawn(self._run(self._answer, id_, request, context))
        self._mutations.add(task)
        task.add_done_callback(self._mutations.discard)
        return task

    async def _run(self, work: Work, id_: str, request: Request, context: Context) -> None:
        try:
            await work(id_, request, context)
            await self._finish(id_, {"id": id_, "type": "complete"})
        except Refused as refusal:
            await self._finish(id_, _error(id_, refusal.errors))
        except ClientGone:
            return
        except Exception as error:
            await self._finish(id_, _error(id_, [public(error)]))

    async def _follow(self, id_: str, request: Request, context: Context) -> None:
        with self._live.subscription(context.subscriber_key):
            results = await self._schema.subscribe(
                request.query, request.variables, context, operation_name=request.operation_name
            )
            async with aclosing(results):
                async for result in results:
                    await self._next(id_, result)

    async def _answer(self, id_: str, request: Request, context: Context) -> None:
        result = await self._schema.execute(
            request.query, request.variables, context, operation_name=request.operation_name
        )
        await self._next(id_, result)

    async def _next(self, id_: str, result: ExecutionResult) -> None:
        if is_request_error(result):
            raise Refused(result.errors or [])
        if self._is_mine(id_):
            await self._say({"id": id_, "type": "next", "payload": body_of(result)})

    async def _finish(self, id_: str, message: Mapping[str, object]) -> None:
        if self._is_mine(id_):
            del self._tasks[id_]
            await self._say(message)

    def _is_mine(self, id_: str) -> bool:
        """Not any more when the client has completed it, and has perhaps given the id to another one."""
        return self._tasks.get(id_) is asyncio.current_task()


def _error(id_: str, errors: Sequence[GraphQLError]) -> dict[str, object]:
    return {"id": id_, "type": "error", "payload": formatted(errors)}
