"""JSON and URL parameters from strangers, read strictly."""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from schema.transport.errors import refused

LONGEST_NUMBER = 100
DEEPEST = 64


class Request(NamedTuple):
    """A GraphQL request, as any of the transports brings it."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None


def read_json(text: bytes | str) -> object:
    """The value, or Refused for whatever a later step could stumble over."""
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        value = _decoder.decode(text)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise refused("This is not valid JSON in UTF-8.") from None
    if text.count("[") + text.count("{") > DEEPEST or "\\u" in text:
        _inspect(value)
    return value


def read_request(payload: object) -> Request:
    """The request in a decoded body; raises Refused."""
    if isinstance(payload, list):
        raise refused("Batches are not supported: send one operation.")
    if not isinstance(payload, dict):
        raise refused("The request must be a JSON object.")
    query = payload.get("query")
    if not isinstance(query, str) or not query.strip():
        raise refused("`query` must be a string that holds a GraphQL document.")
    operation_name = payload.get("operationName")
    if operation_name is not None and not isinstance(operation_name, str):
        raise refused("`operationName` must be a string.")
    for name in ("variables", "extensions"):
        if not isinstance(payload.get(name), dict | None):
            raise refused(f"`{name}` must be an object.")
    return Request(query, operation_name, payload.get("variables"))


def read_url(query_string: bytes) -> Request:
    """The request in the parameters of a GET; raises Refused."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
        parameters = _without_duplicates(pairs)
    except ValueError:
        raise refused("The URL's parameters cannot be read.") from None
    payload: dict[str, object] = {}
    for name in ("query", "operationName"):
        if name in parameters:
            payload[name] = parameters[name]
    for name in ("variables", "extensions"):
        if parameters.get(name):
            payload[name] = read_json(parameters[name])
    return read_request(payload)


def _inspect(value: object) -> None:
    """Refuses deep nesting and lone surrogates, which could be neither coerced nor answered."""
    level = [value]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for item in level:
            if isinstance(item, str):
                _encode(item)
            elif isinstance(item, dict):
                _encode("".join(item))
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
        if not level:
            return
    raise refused(f"JSON may be nested {DEEPEST} levels deep.")


def _encode(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise refused("There is half of a surrogate pair in this JSON.") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate name")
    return value


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("too long")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > LONGEST_NUMBER or not math.isfinite(value):
        raise ValueError("out of range")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def write_json(value: Mapping[str, object]) -> str:
    """Compact JSON; ValueError for a value that JSON cannot hold."""
    return _encoder.encode(value)


_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)
