"""README and the guides -> typed into a shell, top to bottom -> what they show is what is seen"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.docs.instance import run_session, running_instance
from tests.docs.pages import Block, Page, blocks, page, pages


def expected_of(shell: Block) -> str | None:
    """The output block that follows, if one does before the next shell block."""
    following = [block for block in shell.page.blocks() if block.line > shell.line]
    return following[0].text if following and following[0].language in {"text", "json"} else None


def differs(expected: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is None


def complaints(page: Page, port: int, data: Path, folder: Path) -> list[str]:
    """What a reader of the page would wonder about."""
    wrong = []
    try:
        for block, printed in run_session(page, port, data, folder):
            expected = expected_of(block)
            if expected is not None and differs(expected, printed):
                wrong.append(f"{block} should print\n{expected.strip()}\nbut prints\n{printed.strip()}")
    except AssertionError as error:
        wrong.append(str(error))
    return wrong


def read_together(names: Sequence[str], at_once: int, folder: Path) -> list[str]:
    """Runs the pages beside one instance."""
    folder.mkdir()

    def read(name: str) -> list[str]:
        return complaints(page(name), port, folder / "var", folder / name.replace("/", "-"))

    with running_instance(folder) as port, ThreadPoolExecutor(at_once) as pool:
        return [complaint for found in pool.map(read, names) for complaint in found]


QUIET = (
    "README.md",
    "docs/first-payment.md",
    "docs/capture-void-refund.md",
    "docs/payment-links.md",
    "docs/plans-and-subscriptions.md",
    "docs/recipes/learning-portal.md",
    "docs/payment-methods.md",
    "docs/mail.md",
    "docs/tokens-and-saved-methods.md",
    "docs/merchant-webhooks.md",
    "docs/production.md",
    *("docs/recipes/charity.md", "docs/recipes/services.md", "docs/recipes/payment-link.md"),
    *("docs/recipes/wholesale.md", "docs/recipes/crm.md"),
    *("docs/recipes/marketplace.md", "docs/recipes/photo-shoot.md", "docs/recipes/truck-hire.md"),
)
DISTURBING = ("docs/disputes.md", "docs/sandbox.md", "docs/webhooks-and-reconciliation.md")


def test_every_shell_session_does_what_its_page_says(tmp_path: Path) -> None:
    assert {str(found) for found in pages() if found.blocks("sh")} == {*QUIET, *DISTURBING}
    with ThreadPoolExecutor(2) as pool:
        quiet = pool.submit(read_together, QUIET, len(QUIET), tmp_path / "quiet")
        disturbing = pool.submit(read_together, DISTURBING, 1, tmp_path / "disturbing")
    wrong = quiet.result() + disturbing.result()
    assert not wrong, "\n\n".join(wrong)


def test_every_session_shows_results() -> None:
    for found in {block.page for block in blocks("sh")}:
        assert any(expected_of(block) for block in found.blocks("sh")), found
