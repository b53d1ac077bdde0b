"""Following live updates as strangers do: over a socket (graphql-transport-ws) or a stream of server-sent events."""

import contextlib
import json
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

Kind = Literal["socket", "stream"]
PATIENCE = 40.0

_EVENT = "cursor event { id type orderId paymentId version }"
ORDER_UPDATES = f"""subscription ($id: ID!, $after: Cursor, $clientSecret: String) {{
  orderUpdates(id: $id, after: $after, clientSecret: $clientSecret) {{ {_EVENT} version order {{ id status version }} }}
}}"""
PAYMENT_UPDATES = f"""subscription ($id: ID!, $after: Cursor, $clientSecret: String) {{
  paymentUpdates(id: $id, after: $after, clientSecret: $clientSecret) {{ {_EVENT} version payment {{ id status }} }}
}}"""
MERCHANT_EVENTS = f"subscription ($after: Cursor) {{ merchantEvents(after: $after) {{ {_EVENT} sequence }} }}"


def is_(kind: str) -> Callable[[Any], bool]:
    """Whether a message brings an event of this type."""
    return lambda message: message["event"] is not None and message["event"]["type"] == kind


class Refused(Exception):
    """The operation was answered with errors; `codes` are theirs."""

    def __init__(self, errors: list[Any]) -> None:
        super().__init__(json.dumps(errors))
        self.codes = [error["extensions"]["code"] for error in errors]


class Ended(Exception):
    """Nothing more comes. `code` is the socket's close code; None for a stream, or a connection that broke."""

    def __init__(self, code: int | None, polite: bool = True) -> None:
        super().__init__(f"ended with {code}")
        self.code, self.polite = code, polite


class Following:
    """One operation on a connection of its own. `next` gives what the root field says each time."""

    cursor: str | None = None

    def next(self, timeout: float = PATIENCE) -> Any:
        """The next message; raises TimeoutError, Refused or Ended."""
        body = self._receive(timeout)
        if body.get("errors"):
            raise Refused(body["errors"])
        (message,) = body["data"].values()
        self.cursor = message["cursor"]
        return message

    def until(self, holds: Callable[[Any], bool]) -> list[Any]:
        """Every message up to the first that is as wanted."""
        found = [self.next()]
        while not holds(found[-1]):
            found.append(self.next())
        return found

    def silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a while."""
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False

    def ended(self) -> Ended:
        """How it ends, when nothing more may come before."""
        try:
            message = self.next()
        except Ended as end:
            return end
        raise AssertionError(f"not ended, but: {message}")

    def _receive(self, timeout: float) -> Any:
        raise NotImplementedError

    def cut(self) -> None:
        """The connection breaks: no close frame, no goodbye, and what was on its way is lost."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class SocketFollowing(Following):
    def __init__(self, url: str, key: str, query: str, variables: dict[str, Any], after: str | None) -> None:
        self._open = contextlib.ExitStack()
        address = url.replace("http", "ws", 1)
        self._ws = self._open.enter_context(
            connect(address, subprotocols=["graphql-transport-ws"], compression=None, ping_interval=None)
        )
        self.say(type="connection_init", payload={"authorization": f"Bearer {key}"})
        assert self.hear(PATIENCE) == {"type": "connection_ack"}
        payload = {"query": query, "variables": {**variables, "after": after}}
        self.say(type="subscribe", id="1", payload=payload)

    def say(self, **message: Any) -> None:
        self._ws.send(json.dumps(message))

    def hear(self, timeout: float) -> Any:
        try:
            while (message := json.loads(self._ws.recv(timeout)))["type"] == "ping":
                self.say(type="pong")
        except ConnectionClosed as closed:
            raise Ended(closed.rcvd.code if closed.rcvd else None, closed.rcvd is not None) from None
        return message

    def _receive(self, timeout: float) -> Any:
        message = self.hear(timeout)
        if message["type"] == "error":
            raise Refused(message["payload"])
        if message["type"] == "complete":
            raise Ended(None)
        return message["payload"]

    def cut(self) -> None:
        _will_reset(self._ws.socket)
        with contextlib.suppress(OSError):
            self._ws.socket.shutdown(socket.SHUT_RD)
        self._ws.close_socket()

    def close(self) -> None:
        self._open.close()


