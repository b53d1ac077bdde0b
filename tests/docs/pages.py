"""Reads the documentation: its pages, and the blocks of code in them.

How a block is marked says what becomes of it:

sh            run, from top to bottom of its page, in one shell; an output block after it says what it prints
text, json    after `sh`: its output, where `…` stands for anything; elsewhere only shown
console       shown, not run; its commands must exist
graphql       must be valid; `graphql run` is run, too
js            the module of the page: run, where there is node
sql           run
"""

import re
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w+)( run)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """`line` is where it begins; `run` whether it is marked so."""

    page: "Page"
    line: int
    language: str
    run: bool
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(REPO))

    @property
    def text(self) -> str:
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """The page without its blocks of code."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[Block]:
        found = []
        for match in _FENCE.finditer(self.text):
            if not languages or match[1] in languages:
                line = self.text.count("\n", 0, match.start()) + 1
                found.append(Block(self, line, match[1], bool(match[2]), match[3]))
        return found


def page(name: str) -> Page:
    return Page(REPO / name)


def pages() -> list[Page]:
    """Every page of ours."""
    top = [REPO / name for name in ("README.md", "GLOSSARY.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [Page(path) for path in (*top, *sorted(REPO.glob("docs/**/*.md")))]


def blocks(*languages: str) -> list[Block]:
    return [block for found in pages() for block in found.blocks(*languages)]
