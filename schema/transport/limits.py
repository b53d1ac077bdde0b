"""Every bound of the transport in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request, one document, one socket and one key may take. Seconds and bytes are in the names."""

    # A document
    tokens: int = 2_000
    definitions: int = 60
    depth: int = 15
    width: int = 150  # fields of one selection set, fragments expanded: core's merge rule is quadratic in it
    root_fields: int = 20
    aliases: int = 40
    directives: int = 50
    cost: int = 10_000  # field values an answer may hold
    mutation_cost: int = 10  # on top, for every root field of a mutation
    page_size: int = 100  # what `first`, `last` and `ids` can ask for at most
    default_page_size: int = 25  # of a connection asked for without any of them
    list_size: int = 10  # assumed of a list that no page argument bounds

    # What is remembered of valid documents
    cached_documents: int = 1_000
    cached_tokens: int = 100_000  # some 440 bytes each

    # A request over HTTP
    body_bytes: int = 100_000
    body_seconds: float = 10.0

    # A socket, a stream
    message_bytes: int = 65_536
    socket_operations: int = 20
    subscriptions_per_key: int = 1_000
    init_seconds: float = 10.0
    heartbeat_seconds: float = 25.0  # a socket that has said nothing when the next one is due is dropped
    stream_heartbeat_seconds: float = 15.0
    stalled_seconds: float = 60.0  # a reader that lets one message wait this long is dropped
    lifetime_seconds: float = 3_600.0
    recheck_seconds: float = 30.0
    grace_seconds: float = 0.5  # how long a stream waits for an early refusal before it answers 200
    shutdown_seconds: float = 5.0
