"""Ends the agent in order once a night, when the configuration wants it and nothing is due; systemd starts it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from contract.journal import EventKind
from edge.core.night import NightRestart, may_restart
from edge.core.state import Snapshot
from edge.shell.diary import Diary

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0


class NightWatch:
    """Looks every minute.

    Args:
        rule: When a fresh start is wanted.
        look: How the cluster is now.
        up_s: How long the agent has been running.
        diary: Takes the row.
        stop: Ends the agent in order.
        look_every_s: How often it looks.
    """

    def __init__(
        self,
        rule: NightRestart,
        *,
        look: Callable[[], Snapshot],
        up_s: Callable[[], float],
        diary: Diary,
        stop: Callable[[], None],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._rule = rule
        self._look = look
        self._up_s = up_s
        self._diary = diary
        self._stop = stop
        self._look_every_s = look_every_s

    async def run(self) -> None:
        """Looks until it has ended the agent."""
        while True:
            await asyncio.sleep(self._look_every_s)
            if may_restart(self._rule, self._look(), self._up_s()):
                break
        log.info("a fresh start in the night: nothing is due")
        self._diary.event(EventKind.NIGHT_RESTART)
        self._stop()
