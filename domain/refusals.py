"""How the domain says no: a refusal carries every fault it found, in words for the person who asked."""

import unicodedata
from dataclasses import dataclass

from kit.redaction import holds_card_number

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # Persian and Indic words need them, and so do emoji


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `path` leads to it in the input; `retryable`: the same call may succeed later."""

    code: str
    message: str
    path: tuple[str, ...] = ()
    retryable: bool = False


class Refusal(Exception):
    """Nothing was done, and nothing changed."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


def can_be_shown(text: str) -> bool:
    """Whether the text has visible characters and blanks only: no control, direction or line marks."""
    return all(unicodedata.category(c) not in _HIDDEN or c in _JOINERS for c in text)


class Findings:
    """Collects faults, so that a caller hears of all of them at once."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def unless(self, holds: bool, code: str, message: str, *path: str) -> bool:
        if not holds:
            self._faults.append(Fault(code, message, path))
        return holds

    def found(self, *path: str) -> bool:
        """Whether something is wrong with what this path leads to."""
        return any(fault.path == path for fault in self._faults)

    def text(
        self, value: str | None, name: str, limit: int, *path: str, required: bool = False, lines: bool = False
    ) -> str | None:
        """The value without outer blanks, None if empty; finds what no text of ours may hold."""
        text = (value or "").strip().replace("\r\n", "\n")
        self.unless(bool(text) or not required, "REQUIRED", f"{name} must not be empty.", *path)
        self.unless(len(text) <= limit, "TOO_LONG", f"{name} may have at most {limit} characters.", *path)
        self.unless(
            all(can_be_shown(line) for line in (text.replace("\t", " ").split("\n") if lines else [text])),
            "INVALID",
            f"{name} holds characters that cannot be shown.",
            *path,
        )
        self.unless(
            not holds_card_number(text), "CARD_NUMBER", f"{name} looks like a card number, which we never take.", *path
        )
        return text or None

    def refuse_if_any(self) -> None:
        if self._faults:
            raise Refusal(*self._faults)
