"""What the loop knows of time: where wall time lies on the monotonic line, whether it is trusted, and since when."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from contract.journal import EventKind, ItemRow
from contract.ports import Clock, ClockTrust
from edge.core.clock_trust import Doubt
from edge.shell.diary import Diary
from edge.shell.status_file import ClockStatus

log = logging.getLogger(__name__)

STEP = timedelta(milliseconds=500)
"""What wall time moves beyond the time that has passed is a step from here on; below it is followed silently."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ClockNews(Struct, frozen=True, kw_only=True):
    """What changed since the clock was last followed.

    Attributes:
        step: How far it was set; None: it was not.
    """

    step: timedelta | None
    became_trusted: bool


class ClockWatch:
    """Follows the clock, and journals its steps and changes of trust.

    Args:
        clock: Is followed.
        diary: Takes the rows.
        doubt: Why the clock is not believed further, as of its last look at what vouches.

    Attributes:
        trust: As last followed.
        trusted_since: Since when wall time is trusted and has not been set.
        booted_at: Start of the agent, by the time as it is now.
        set_at: When it was last set since then.
    """

    def __init__(self, *, clock: Clock, diary: Diary, doubt: Callable[[], Doubt]) -> None:
        self._clock = clock
        self._diary = diary
        self._doubt = doubt
        self._wall_over_mono_ns = self._offset_ns()
        self._trust_since_ns = clock.mono_ns()
        self._is_new = True
        self.trust = ClockTrust.UNKNOWN
        self.trusted_since: datetime | None = None
        self.booted_at = clock.now()
        self.set_at: datetime | None = None
        self._last_step = timedelta(0)

    def now(self) -> datetime:
        """Wall time, on the line that was last followed: a step within a turn does not tear the turn apart."""
        ns = self._clock.mono_ns() + self._wall_over_mono_ns
        return EPOCH + timedelta(microseconds=ns // 1000)

    def has_news(self) -> bool:
        """Whether the clock was set, or its trust changed."""
        return self._clock.trust() is not self.trust or abs(self._moved()) >= STEP

    def follow(self) -> ClockNews:
        """Takes steps and changes of trust along; what is small is taken along silently."""
        trust = self._clock.trust()
        step = self._step()
        became_trusted = trust.is_trusted and not self.trust.is_trusted
        if trust is not self.trust or self._is_new:
            self._take_trust(trust)
        if became_trusted:
            self.trusted_since = self.now()
        if not trust.is_trusted:
            self.trusted_since = None
        return ClockNews(step=step, became_trusted=became_trusted)

    def marked(self, row: ItemRow) -> float:
        """How far the clock was set over the planned start of an item, in seconds; 0: it was not."""
        if self.set_at is None or not self.set_at - self._last_step < row.planned_at <= self.set_at:
            return 0.0
        return self._last_step.total_seconds()

    def status(self) -> ClockStatus:
        """For `loaxa-edge status`: another process reads the same monotonic clock."""
        return ClockStatus(
            doubt=self._doubt(),
            wall_over_mono_ms=round(self._wall_over_mono_ns / 1e6),
            trust_since_mono_ms=self._trust_since_ns // 1_000_000,
        )

    def _step(self) -> timedelta | None:
        moved = self._moved()
        self._wall_over_mono_ns += round(moved / timedelta(microseconds=1)) * 1000
        if abs(moved) < STEP:
            return None
        self.booted_at += moved
        self.set_at, self._last_step = self.now(), moved
        if self.trusted_since is not None:
            self.trusted_since = self.set_at
        self._diary.event(EventKind.CLOCK_STEPPED, detail=f"{moved.total_seconds():+.1f} s")
        log.warning("the clock stepped by %+.1f s", moved.total_seconds())
        return moved

    def _take_trust(self, trust: ClockTrust) -> None:
        """The first look is no change: the row of the start says how it was."""
        doubt = self._doubt()
        words = f"{self.trust} -> {trust}" + (f": {doubt}" if doubt is not Doubt.NONE else "")
        if not self._is_new:
            self._diary.event(EventKind.CLOCK_TRUST, detail=words)
        log.info("clock: %s", trust if self._is_new else words)
        self.trust, self._is_new = trust, False
        self._trust_since_ns = self._clock.mono_ns()

    def _moved(self) -> timedelta:
        return timedelta(microseconds=(self._offset_ns() - self._wall_over_mono_ns) / 1000)

    def _offset_ns(self) -> int:
        wall_ns = (self._clock.now() - EPOCH) // timedelta(microseconds=1) * 1000
        return wall_ns - self._clock.mono_ns()
