"""Looks after the cluster's clock: asks the cell network while nothing better vouches, and remembers trusted time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from contract.ports import CellTime
from edge.core.clock_trust import SET_NS, ClockMemory
from edge.shell.agent_clock import AgentClock
from edge.shell.ledger import Ledger

LOOK_S = 10.0
"""How often is looked whether there is anything to do: it costs a few microseconds."""
ASK_AGAIN_NS = 600 * 10**9
LONGEST_NS = 3600 * 10**9
RIDE_AFTER = timedelta(minutes=10)
"""A memory that is newer by so much goes to the card with the next row."""
SAVE_AFTER = timedelta(hours=1)
"""One that is newer by so much is written by itself: at most one small write an hour."""


class ClockKeeper:
    """One job beside the loop.

    Args:
        clock: Is kept.
        cell: Is asked; None: there is no modem to ask.
        ledger: Remembers.
        on_change: Told when the time may have changed.
    """

    def __init__(
        self,
        *,
        clock: AgentClock,
        cell: CellTime | None,
        ledger: Ledger,
        on_change: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._cell = cell
        self._ledger = ledger
        self._on_change = on_change
        self._ask_at_ns = 0
        self._pause_ns = ASK_AGAIN_NS

    async def run(self) -> None:
        """Keeps it for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """One look at what there is to do."""
        await self._ask()
        self._remember()

    async def _ask(self) -> None:
        """Every look until the network has said something, then ever more rarely."""
        clock, cell = self._clock, self._cell
        if cell is None or not clock.needs_cell or clock.mono_ns() < self._ask_at_ns:
            return
        at = await cell.read()
        if at is None:
            self._pause_ns = ASK_AGAIN_NS
            return
        clock.hear_cell(at)
        self._ask_at_ns = clock.mono_ns() + self._pause_ns
        self._pause_ns = min(LONGEST_NS, self._pause_ns * 2)
        self._on_change()

    def _remember(self) -> None:
        new, old = self._clock.remember(), self._ledger.clock_memory()
        if new is None:
            return
        if old is None or _is_other(old, new) or new.saved_at - old.saved_at >= SAVE_AFTER:
            self._ledger.save_clock(new)
        elif new.saved_at - old.saved_at >= RIDE_AFTER:
            self._ledger.ride_clock(new)


def _is_other(old: ClockMemory, new: ClockMemory) -> bool:
    """Another start of the machine, or the clock was set: the old memory would vouch for what is no more."""
    moved_ns = abs(new.wall_over_mono_ns - old.wall_over_mono_ns)
    return new.boot != old.boot or moved_ns >= SET_NS or new.saved_at < old.saved_at
