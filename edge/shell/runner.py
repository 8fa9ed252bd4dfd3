"""The loop: gather, decide, reconcile, apply, journal; then wait for an event or for the next moment that matters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct

from contract.fault import FaultCode
from contract.journal import EventKind
from contract.ports import Clock
from edge.core.decide import decide
from edge.core.reconcile import reconcile
from edge.core.rest import rests_until
from edge.core.rows import closed_items, row_of_closing
from edge.core.state import Decision, Limits, Snapshot
from edge.shell.airing import Airing
from edge.shell.diary import Diary
from edge.shell.fault_board import FaultBoard
from edge.shell.inbox import Inbox
from edge.shell.ledger import Ledger
from edge.shell.outbox import Outbox
from edge.shell.plan_keeper import PlanKeeper
from edge.shell.reporting import Reporter
from edge.shell.sound_cache import SoundCache
from edge.shell.taker import Taker

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often the clock is looked at for a step; deciding itself happens only when something changes."""
STEP = timedelta(milliseconds=500)
RELAY_AGAIN = timedelta(seconds=1)
SAVE_WATERMARK = timedelta(hours=1)


class Parts(Struct, frozen=True, kw_only=True):
    """What the loop works with.

    Attributes:
        on_turn: Is told after each turn and while waiting: the loop makes progress.
    """

    clock: Clock
    limits: Limits
    airing: Airing
    ledger: Ledger
    plans: PlanKeeper
    cache: SoundCache
    outbox: Outbox
    reporter: Reporter
    inbox: Inbox
    taker: Taker
    diary: Diary
    faults: FaultBoard
    on_turn: Callable[[], None] = lambda: None


