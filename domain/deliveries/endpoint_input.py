"""What a merchant says of an endpoint, checked: its URL, the types it wants, its filter and its mapping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any
from urllib.parse import urlsplit

from domain.refusals import Findings
from kit.addresses import is_address, is_public

MAX_TYPES, MAX_CONDITIONS, MAX_VALUES, MAX_FIELDS = 50, 20, 50, 50
_TYPE = re.compile(r"[a-z_]{1,30}\.(?:\*|[a-z_]{1,29})")
_PATH = re.compile(r"[A-Za-z0-9_-]{1,60}(?:\.[A-Za-z0-9_-]{1,60}){0,7}")
_ROOTS = frozenset({"id", "type", "timestamp", "occurredAt", "sequence", "apiVersion", "data"})
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9-]{1,63}\.?")
_IN_BRACKETS = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")  # no zone, no address of the future, nothing behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A path into the message, and the values of which one must stand there."""

    path: str
    one_of: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A field of the body to send: what stands at a path of the message, or a constant."""

    field: str
    path: str | None
    value: str | None


def checked(findings: Findings, said: Mapping[str, Any], *, private_targets: bool) -> dict[str, Any]:
    """The columns for what was said: any of url, description, event_types, filter and mapping."""
    columns: dict[str, Any] = {}
    if "url" in said:
        columns["url"] = _url(findings, said["url"], private_targets)
    if "description" in said:
        columns["description"] = findings.text(said["description"], "The description", 200, "description")
    if "event_types" in said:
        columns["event_types"] = _event_types(findings, said["event_types"])
    if "filter" in said:
        columns["conditions"] = _conditions(findings, said["filter"])
    if "mapping" in said:
        columns["mapping"] = _mapping(findings, said["mapping"])
    return columns


def _url(findings: Findings, text: str | None, private_targets: bool) -> str | None:
    url = findings.text(text, "The URL", 2000, "url", required=True)
    if url is None:
        return None
    wrong = _fault_of(url, private_targets)
    findings.unless(wrong is None, "INVALID", wrong or "", "url")
    return url


def _fault_of(url: str, private_targets: bool) -> str | None:
    if not url.isascii() or not url.isprintable() or re.search(r"[\s\\]", url):
        return "A URL has ASCII characters without blanks; write other names in Punycode."
    try:
        parts = urlsplit(url)
        host, port, named = parts.hostname or "", parts.port, parts.username is not None
    except ValueError:
        return "This is no URL."
    if parts.scheme not in ("https", "http") or port == 0 or not _is_host(parts.netloc, host):
        return "This is no URL of the web; write it like https://shop.example/webhooks."
    if named or parts.fragment:
        return "A URL for webhooks has no user name, no password and no fragment: messages are signed."
    if private_targets:
        return None
    if parts.scheme != "https":
        return "Messages are sent by https only."
    return "This address is not public." if is_address(host) and not is_public(host) else None


def _is_host(netloc: str, host: str) -> bool:
    if "[" in netloc:
        return _IN_BRACKETS.fullmatch(netloc) is not None and is_address(host)
    return is_address(host) or _HOST.fullmatch(host) is not None


def _event_types(findings: Findings, patterns: Sequence[str] | None) -> list[str] | None:
    if patterns is None:
        return None
    findings.unless(
        1 <= len(patterns) <= MAX_TYPES, "INVALID", f"Name 1 to {MAX_TYPES} types, or leave them out.", "event_types"
    )
    for number, pattern in enumerate(patterns[:MAX_TYPES]):
        findings.unless(
            _TYPE.fullmatch(pattern) is not None,
            "INVALID",
            "A type is like payment.captured, or order.* for all of a subject.",
            "event_types",
            str(number),
        )
    return sorted(set(patterns))


def _conditions(findings: Findings, conditions: Sequence[Condition] | None) -> list[dict[str, Any]] | None:
    if not conditions:
        return None
    findings.unless(len(conditions) <= MAX_CONDITIONS, "INVALID", f"At most {MAX_CONDITIONS} conditions.", "filter")
    for number, each in enumerate(conditions[:MAX_CONDITIONS]):
        at = ("filter", str(number))
        _check_path(findings, each.path, *at, "path")
        findings.unless(
            1 <= len(each.one_of) <= MAX_VALUES, "INVALID", f"Name 1 to {MAX_VALUES} values.", *at, "one_of"
        )
        for place, value in enumerate(each.one_of[:MAX_VALUES]):
            findings.text(value, "A value", 500, *at, "one_of", str(place))
    return [{"path": each.path, "one_of": list(each.one_of)} for each in conditions]


def _mapping(findings: Findings, mapping: Sequence[Mapped] | None) -> list[dict[str, Any]] | None:
    if not mapping:
        return None
    findings.unless(len(mapping) <= MAX_FIELDS, "INVALID", f"At most {MAX_FIELDS} fields.", "mapping")
    for number, each in enumerate(mapping[:MAX_FIELDS]):
        at = ("mapping", str(number))
        findings.unless(
            _PATH.fullmatch(each.field) is not None, "INVALID", "A field is like customer.email.", *at, "field"
        )
        one = (each.path is None) != (each.value is None)
        if (
            findings.unless(one, "INVALID", "A field has a path or a value, one of them.", *at)
            and each.path is not None
        ):
            _check_path(findings, each.path, *at, "path")
        findings.text(each.value, "A value", 500, *at, "value")
    fields = [each.field for each in mapping[:MAX_FIELDS]]
    crossed = any(one == other or other.startswith(f"{one}.") for one, other in permutations(fields, 2))
    findings.unless(not crossed, "INVALID", "A field is named once, and is a value or holds fields.", "mapping")
    return [{"field": each.field, "path": each.path, "value": each.value} for each in mapping]


def _check_path(findings: Findings, path: str, *at: str) -> None:
    findings.unless(
        _PATH.fullmatch(path) is not None and path.partition(".")[0] in _ROOTS,
        "INVALID",
        "A path leads into the message, like data.order.customer.email.",
        *at,
    )
