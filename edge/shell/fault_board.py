"""What is wrong with the cluster now: told once when it begins and once when it is over, by whoever finds it."""

from __future__ import annotations

import asyncio
import logging

from contract.fault import FaultCode
from contract.journal import EventKind
from edge.shell.diary import Diary

log = logging.getLogger(__name__)

TOLD_BY_OTHERS = frozenset(
    {
        FaultCode.ARRESTER_FAILED,
        FaultCode.RELAY_GUARD,
        FaultCode.PLAYER_FAILED,
        FaultCode.CLOCK_UNTRUSTED,
        FaultCode.LEDGER_REPLACED,
    }
)
"""Faults with journal rows of their own kind."""


class FaultBoard:
    """Present faults. Whoever tells of one every turn costs nothing: only a change is journalled and logged.

    Args:
        diary: Takes the rows.
    """

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self.begun = asyncio.Event()
        """Set when a fault begins; whoever waits for it clears it."""
        self._present: set[FaultCode] = set()

    @property
    def present(self) -> tuple[FaultCode, ...]:
        """Faults now, in the order of the contract's list."""
        return tuple(code for code in FaultCode if code in self._present)

    def tell(self, code: FaultCode, *, is_so: bool, detail: str = "") -> None:
        """Says whether a fault is there now. `detail` goes into the row when it begins or ends."""
        if is_so == (code in self._present):
            return
        (self._present.add if is_so else self._present.discard)(code)
        if is_so:
            self.begun.set()
        if code in TOLD_BY_OTHERS:
            return
        words = f"{code}: {detail}" if detail else str(code)
        log.log(
            logging.ERROR if is_so else logging.WARNING, "%s %s", words, "" if is_so else "is over"
        )
        self._diary.event(EventKind.FAULT if is_so else EventKind.FAULT_OVER, detail=words)
