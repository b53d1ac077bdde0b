"""Asks the PSP on a payer's return, but lets no payer wait for it long, and no reload ask it again at once."""

import asyncio
import logging

from starlette.applications import Starlette

from domain.events import Cause, CauseKind
from domain.refusals import Refusal
from domain.returning import visits
from gateways.registry import Gateways
from kit import clock

PATIENCE = 3.0
PAUSE = 2.0
CAUSE = Cause(CauseKind.RETURN_PAGE, "return_page")
_log = logging.getLogger(__name__)


class Asking:
    """The questions that are open, or were answered just now, by payment."""

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self._questions: dict[str, asyncio.Task[None]] = {}

    async def ask(self, visit: visits.Visit) -> None:
        """Returns with the answer, or after a few seconds without: then it is taken in when it comes."""
        if visit.settled:
            return
        question = self._questions.get(visit.payment_id)
        if question is None:
            question = self._questions[visit.payment_id] = asyncio.create_task(self._ask(visit))
        await asyncio.wait({question}, timeout=PATIENCE)

    async def _ask(self, visit: visits.Visit) -> None:
        try:
            await visits.ask(self._gateways, visit, cause=CAUSE, now=clock.now())
        except Refusal as refusal:
            _log.warning("The PSP could not be asked on the payer's return: %s", refusal)
        except Exception:
            _log.exception("Asking the PSP on the payer's return went wrong")
        finally:
            asyncio.get_running_loop().call_later(PAUSE, self._questions.pop, visit.payment_id, None)


def of(app: Starlette) -> Asking:
    """The app's questions."""
    if not hasattr(app.state, "asking"):
        app.state.asking = Asking(app.state.house.gateways)
    found: Asking = app.state.asking
    return found
