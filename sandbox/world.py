"""The world that a call happens in: store, clock, account, settings; and `Call`, one cause of changes."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any

from sandbox.settings import Settings
from sandbox.store import OWNER, Json, Store, equals
from sandbox.stripe import errors, ids


class World:
    """All state. Its clock runs with the real one, ahead by what `advance` has added."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.wake = asyncio.Event()
        self.base_url = ""
        """Where payers reach us, as the last request told; what happens by itself makes its links with it."""
        self.load()

    def load(self) -> None:
        """Reads what the store knows; also after a reset."""
        fresh = {"account": ids.new("acct", 16), "salt": secrets.token_hex(16), "created": int(time.time())}
        self.identity: Json = self.store.get_meta("identity") or fresh
        self.store.set_meta("identity", self.identity)
        self.ahead: float = self.store.get_meta("clock", 0.0)
        self.settings = Settings(**self.store.get_meta("settings", {}))

    @property
    def account(self) -> str:
        return str(self.identity["account"])

    def now(self) -> float:
        """The sandbox's time, Unix seconds."""
        return time.time() + self.ahead

    def move_clock_to(self, moment: float) -> None:
        """Never backwards."""
        self.ahead = max(self.ahead, moment - time.time())
        self.store.set_meta("clock", self.ahead)

    def keyed_hash(self, text: str, length: int = 16) -> str:
        """The same text has the same hash in this sandbox and another one elsewhere: no dictionary of cards helps."""
        digest = hmac.new(self.identity["salt"].encode(), text.encode(), hashlib.sha256).digest()
        return "".join(ids.ALPHABET[byte % 62] for byte in digest[:length])

    def call(self, livemode: bool, *, base_url: str = "", **facts: Any) -> Call:
        self.base_url = base_url or self.base_url
        return Call(self, livemode, int(self.now()), self.base_url, **facts)


@dataclass
class Call:
    """One API request, page visit or clock tick in one mode. What it does is one transaction.

    It happens in one account: the platform's own (None) or a connected one, whose objects bear its id as `_.owner`.
    """

    world: World
    livemode: bool
    now: int
    base_url: str = ""
    request_id: str | None = None
    idempotency_key: str | None = None
    account: str | None = None

    def of(self, account: str | None) -> Call:
        """The same cause, in another account."""
        return replace(self, account=account)

    def owns(self, document: Json) -> bool:
        owner = document.get("_", {}).get("owner")
        return bool(owner == self.account)

    @property
    def store(self) -> Store:
        return self.world.store

    def insert(self, document: Json) -> Json:
        if self.account:
            document["_"] = {**document.get("_", {}), "owner": self.account}
        self.store.insert(self.livemode, document)
        return document

    def save(self, document: Json) -> None:
        self.store.save(self.livemode, document)

    def find(self, identifier: str | None, kind: str) -> Json | None:
        """The document, if it is of that kind, of this mode and of this account."""
        document = self.store.find(self.livemode, identifier) if identifier else None
        return document if document and document["object"] == kind and self.owns(document) else None

    def owned(self) -> tuple[str, str | None]:
        """The condition for `store.select` that a document is of this account."""
        return (equals(OWNER), self.account) if self.account else (f"json_extract(body, '$.{OWNER}') IS ?", None)

    def get(self, identifier: str, kind: str, param: str = "id") -> Json:
        """Like find, but an absent one is Stripe's 404."""
        document = self.find(identifier, kind)
        if document is None:
            raise errors.missing(kind, identifier[:80], param)
        return document

    def schedule(self, job: str, subject: str, seconds: float) -> None:
        """Does `job` on the object named `subject` in so many seconds of the sandbox's time."""
        self.schedule_at(job, subject, self.world.now() + seconds, None)

    def schedule_at(self, job: str, subject: str, moment: float, clock: str | None) -> None:
        """Does `job` at that moment of a test clock, or of the sandbox's clock where there is none."""
        self.store.run(
            "INSERT INTO due(at, job, subject, livemode, clock) VALUES (?, ?, ?, ?, ?)",
            moment,
            job,
            subject,
            self.livemode,
            clock,
        )
        self.world.wake.set()

    def unschedule(self, subject: str, job: str) -> None:
        self.store.run("DELETE FROM due WHERE subject = ? AND job = ?", subject, job)


SHOWN_LINES = 10


def public(document: Json) -> Json:
    """A deep copy without what only the sandbox knows; an invoice shows the first ten of its lines."""
    shown = copy.deepcopy({key: value for key, value in document.items() if key != "_"})
    if "lines" in shown and len(shown["lines"]["data"]) > SHOWN_LINES:
        shown["lines"] |= {"data": shown["lines"]["data"][:SHOWN_LINES], "has_more": True}
    return shown


def blank_list(url: str) -> Json:
    return {"object": "list", "data": [], "has_more": False, "url": url}
