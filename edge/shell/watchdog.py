"""Feeds systemd's watchdog while every part that must live makes progress, and says how the cluster is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edge.core.heart import LOOP, Heart
from edge.shell.service_manager import ServiceManager

log = logging.getLogger(__name__)

PERIOD_S = 5.0
FEEDINGS = 4
"""Within the watchdog's time, so that a busy moment is no hang."""


class Watchdog:
    """Collects the parts' signs. It lives in the loop's thread: what blocks that feeds nothing.

    Args:
        manager: Is fed and told.
        heart: Counts the signs; unset: with the patience of `edge.core.heart`.

    Attributes:
        status: The cluster in one line; None: nothing is known yet.
    """

    def __init__(self, manager: ServiceManager, heart: Heart | None = None) -> None:
        self._manager = manager
        self.status: Callable[[], str | None] = lambda: None
        self._heart = heart or Heart(_now_s())
        self._said = ""
        self._hanging: tuple[str, ...] = ()

    def sign(self, part: str) -> None:
        """A part has made progress. The loop's first turn makes the agent ready."""
        is_first = part == LOOP and not self._heart.has_turned
        self._heart.sign(part, _now_s())
        if is_first:
            self._manager.ready()
            self._look()

    async def run(self) -> None:
        """Looks for ever."""
        watchdog_s = self._manager.watchdog_s
        period_s = min(PERIOD_S, watchdog_s / FEEDINGS) if watchdog_s else PERIOD_S
        while True:
            await asyncio.sleep(period_s)
            self._look()

    def stopping(self) -> None:
        """The agent ends in order."""
        self._manager.stopping()

    def _look(self) -> None:
        hanging = self._heart.overdue(_now_s())
        if hanging != self._hanging:
            log.critical("no progress of: %s", ", ".join(hanging) or "none, all go on again")
        self._hanging = hanging
        if not hanging:
            self._manager.alive()
        text = self.status()
        if text and text != self._said:
            self._said = text
            self._manager.status(text)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