class StreamFollowing(Following):
    """Resumes with Last-Event-ID, as browsers do. A thread reads, because a read that timed out cannot go on."""

    def __init__(self, url: str, key: str, query: str, variables: dict[str, Any], after: str | None) -> None:
        parts = urlsplit(url)
        headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream", "Content-Type": "application/json"}
        headers |= {"Last-Event-ID": after} if after is not None else {}
        connection = HTTPConnection(parts.netloc, timeout=PATIENCE)
        connection.request("POST", parts.path, json.dumps({"query": query, "variables": variables}), headers)
        self._socket = connection.sock
        self._response = connection.getresponse()
        if not self._response.headers["content-type"].startswith("text/event-stream"):
            raise Refused(json.load(self._response)["errors"])
        self._socket.settimeout(None)
        self._heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        end, fields = Ended(None, polite=False), dict[str, str]()
        with contextlib.suppress(OSError, HTTPException, ValueError):
            for raw in self._response:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif "event" in fields:
                    self._heard.put(fields)
                    fields = {}
            end = Ended(None)
        self._heard.put(end)

    def _receive(self, timeout: float) -> Any:
        try:
            fields = self._heard.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(fields, Ended):
            raise fields
        if fields["event"] == "complete":
            raise Ended(None)
        body = json.loads(fields["data"])
        if not body.get("errors"):
            (message,) = body["data"].values()
            assert fields["id"] == message["cursor"]
        return body

    def cut(self) -> None:
        _will_reset(self._socket)
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        self._reader.join(PATIENCE)
        self._response.close()
        self._socket.close()


def _will_reset(connection: socket.socket) -> None:
    """With no time to linger, the kernel sends a reset instead of a farewell when it is closed."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


_KINDS = {"socket": SocketFollowing, "stream": StreamFollowing}


@contextlib.contextmanager
def follow(
    url: str, key: str, query: str, *, kind: Kind = "socket", after: str | None = None, **variables: Any
) -> Iterator[Any]:
    """Follows from the present, or from the cursor `after`, until the block ends."""
    following = _KINDS[kind](url, key, query, variables, after)
    try:
        yield following
    finally:
        following.close()


class Stubborn(threading.Thread):
    """Follows in a thread until `last` holds, whatever happens to the connection: it resumes with its last cursor.

    Where `dice` are given, it cuts the connection itself after so many messages as they say. Several `urls` are
    taken in turn. `heard` is every message; `cuts` counts the connections that ended. It gives up after a minute.
    """

    def __init__(
        self,
        urls: list[str],
        key: str,
        query: str,
        *,
        last: Callable[[Any], bool],
        kind: Kind = "socket",
        dice: Random | None = None,
        after: str | None = None,
        **variables: Any,
    ) -> None:
        super().__init__(daemon=True)
        self._urls, self._key, self._query, self._variables = urls, key, query, variables
        self._last, self._kind, self._dice, self._after = last, kind, dice, after
        self.heard: list[Any] = []
        self.cuts = 0
        self._begun = threading.Event()
        self._given_up = threading.Event()
        self.start()

    def run(self) -> None:
        deadline = time.monotonic() + 60
        while not self._given_up.is_set() and time.monotonic() < deadline:
            with contextlib.suppress(OSError, HTTPException, WebSocketException, Ended):
                if self._listen(self._urls[self.cuts % len(self._urls)]):
                    return
            self.cuts += 1
            self._given_up.wait(0.01)

    def _listen(self, url: str) -> bool:
        """Whether the last message came."""
        most = self._dice.randrange(1, 6) if self._dice else None
        with follow(url, self._key, self._query, kind=self._kind, after=self._after, **self._variables) as following:
            while most is None or most > 0:
                message = following.next(2.0)
                self.heard.append(message)
                self._after = following.cursor
                self._begun.set()
                if self._last(message):
                    return True
                most = None if most is None else most - 1
            following.cut()
        return False

    def begun(self) -> "Stubborn":
        """Waits for the first message."""
        assert self._begun.wait(PATIENCE)
        return self

    def all(self, timeout: float = PATIENCE) -> list[Any]:
        """Everything that was heard, once the last message is among it."""
        self.join(timeout)
        self._given_up.set()
        assert not self.is_alive(), f"the last message did not come; heard {len(self.heard)}: {self.heard[-3:]}"
        return self.heard
