"""The cluster's clock: the system's, or the cell network's where nothing better vouches for the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contract.ports import ClockTrust, HostClock
from edge.core.clock_trust import (
    ClockFacts,
    ClockMemory,
    Doubt,
    Standing,
    is_held,
    judge,
    remembered,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CELL_LOST_AFTER_NS = 6 * 3600 * 10**9
"""The cell network's time, carried on by the machine, is believed so long after it was last heard."""
SAME = timedelta(seconds=2)
"""Modems tell whole seconds and answer late: what differs less is the same time."""


class AgentClock:
    """Implements `contract.ports.Clock` for the agent.

    Between two calls of `trust` it does not change from one source of time to another.

    Args:
        host: The machine's clock.
        memory: What the cluster remembers of it; None: nothing.
    """

    def __init__(self, host: HostClock, memory: ClockMemory | None) -> None:
        self._host = host
        self._boot = host.boot_id
        self._cell_over_mono: timedelta | None = None
        self._cell_heard_ns = 0
        self.memory = memory
        self._standing = Standing(trust=ClockTrust.UNKNOWN)
        self.trust()

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        if self._standing.is_cell and self._cell_over_mono is not None:
            return EPOCH + self._cell_over_mono + _span(self._host.mono_ns())
        return self._host.now()

    def mono_ns(self) -> int:
        """Monotonic nanoseconds; never steps."""
        return self._host.mono_ns()

    def trust(self) -> ClockTrust:
        """How far `now()` may be believed; looks anew at what vouches."""
        self._standing = judge(self._facts())
        return self._standing.trust

    @property
    def doubt(self) -> Doubt:
        """Why it is not believed further, as of the last look."""
        return self._standing.doubt

    @property
    def needs_cell(self) -> bool:
        """Whether nothing better than the cell network vouches, as of the last look."""
        return self._standing.is_cell or not self._standing.trust.is_trusted

    def hear_cell(self, at: datetime) -> None:
        """Takes what the cell network has just said."""
        mono_ns = self._host.mono_ns()
        found = at - EPOCH - _span(mono_ns)
        if self._cell_over_mono is None or abs(found - self._cell_over_mono) > SAME:
            self._cell_over_mono = found
        self._cell_heard_ns = mono_ns

    def remember(self) -> ClockMemory | None:
        """Brings the memory up to now."""
        facts = self._facts()
        standing = judge(facts)
        self.memory = remembered(
            self.memory,
            standing,
            facts.cell_at if standing.is_cell and facts.cell_at else facts.system_at,
            boot=self._boot,
            wall_over_mono_ns=self._wall_over_mono_ns(),
            mono_ns=self._host.mono_ns(),
        )
        return self.memory

    def _facts(self) -> ClockFacts:
        return ClockFacts(
            kernel=self._host.trust(),
            system_at=self._host.now(),
            is_held=is_held(
                self.memory,
                boot=self._boot,
                wall_over_mono_ns=self._wall_over_mono_ns(),
                mono_ns=self._host.mono_ns(),
            ),
            cell_at=self._cell_at(),
            saved_at=self.memory.saved_at if self.memory else None,
        )

    def _wall_over_mono_ns(self) -> int:
        return (self._host.now() - EPOCH) // timedelta(microseconds=1) * 1000 - self._host.mono_ns()

    def _cell_at(self) -> datetime | None:
        mono_ns = self._host.mono_ns()
        if self._cell_over_mono is None or mono_ns - self._cell_heard_ns > CELL_LOST_AFTER_NS:
            return None
        return EPOCH + self._cell_over_mono + _span(mono_ns)


def _span(mono_ns: int) -> timedelta:
    return timedelta(microseconds=mono_ns // 1000)
