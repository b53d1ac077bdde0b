"""Which media type a client sends and which it wants back."""

from functools import lru_cache
from typing import NamedTuple

from schema.transport.errors import refused

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENTS = "text/event-stream"
HTML = "text/html"


class _Range(NamedTuple):
    media_type: str
    quality: float


def check_content(content_type: str | None, content_encoding: str | None) -> None:
    """Refuses a body that is not plain JSON in UTF-8, and thereby every form that a foreign page can post."""
    if content_encoding not in (None, "", "identity"):
        raise refused("The body must not be compressed.", 415)
    media_type, *parameters = (part.strip() for part in (content_type or "").split(";"))
    if media_type.lower() != JSON:
        raise refused(f"The body must be {JSON}.", 415)
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            raise refused("The body must be in UTF-8.", 415)


@lru_cache(maxsize=256)
def acceptable(accept: str | None, offers: tuple[str, ...]) -> tuple[str, ...]:
    """Those of our media types that the client takes, its favourite first; a wildcard stands for JSON.

    Among equals the order of the client decides: several clients list text/event-stream last, for all operations.
    """
    ranges = [_Range(JSON, 1.0)] if not accept or not accept.strip() else _ranges(accept)
    wanted: dict[str, float] = {}
    for media_type, quality in sorted(ranges, key=lambda range_: -range_.quality):
        name = JSON if media_type in ("*/*", "application/*") else media_type
        if name in offers:
            wanted.setdefault(name, quality)
    return tuple(name for name, quality in wanted.items() if quality > 0)


def _ranges(accept: str) -> list[_Range]:
    ranges = []
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        ranges.append(_Range(media_type, _quality(parameters)))
    return ranges


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
