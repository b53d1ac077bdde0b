"""A small mail server for a town: it takes letters by SMTP, and can refuse, put off and be away."""

import asyncio
import base64
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

SILENCE = "silence"


@dataclass(frozen=True)
class Taken:
    """A letter as it came."""

    sender: str
    recipient: str
    data: bytes

    @property
    def message(self) -> EmailMessage:
        found = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class PostOffice:
    """`replies` are the next answers to `RCPT TO` for an address, `after_data` those to its mail, each given once; then
    its mail is taken. SILENCE takes the mail and says nothing."""

    port: int
    replies: dict[str, list[str]] = field(default_factory=dict)
    after_data: dict[str, list[str]] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    away: bool = False
    connections: int = 0

    async def start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def letters(self, recipient: str) -> list[Taken]:
        return [letter for letter in self.taken if letter.recipient == recipient]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if not self.away:
                await self._speak(reader, writer)
        writer.close()

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        sender = recipient = ""
        say("220 town ESMTP")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    say("250-town")
                    say("250 AUTH PLAIN")
                case "AUTH":
                    self.logins.append(base64.b64decode(rest.partition(" ")[2]).decode())
                    say("235 welcome")
                case "MAIL":
                    sender = _address(rest)
                    say("250 ok")
                case "RCPT":
                    recipient = _address(rest)
                    waiting = self.replies.get(recipient)
                    say(waiting.pop(0) if waiting else "250 ok")
                case "DATA":
                    say("354 go on")
                    data = await reader.readuntil(b"\r\n.\r\n")
                    waiting = self.after_data.get(recipient)
                    answer = waiting.pop(0) if waiting else "250 taken"
                    if answer.startswith("250") or answer == SILENCE:
                        letter = (b"\r\n" + data).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
                        self.taken.append(Taken(sender, recipient, letter[2:]))
                    if answer == SILENCE:
                        await reader.read()
                        return
                    say(answer)
                case "QUIT":
                    say("221 goodbye")
                    return
                case _:
                    say("250 ok")


@contextlib.contextmanager
def open_post_office(port: int) -> Iterator[PostOffice]:
    """One in a thread of its own, for the town whose programs are processes."""
    office, loop = PostOffice(port), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="post office", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(office.start(), loop).result(10)
    try:
        yield office
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
