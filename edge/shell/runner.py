"""The loop: gather, decide, reconcile, apply, journal; then wait for an event or for the next moment that matters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from contract.fault import FaultCode
from contract.journal import EventKind
from contract.model import Bulletin, Desired
from contract.ports import Clock
from edge.core.decide import decide
from edge.core.reconcile import reconcile
from edge.core.rest import rests_until
from edge.core.rows import closed_items, row_of_closing
from edge.core.state import Closing, Decision, Limits, Snapshot
from edge.core.succession import succeed
from edge.shell.airing import Airing
from edge.shell.clock_watch import ClockWatch
from edge.shell.commander import Commander
from edge.shell.diary import Diary
from edge.shell.emergency_desk import EmergencyDesk
from edge.shell.fault_board import FaultBoard
from edge.shell.inbox import Inbox, SoundDamaged
from edge.shell.ledger import Ledger
from edge.shell.outbox import Outbox
from edge.shell.plan_keeper import PlanKeeper
from edge.shell.reporting import Reporter
from edge.shell.silence_watch import SilenceWatch
from edge.shell.sound_cache import SoundCache
from edge.shell.taker import Taker

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often the clock is looked at for a step; deciding itself happens only when something changes."""
RELAY_AGAIN = timedelta(seconds=1)
SAVE_WATERMARK = timedelta(hours=1)


class Parts(Struct, frozen=True, kw_only=True):
    """What the loop works with.

    Attributes:
        on_turn: Is told after each turn and while waiting: the loop makes progress.
    """

    clock: Clock
    watch: ClockWatch
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
    silence: SilenceWatch
    desk: EmergencyDesk
    attention: Bulletin
    commander: Commander
    on_turn: Callable[[], None] = lambda: None


class Runner:
    """One cluster's loop. Construct it, then await `run`."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._watermark: datetime | None = None
        self._owed_since: datetime | None = None
        parts.plans.before_accepting = self._settle_before

    async def run(self) -> None:
        """Runs for ever."""
        self._start()
        while True:
            decision = await self._turn()
            self._p.on_turn()
            await self._wait(self._wake_at(decision))

    def _wake_at(self, decision: Decision) -> datetime:
        """A relay that does not obey is tried again soon, without an event that would ask for it."""
        if not self._p.airing.amplifier.relay_failed:
            return decision.wake_at
        return min(decision.wake_at, self._p.clock.now() + RELAY_AGAIN)

    def _start(self) -> None:
        p = self._p
        self._watermark, self._owed_since = p.ledger.watermark(), p.ledger.owed_since()
        self._recall_closed()
        p.plans.recall()
        p.diary.ledger_replaced()
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
        await p.silence.act()
        p.desk.know_time(p.commander.real_now)
        snapshot = self.look()
        decision = decide(snapshot, p.limits)
        self._settle(decision)
        commands = reconcile(
            decision, p.airing.cued, amplifier_is_on=p.airing.amplifier.on_at is not None
        )
        await p.airing.apply(commands)
        for damaged in snapshot.held - p.cache.held():
            p.inbox.put(SoundDamaged(sha256=damaged))  # it has its effect in the next turn, at once
        p.commander.look()
        self._tell_faults(snapshot)
        p.reporter.report(
            p.plans.plan,
            p.airing,
            waiting=p.ledger.waiting(),
            refused=p.plans.refused,
            link=p.taker.modem.status(),
        )
        return decision

    def _tell_faults(self, snapshot: Snapshot) -> None:
        p, tell = self._p, self._p.faults.tell
        tell(FaultCode.RELAY_FAILED, is_so=p.airing.amplifier.relay_failed)
        tell(FaultCode.RELAY_GUARD, is_so=rests_until(snapshot, p.limits) is not None)
        tell(FaultCode.PLAYER_FAILED, is_so=p.airing.player_failed)
        tell(FaultCode.CLOCK_UNTRUSTED, is_so=not snapshot.trust.is_trusted)
        tell(FaultCode.DISK_FULL, is_so=p.ledger.card_is_full)
        tell(FaultCode.LEDGER_REPLACED, is_so=p.ledger.is_replacement_unread)

    def look(self) -> Snapshot:
        """How the cluster is now."""
        p = self._p
        return Snapshot(
            now=p.watch.now(),
            trust=p.watch.trust,
            plan=p.plans.plan,
            held=p.cache.held(),
            closed=p.airing.closed,
            open=p.airing.open,
            watermark=self._watermark,
            owed_since=self._owed_since,
            cued=p.airing.cued,
            failures=p.airing.failures,
            player_ready=p.airing.player_is_ready,
            filling=p.silence.is_filling,
            amplifier_on_at=p.airing.amplifier.on_at,
            sound_ended_at=p.airing.sound_ended_at,
            guard_tripped_at=p.airing.amplifier.guard_tripped_at,
            booted_at=p.watch.booted_at,
            trusted_since=p.watch.trusted_since,
            clock_set_at=p.watch.set_at,
            plan_accepted_at=p.plans.accepted_at,
            emergencies=p.desk.queue,
            turn=p.desk.turn,
            attention=p.attention,
            overridden_until=p.desk.overridden_until,
        )

    def _settle(self, decision: Decision) -> None:
        p = self._p
        p.desk.follow(decision.turn, decision.expired)
        if decision.close_open is not None:
            p.airing.close_open(decision.close_open)
        for closing in decision.closings:
            self._tell_not_aired(closing)
        if decision.closings or decision.close_open:
            p.outbox.poke()
        self._move_watermark(decision)

    def _settle_before(self, plan: Desired) -> None:
        """Writes what the plan in force leaves behind, before the next one is on the card: a power cut loses no row."""
        found = succeed(self.look(), plan, self._p.limits)
        for closing in found.closings:
            self._tell_not_aired(closing)
        if found.watermark is not None and found.watermark != self._watermark:
            self._p.ledger.set_watermark(found.watermark)
            self._watermark = found.watermark

    def _tell_not_aired(self, closing: Closing) -> None:
        p = self._p
        row = row_of_closing(
            closing, trust=p.watch.trust, link_up=p.airing.link_up, plan_version=p.plans.version
        )
        row = replace(row, clock_step_s=p.watch.marked(row))
        p.ledger.append(row)
        p.airing.closed[(row.slot, row.planned_at)] = None
        log.info("%s %s: not aired (%s)", row.bulletin, row.planned_at, row.reason)

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
            self._owed_since = self._p.ledger.owed_since()
            if self._p.watch.trust.is_trusted:
                self._p.ledger.prune(self._p.clock.now())
        if self._p.watch.trust.is_trusted:
            self._forget_old()

    def _forget_old(self) -> None:
        oldest = self._p.clock.now() - timedelta(days=self._p.limits.lookback_days + 1)
        for key in [key for key in self._p.airing.closed if key[1] < oldest]:
            del self._p.airing.closed[key]

    # Waiting

    async def _wait(self, wake_at: datetime) -> None:
        """Returns when an event came, the moment came, the clock stepped, or its trust changed."""
        while True:
            left_s = (wake_at - self._p.clock.now()).total_seconds()
            if left_s <= 0 or self._p.watch.has_news():
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

    def _follow_clock(self) -> None:
        """Takes the clock's news along: what sounds goes on, what has its row keeps it, what is owed is owed still."""
        p = self._p
        news = p.watch.follow()
        if news.step is not None:
            p.airing.shift(news.step)
            p.desk.shift(news.step)
            p.plans.shift(news.step)
        if news.step is not None or news.became_trusted:
            self._recall_closed()
            p.plans.fetch_what_is_missing()
