"""Asks the PSP on a payer's return, but lets no payer wait for it long, and no reload ask it again at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette

from domain.events import Cause, CauseKind
from domain.refusals import Refusal

PATIENCE = 3.0
PAUSE = 2.0
CAUSE = Cause(CauseKind.RETURN_PAGE, "return_page")
_log = logging.getLogger(__name__)


class Asking:
    """The questions that are open, or were answered just now, by what was asked about."""

    def __init__(self) -> None:
        self._questions: dict[str, asyncio.Task[None]] = {}

    async def ask(self, subject_id: str, put: Callable[[], Awaitable[None]]) -> None:
        """Returns with the answer, or after a few seconds without: then it is taken in when it comes."""
        question = self._questions.get(subject_id)
        if question is None:
            question = self._questions[subject_id] = asyncio.create_task(self._ask(subject_id, put))
        await asyncio.wait({question}, timeout=PATIENCE)

    async def _ask(self, subject_id: str, put: Callable[[], Awaitable[None]]) -> None:
        try:
            await put()
        except Refusal as refusal:
            _log.warning("The PSP could not be asked on the payer's return: %s", refusal)
        except Exception:
            _log.exception("Asking the PSP on the payer's return went wrong")
        finally:
            asyncio.get_running_loop().call_later(PAUSE, self._questions.pop, subject_id, None)


def of(app: Starlette) -> Asking:
    """The app's questions."""
    if not hasattr(app.state, "asking"):
        app.state.asking = Asking()
    found: Asking = app.state.asking
    return found