class Runner:
    """One cluster's loop. Construct it, then await `run`."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._booted_at: datetime | None = None
        self._trusted_since: datetime | None = None
        self._clock_set_at: datetime | None = None
        self._was_trusted = False
        self._wall_over_mono_ns = 0
        self._watermark: datetime | None = None

    async def run(self) -> None:
        """Runs for ever."""
        self._start()
        while True:
            decision = await self._turn()
            self._p.on_turn()
            await self._wait(self._wake_at(decision))

    def _wake_at(self, decision: Decision) -> datetime:
        """A relay that does not obey is tried again soon, without an event that would ask for it."""
        if not self._p.airing.relay_failed:
            return decision.wake_at
        return min(decision.wake_at, self._p.clock.now() + RELAY_AGAIN)

    def _start(self) -> None:
        p = self._p
        now = p.clock.now()
        self._booted_at = now
        self._wall_over_mono_ns = self._offset_ns()
        self._watermark = p.ledger.watermark()
        self._recall_closed()
        p.plans.recall()
        self._p.diary.event(EventKind.BOOT, detail=p.reporter.software)

    def _recall_closed(self) -> None:
        """What has its row by the time that is known now: it is not to sound again."""
        p = self._p
        oldest = p.clock.now() - timedelta(days=p.limits.lookback_days + 1)
        for key, aired in closed_items(p.ledger.closed_since(oldest)).items():
            p.airing.closed.setdefault(key, aired)

    # One turn

    async def _turn(self) -> Decision:
        p = self._p
        self._follow_clock()
        self._watch_trust()
        snapshot = self._gather()
        decision = decide(snapshot, p.limits)
        self._settle(decision)
        commands = reconcile(
            decision, p.airing.cued, amplifier_is_on=p.airing.amplifier_on_at is not None
        )
        await p.airing.apply(commands)
        for damaged in snapshot.held - p.cache.held():
            p.plans.sound_damaged(damaged)
        self._tell_faults(snapshot)
        p.reporter.report(
            p.plans.plan, p.airing, waiting=p.ledger.waiting(), refused=p.plans.refused
        )
        return decision

    def _tell_faults(self, snapshot: Snapshot) -> None:
        p, tell = self._p, self._p.faults.tell
        tell(FaultCode.RELAY_FAILED, is_so=p.airing.relay_failed)
        tell(FaultCode.RELAY_GUARD, is_so=rests_until(snapshot, p.limits) is not None)
        tell(FaultCode.PLAYER_FAILED, is_so=p.airing.player_failed)
        tell(FaultCode.CLOCK_UNTRUSTED, is_so=not snapshot.trust.is_trusted)
        tell(FaultCode.DISK_FULL, is_so=p.ledger.is_behind)

    def _gather(self) -> Snapshot:
        p = self._p
        return Snapshot(
            now=p.clock.now(),
            trust=p.clock.trust(),
            plan=p.plans.plan,
            held=p.cache.held(),
            closed=p.airing.closed,
            open=p.airing.open,
            watermark=self._watermark,
            cued=p.airing.cued,
            failures=p.airing.failures,
            amplifier_on_at=p.airing.amplifier_on_at,
            sound_ended_at=p.airing.sound_ended_at,
            guard_tripped_at=p.airing.guard_tripped_at,
            booted_at=self._booted_at,
            trusted_since=self._trusted_since,
            clock_set_at=self._clock_set_at,
            plan_accepted_at=p.plans.accepted_at,
        )

    def _settle(self, decision: Decision) -> None:
        p = self._p
        if decision.close_open is not None:
            p.airing.close_open(decision.close_open)
        for closing in decision.closings:
            row = row_of_closing(
                closing,
                trust=p.clock.trust(),
                link_up=p.airing.link_up,
                plan_version=p.plans.version,
            )
            p.ledger.append(row)
            p.airing.closed[(row.slot, row.planned_at)] = None
            log.info("%s %s: not aired (%s)", row.bulletin, row.planned_at, row.reason)
        if decision.closings or decision.close_open:
            p.outbox.poke()
        self._move_watermark(decision)

    def _move_watermark(self, decision: Decision) -> None:
        last, now_at = self._watermark, decision.watermark
        if now_at is not None and (
            last is None
            or decision.closings
            or now_at < last  # the clock was set back
            or now_at - last >= SAVE_WATERMARK
        ):
            self._p.ledger.set_watermark(now_at)
            self._watermark = now_at
            if self._was_trusted:
                self._p.ledger.prune(self._p.clock.now())
        if self._was_trusted:
            self._forget_old()

    def _forget_old(self) -> None:
        oldest = self._p.clock.now() - timedelta(days=self._p.limits.lookback_days + 1)
        for key in [key for key in self._p.airing.closed if key[1] < oldest]:
            del self._p.airing.closed[key]

    # Waiting

    async def _wait(self, wake_at: datetime) -> None:
        """Returns when an event came, the moment came, or the clock stepped."""
        while True:
            left_s = (wake_at - self._p.clock.now()).total_seconds()
            if (
                left_s <= 0
                or abs(self._step()) >= STEP
                or self._p.clock.trust().is_trusted != self._was_trusted
            ):
                return
            self._follow_clock()  # a clock that is only slewed is no step, however long this waits
            try:
                # Not `wait_for`: in Python 3.11 it can forget that the task is to end.
                async with asyncio.timeout(min(left_s, TICK_S)):
                    event = await self._p.inbox.get()
            except TimeoutError:
                self._p.on_turn()
                continue
            self._follow_clock()  # what the player says is put on the time line as it is now
            self._p.taker.take(event)
            return

    def _offset_ns(self) -> int:
        wall_ns = round(self._p.clock.now().timestamp() * 1e9)
        return wall_ns - self._p.clock.mono_ns()

    def _step(self) -> timedelta:
        """How far the wall clock has moved since it was last followed, beyond the time that has passed."""
        return timedelta(microseconds=(self._offset_ns() - self._wall_over_mono_ns) / 1000)

    def _follow_clock(self) -> None:
        """Takes a step of the wall clock along: what sounds goes on, what is closed stays closed."""
        step = self._step()
        self._wall_over_mono_ns += round(step / timedelta(microseconds=1)) * 1000
        if abs(step) < STEP:
            return
        self._p.airing.shift(step)
        self._shift(step)
        self._recall_closed()
        self._p.diary.event(EventKind.CLOCK_STEPPED, detail=f"{step.total_seconds():+.1f} s")
        log.warning("the clock stepped by %+.1f s", step.total_seconds())

    def _shift(self, step: timedelta) -> None:
        """What is known of the time before the step, by the new time."""
        plans = self._p.plans
        now = self._p.clock.now()
        self._clock_set_at = now
        self._trusted_since = now if self._was_trusted else None
        self._booted_at = self._booted_at + step if self._booted_at else None
        plans.accepted_at = plans.accepted_at + step if plans.accepted_at else None

    def _watch_trust(self) -> None:
        trust = self._p.clock.trust()
        if trust.is_trusted and not self._was_trusted:
            self._trusted_since = self._p.clock.now()
            self._recall_closed()
        if trust.is_trusted != self._was_trusted:
            log.info("clock: %s", trust)
        self._was_trusted = trust.is_trusted
