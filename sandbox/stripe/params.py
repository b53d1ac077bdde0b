"""Form parameters: decoding a[b][0]=c and checking it against a declared shape, as strictly as Stripe does.

A shape is a dict of names to checks; a name ending in `*` is required. A check takes the raw value and its
full name and returns the typed value or raises InvalidParameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe import currencies
from sandbox.stripe.errors import InvalidParameter, unsupported

Raw = str | dict[str, Any]
Check = Callable[[Any, str], Any]
Shape = Mapping[str, Check]

MAX_FIELDS = 4000
MAX_DEPTH = 12
INTEGER = re.compile(r"-?\d{1,18}")


def decode(form: str) -> dict[str, Any]:
    """Nested dicts of strings; lists stay dicts keyed by their index. Raises InvalidParameter."""
    tree: dict[str, Any] = {}
    try:
        pairs = parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise InvalidParameter("Invalid request: the parameters are not valid UTF-8 form data.") from error
    for name, value in pairs:
        _place(tree, name, value)
    return tree


def _place(tree: dict[str, Any], name: str, value: str) -> None:
    head, bracket, tail = name.partition("[")
    path = [head, *tail.removesuffix("]").split("][")] if bracket else [head]
    if len(path) > MAX_DEPTH or not head:
        raise InvalidParameter(f"Invalid parameter name: {name[:80]}")
    node = tree
    for key in path[:-1]:
        key = key or str(len(node))
        below = node.setdefault(key, {})
        if not isinstance(below, dict):
            raise InvalidParameter(f"Invalid hash: {name[:80]} is given twice", param=head)
        node = below
    last = path[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise InvalidParameter(f"Invalid string: {name[:80]} is given twice", param=head)
    node[last] = value


def check(shape: Shape, raw: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The typed parameters; raises for unknown, missing and malformed ones."""

    def full(name: str) -> str:
        return f"{prefix}[{name}]" if prefix else name

    checks = {name.removesuffix("*"): each for name, each in shape.items()}
    if unknown := [full(name)[:80] for name in raw if name not in checks]:
        plural = "s" if len(unknown) > 1 else ""
        raise InvalidParameter(
            f"Received unknown parameter{plural}: {', '.join(unknown[:10])}",
            code="parameter_unknown",
            param=unknown[0],
        )
    for name in shape:
        if name.endswith("*") and name[:-1] not in raw:
            param = full(name[:-1])
            raise InvalidParameter(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return {name: checks[name](value, full(name)) for name, value in raw.items()}


def _string(value: Raw, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidParameter(f"Invalid string: {name} must be a string", param=name)
    return value


def _no_empty(name: str) -> InvalidParameter:
    return InvalidParameter(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a "
        "non-empty value.",
        code="parameter_invalid_empty",
        param=name,
    )


def text(most: int = 5000, *, unset: bool = False) -> Check:
    """A string of at most so many characters; with `unset`, an empty one means null."""

    def run(value: Raw, name: str) -> str | None:
        string = _string(value, name)
        if not string:
            if unset:
                return None
            raise _no_empty(name)
        if len(string) > most:
            raise InvalidParameter(f"Invalid string: {string[:20]}...; must be at most {most} characters", param=name)
        return string

    return run


def integer(least: int | None = None, most: int | None = None) -> Check:
    def run(value: Raw, name: str) -> int:
        string = _string(value, name)
        if not string:
            raise _no_empty(name)
        if not INTEGER.fullmatch(string):
            raise InvalidParameter(f"Invalid integer: {string[:40]}", code="parameter_invalid_integer", param=name)
        number = int(string)
        if least is not None and number < least:
            raise InvalidParameter(
                f"This value must be greater than or equal to {least}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if most is not None and number > most:
            raise InvalidParameter(
                f"This value must be less than or equal to {most}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return number

    return run


def decimal(value: Raw, name: str) -> str:
    """A decimal number, kept as the string it came as."""
    string = _string(value, name)
    if not re.fullmatch(r"\d{1,18}(\.\d{1,12})?", string):
        raise InvalidParameter(f"Invalid decimal: {string[:40]}", param=name)
    return string


def boolean(value: Raw, name: str) -> bool:
    string = _string(value, name).lower()
    if string not in ("true", "false"):
        raise InvalidParameter(f"Invalid boolean: {string[:40]}", param=name)
    return string == "true"


def choice(*allowed: str) -> Check:
    def run(value: Raw, name: str) -> str:
        string = _string(value, name)
        if string not in allowed:
            raise InvalidParameter(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return string

    return run


def url(value: Raw, name: str) -> str:
    """An http(s) URL."""
    string = _string(value, name)
    if not re.match(r"https?://[^\s/]", string) or len(string) > 5000:
        raise InvalidParameter("Not a valid URL. URLs must begin with http or https.", code="url_invalid", param=name)
    return string


def email(value: Raw, name: str) -> str:
    string = _string(value, name)
    if not re.fullmatch(r"[^\s@]{1,200}@[^\s@]{1,200}\.[^\s@]{1,60}|[^\s@]{1,200}@localhost", string):
        raise InvalidParameter(f"Invalid email address: {string[:80]}", code="email_invalid", param=name)
    return string


def currency(value: Raw, name: str) -> str:
    return currencies.require_known(_string(value, name), name)


def each(one: Check, most: int = 100) -> Check:
    """A list, sent as name[0]=..., name[1]=... or name[]=..."""

    def run(value: Raw, name: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(re.fullmatch(r"\d{1,6}", key) for key in value):
            raise InvalidParameter("Invalid array", param=name)
        if len(value) > most:
            raise InvalidParameter(f"Array {name} exceeded maximum {most} allowed elements.", param=name)
        return [one(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]

    return run


def shape(fields: Shape, *, unset: bool = False) -> Check:
    """A hash of known fields; with `unset`, an empty string means null."""

    def run(value: Raw, name: str) -> dict[str, Any] | None:
        if value == "" and unset:
            return None
        if not isinstance(value, dict):
            raise InvalidParameter("Invalid object", param=name)
        return check(fields, value, name)

    return run


def any_hash(value: Raw, name: str) -> dict[str, Any]:
    """A hash whose content the sandbox has no use for."""
    if not isinstance(value, dict):
        raise InvalidParameter("Invalid object", param=name)
    return value


def metadata(value: Raw, name: str) -> dict[str, str] | None:
    """Up to 50 keys of 40 characters to values of 500; an empty value unsets the key, None unsets all."""
    if value == "":
        return None
    if not isinstance(value, dict):
        raise InvalidParameter("Invalid object", param=name)
    for key, content in value.items():
        where = f"{name}[{key[:60]}]"
        if not isinstance(content, str):
            raise InvalidParameter(f"Invalid metadata: {where} must be a string", param=name)
        if not key or len(key) > 40:
            raise InvalidParameter(f"Metadata keys can have up to 40 characters. {where} has {len(key)}", param=name)
        if len(content) > 500:
            raise InvalidParameter(
                f"Metadata values can have up to 500 characters, but you passed in a value that is {len(content)} "
                f"characters. Invalid value for {where}",
                param=where,
            )
    if len(value) > 50:
        raise InvalidParameter(f"Metadata can have up to 50 keys, but you passed in {len(value)}.", param=name)
    return dict(value)


def picked(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Of the parameters those with these names."""
    return {name: given[name] for name in names if name in given}


def merged(old: dict[str, str], new: dict[str, str] | None) -> dict[str, str]:
    """The metadata after an update; raises when the sum has more than 50 keys."""
    if new is None:
        return {}
    both = {key: value for key, value in {**old, **new}.items() if value != ""}
    if len(both) > 50:
        raise InvalidParameter("Metadata can have up to 50 keys.", param="metadata")
    return both


def moment(value: Raw, name: str) -> dict[str, int]:
    """A time filter: a Unix time in seconds or a hash of gt, gte, lt, lte."""
    if isinstance(value, str):
        return {"eq": integer(0)(value, name)}
    bound = integer(0)
    return check({"gt": bound, "gte": bound, "lt": bound, "lte": bound}, value, name)


def not_here(value: Raw, name: str) -> None:
    """A parameter that Stripe knows and the sandbox does not implement."""
    raise unsupported(name)


ADDRESS: Shape = {key: text(unset=True) for key in ("city", "country", "line1", "line2", "postal_code", "state")}
SHIPPING: Shape = {
    "address*": shape(ADDRESS),
    "name*": text(),
    "carrier": text(),
    "phone": text(),
    "tracking_number": text(),
}
PAGE: Shape = {"limit": integer(1, 100), "starting_after": text(), "ending_before": text()}


def full_address(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """All six lines of an address, absent ones as null."""
    return None if given is None else {key: given.get(key) for key in ADDRESS}
