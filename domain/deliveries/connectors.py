"""What makes an endpoint a connector: which messages it wants, and in which shape. Plain data, nothing is evaluated."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]


def wants(event_types: Sequence[str] | None, event_type: str) -> bool:
    """Whether one of the patterns fits; no list wants all. `order.*` is every type of that subject."""
    subject = event_type.partition(".")[0]
    return event_types is None or event_type in event_types or f"{subject}.*" in event_types


def passes(conditions: Sequence[Mapping[str, Any]] | None, message: Message) -> bool:
    """Whether at every path the message has one of the values."""
    return all(_text(find(message, each["path"])) in each["one_of"] for each in conditions or ())


def shaped(mapping: Sequence[Mapping[str, Any]] | None, message: Message) -> Message:
    """The message as the endpoint wants it: itself, or an object of the fields that the mapping names."""
    if mapping is None:
        return message
    made: dict[str, Any] = {}
    for each in mapping:
        *parents, last = each["field"].split(".")
        place = made
        for name in parents:
            place = place.setdefault(name, {})
        place[last] = find(message, each["path"]) if each["path"] is not None else each["value"]
    return made


def find(message: Any, path: str) -> Any:
    """What stands at a path such as `data.order.items.0.name`; None where nothing does."""
    for name in path.split("."):
        if isinstance(message, Mapping):
            message = message.get(name)
        elif isinstance(message, list) and name.isdigit() and int(name) < len(message):
            message = message[int(name)]
        else:
            return None
    return message


def _text(value: Any) -> str:
    """A value as filters write it: 4200, true, null, and texts as they are."""
    return value if isinstance(value, str) else json.dumps(value)
