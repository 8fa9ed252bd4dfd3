"""Time that jumps: an event loop whose clock stands while there is something to do, then goes to what comes next."""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeVar

from contract.ports import ClockTrust

Result = TypeVar("Result")
BEGIN = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ALERT_S = 3.0
"""After a step of the clock time goes on by the loop's own ticks for so long: it has to find the step by itself."""


class JumpingClock:
    """True time, and a cabinet's clock that may be wrong.

    Attributes:
        passed_us: True microseconds since `BEGIN`; what is monotonic.
        error: How far the cabinet's wall time is ahead of the truth.
        known: How far the cabinet believes it.
    """

    def __init__(self) -> None:
        self.passed_us = 0
        self.error = timedelta(0)
        self.known = ClockTrust.SYNCHRONISED

    def now(self) -> datetime:
        return BEGIN + MICROSECOND * self.passed_us + self.error

    def mono_ns(self) -> int:
        return 5_000_000_000_000 + self.passed_us * 1000

    def trust(self) -> ClockTrust:
        return self.known

    @property
    def passed_s(self) -> float:
        return self.passed_us / 1e6

    def us_of(self, true_at: datetime) -> int:
        return (true_at - BEGIN) // MICROSECOND


class Agenda:
    """What will happen, by true time. Of what is planned for one instant the first planned comes first."""

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()
        self._alert_until_us = 0
        self.wake_us = 0

    def at_us(self, moment_us: float, happen: Callable[[], None]) -> None:
        moment = max(round(moment_us), self._clock.passed_us)
        heapq.heappush(self._heap, (moment, next(self._numbers), happen))

    def after_s(self, pause_s: float, happen: Callable[[], None]) -> None:
        self.at_us(self._clock.passed_us + pause_s * 1e6, happen)

    def be_alert(self) -> None:
        self._alert_until_us = self._clock.passed_us + round(ALERT_S * 1e6)

    def jump(self, timer_s: float) -> None:
        """On to what comes first: a happening, or the moment for which the cabinet's loop waits."""
        now_us = self._clock.passed_us
        timer_us = now_us + max(1, round(timer_s * 1e6))
        ahead_us = timer_us if now_us < self._alert_until_us else max(timer_us, self.wake_us)
        if self.wake_us > now_us:
            ahead_us = min(ahead_us, self.wake_us)
        self._clock.passed_us = min(ahead_us, self._heap[0][0]) if self._heap else ahead_us
        while self._heap and self._heap[0][0] <= self._clock.passed_us:
            heapq.heappop(self._heap)[2]()


class _Selector(selectors.SelectSelector):
    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._jump(3600.0 if timeout is None else timeout)
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """Runs on the clock of an agenda."""

    def __init__(self, clock: JumpingClock, agenda: Agenda) -> None:
        super().__init__(_Selector(agenda.jump))
        self._jumping = clock

    def time(self) -> float:
        return self._jumping.passed_us / 1e6

    def run_in_executor(
        self, executor: object, func: Callable[..., Result], *args: object
    ) -> asyncio.Future[Result]:
        """At once, in this thread: real time is none of the clock's."""
        done: asyncio.Future[Result] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's
            done.set_exception(error)
        return done
