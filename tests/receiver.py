"""A merchant's server, as small as one can be: it keeps what comes, and answers as the test says."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.town import eventually


@dataclass(frozen=True)
class Received:
    """One request, and what is in its body."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The body, as the public library gives it to those who know the secret."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Answering:
    """How requests are answered from now on. `held` keeps them waiting for as long as it is set."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    held: bool = False


@dataclass
class Receiver:
    url: str
    received: list[Received] = field(default_factory=list)
    answering: Answering = field(default_factory=Answering)
    at_once: int = 0
    most_at_once: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)

    def types(self) -> list[str]:
        return [each.message["type"] for each in self.received]

    def got(self, count: int) -> list[Received]:
        """All that came, once it is at least so many."""
        return eventually(lambda: list(self.received), lambda found: len(found) >= count)

    def message(self, holds: Callable[[Any], bool]) -> Received:
        """The first whose body is as wanted."""
        return eventually(lambda: [each for each in self.received if holds(each.message)])[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own, gone after the block."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if len(body) < int(self.headers["Content-Length"]):
                return  # the sender was killed half way
            with lock:
                receiver.at_once += 1
                receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            if receiver.answering.held:
                receiver.go_on.wait(60)
            with lock:
                receiver.at_once -= 1
            answering = receiver.answering
            self.send_response(answering.status)
            for name, value in {**answering.headers, "Content-Length": str(len(answering.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answering.body)

        def do_GET(self) -> None:
            receiver.received.append(Received(self.path, {}, b"{}"))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hooks")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.go_on.set()
        server.shutdown()
        server.server_close()
