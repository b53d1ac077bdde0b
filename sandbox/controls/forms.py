"""Reading the controls' JSON bodies: typed fields, and a clear 400 for anything else."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse

from sandbox.stripe.errors import StripeError
from sandbox.wire import read_body

Json = dict[str, Any]
REQUIRED: Any = object()


class BadInput(Exception):
    """The body does not say what the control needs; the message says what is wrong."""


async def read(request: Request) -> Body:
    """The JSON object in the body, or a form whose values are read as JSON; an empty body is an empty object."""
    try:
        raw = await read_body(request)
        found = json.loads(raw) if raw.lstrip()[:1] in (b"{", b"[") else _form(raw.decode())
    except (ValueError, RecursionError, StripeError) as error:
        raise BadInput("the body must be a JSON object") from error
    if not isinstance(found, dict):
        raise BadInput("the body must be a JSON object")
    return Body(found)


def _form(text: str) -> Json:
    """Of a=1&b=true&c=word; what is no JSON is a string, as a word is."""

    def value(told: str) -> Any:
        try:
            return json.loads(told)
        except ValueError:
            return told

    return {name: value(told) for name, told in parse_qsl(text.strip(), strict_parsing=True, max_num_fields=100)}


class Body:
    """Takes fields one by one; `done` refuses those that nobody took."""

    def __init__(self, fields: Json) -> None:
        self.fields = dict(fields)

    def _take(self, name: str, default: Any) -> Any:
        if name not in self.fields:
            if default is REQUIRED:
                raise BadInput(f"{name} is missing")
            return default
        return self.fields.pop(name)

    def text(self, name: str, default: Any = REQUIRED, *, among: tuple[str, ...] | None = None) -> Any:
        value = self._take(name, default)
        if value is default and default is not REQUIRED:
            return value
        if not isinstance(value, str) or not value or len(value) > 2000:
            raise BadInput(f"{name} must be a string")
        if among and value not in among:
            raise BadInput(f"{name} must be one of {', '.join(among)}")
        return value

    def number(self, name: str, default: Any = REQUIRED, *, least: float = 0, most: float = 1e10) -> Any:
        value = self._take(name, default)
        if value is default and default is not REQUIRED:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise BadInput(f"{name} must be a number from {least:g} to {most:g}")
        return value

    def whole(self, name: str, default: Any = REQUIRED, *, least: int = 0, most: int = 10**12) -> Any:
        value = self.number(name, default, least=least, most=most)
        if value is not default and not isinstance(value, int):
            raise BadInput(f"{name} must be a whole number")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._take(name, default)
        if not isinstance(value, bool):
            raise BadInput(f"{name} must be true or false")
        return value

    def texts(self, name: str, default: Any = REQUIRED) -> Any:
        value = self._take(name, default)
        if value is default and default is not REQUIRED:
            return value
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise BadInput(f"{name} must be a list of strings")
        return value

    def wholes(self, name: str, default: Any = REQUIRED) -> Any:
        value = self._take(name, default)
        if value is default and default is not REQUIRED:
            return value
        if not isinstance(value, list) or not all(type(each) is int for each in value):
            raise BadInput(f"{name} must be a list of whole numbers")
        return value

    def done(self) -> None:
        if self.fields:
            raise BadInput(f"unknown fields: {', '.join(sorted(self.fields))[:200]}")


def refuse(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
