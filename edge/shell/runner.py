"""The loop: gather, decide, reconcile, apply, journal; then wait for an event or for the next moment that matters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import assert_never

from msgspec import Struct

from contract.codec import Refused, open_signed
from contract.ids import Sha256
from contract.journal import EventKind, EventRow, JournalAck
from contract.model import Desired
from contract.ports import Clock
from edge.core.decide import decide, rests_until
from edge.core.needs import sounds_in_order_of_need
from edge.core.reconcile import reconcile
from edge.core.rows import closed_items, row_of_closing
from edge.core.state import Decision, Limits, Snapshot
from edge.shell.airing import Airing
from edge.shell.config import EdgeConfig
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import (
    DesiredCame,
    Inbox,
    JournalAckCame,
    LinkIsDown,
    LinkIsUp,
    SoundArrived,
    SoundRefused,
)
from edge.shell.intake import AlreadyHeld, take_desired
from edge.shell.ledger import Ledger
from edge.shell.outbox import Outbox
from edge.shell.plan_store import PlanStore
from edge.shell.reporting import Reporter
from edge.shell.sound_cache import SoundCache
from hardware.events import ArresterChanged, ClockChanged, RelayGuardTripped, SurgeCounted
from hardware.player import Failed, HeardOut, Prepared, Progress, Started

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often the clock is looked at for a step; deciding itself happens only when something changes."""
STEP = timedelta(milliseconds=500)
RELAY_AGAIN = timedelta(seconds=1)
SAVE_WATERMARK = timedelta(hours=1)


class Parts(Struct, frozen=True, kw_only=True):
    """What the loop works with."""

    config: EdgeConfig
    clock: Clock
    limits: Limits
    airing: Airing
    ledger: Ledger
    plans: PlanStore
    cache: SoundCache
    fetcher: Fetcher
    outbox: Outbox
    reporter: Reporter
    inbox: Inbox


class Runner:
    """One cluster's loop. Construct it, then await `run`."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._plan: Desired | None = None
        self._plan_accepted_at: datetime | None = None
        self._booted_at: datetime | None = None
        self._trusted_since: datetime | None = None
        self._was_trusted = False
        self._wall_over_mono_ns = 0
        self._watermark: datetime | None = None

    async def run(self) -> None:
        """Runs for ever."""
        self._start()
        while True:
            decision = await self._turn()
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
        plan = p.plans.load()
        if plan is not None and plan.version > p.ledger.accepted_version():
            p.ledger.accept_version(plan.version)  # the power went in between, or the ledger is new
        self._use(plan)
        self._event(EventKind.BOOT, detail=p.reporter.software)
        self._tell_damaged(p.cache.damaged_at_start)

    def _recall_closed(self) -> None:
        """What has its row by the time that is known now: it is not to sound again."""
        p = self._p
        oldest = p.clock.now() - timedelta(days=p.limits.lookback_days + 1)
        for key, aired in closed_items(p.ledger.closed_since(oldest)).items():
            p.airing.closed.setdefault(key, aired)

    def _use(self, plan: Desired | None) -> None:
        self._plan = plan
        self._p.airing.plan_version = plan.version if plan else 0
        self._p.fetcher.want(sounds_in_order_of_need(plan, self._p.clock.now()))
        keep = frozenset(bulletin.sha256 for bulletin in plan.bulletins) if plan else frozenset()
        self._p.cache.evict(keep | {cue.occurrence.bulletin.sha256 for cue in self._p.airing.cued})

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
        self._fetch_again(snapshot.held - p.cache.held())
        p.reporter.report(
            self._plan,
            p.airing,
            waiting=p.ledger.waiting(),
            disk_is_full=p.ledger.is_behind,
            guard_rests=rests_until(snapshot, p.limits) is not None,
        )
        return decision

    def _fetch_again(self, damaged: frozenset[Sha256]) -> None:
        self._tell_damaged(damaged)
        if damaged:
            self._p.fetcher.want(sounds_in_order_of_need(self._plan, self._p.clock.now()))

    def _tell_damaged(self, damaged: Iterable[Sha256]) -> None:
        for sha256 in damaged:
            self._event(EventKind.SOUND_REFUSED, detail=f"{sha256[:12]}: damaged on the card")

    def _gather(self) -> Snapshot:
        p = self._p
        return Snapshot(
            now=p.clock.now(),
            trust=p.clock.trust(),
            plan=self._plan,
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
            plan_accepted_at=self._plan_accepted_at,
        )

    def _settle(self, decision: Decision) -> None:
        p = self._p
        if decision.close_open is not None:
            p.airing.close_open(decision.close_open)
        for closing in decision.closings:
            version = self._plan.version if self._plan else 0
            row = row_of_closing(
                closing, trust=p.clock.trust(), link_up=p.airing.link_up, plan_version=version
            )
            p.ledger.append(row)
            p.airing.closed[(row.slot, row.planned_at)] = None
            log.info("%s %s: not aired (%s)", row.bulletin, row.planned_at, row.reason)
        if decision.closings or decision.close_open:
            p.outbox.poke()
        self._move_watermark(decision)

    def _move_watermark(self, decision: Decision) -> None:
        last = self._watermark
        if last is None or decision.closings or decision.watermark - last >= SAVE_WATERMARK:
            self._p.ledger.set_watermark(decision.watermark)
            self._watermark = decision.watermark
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
                continue
            self._follow_clock()  # what the player says is put on the time line as it is now
            self._take(event)
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
        self._recall_closed()
        self._event(EventKind.CLOCK_STEPPED, detail=f"{step.total_seconds():+.1f} s")
        log.warning("the clock stepped by %+.1f s", step.total_seconds())

    def _watch_trust(self) -> None:
        trust = self._p.clock.trust()
        if trust.is_trusted and not self._was_trusted:
            self._trusted_since = self._p.clock.now()
            self._recall_closed()
        if trust.is_trusted != self._was_trusted:
            log.info("clock: %s", trust)
        self._was_trusted = trust.is_trusted

    # Events

    def _take(self, event: object) -> None:
        match event:
            case DesiredCame(note=note):
                self._take_plan(note)
            case JournalAckCame(note=note):
                self._take_journal_ack(note)
            case LinkIsUp() | LinkIsDown():
                self._link_changed(is_up=isinstance(event, LinkIsUp))
            case SoundArrived(sha256=sha256):
                log.info("sound %s is here", sha256[:12])
            case SoundRefused(sha256=sha256, why=why):
                self._event(EventKind.SOUND_REFUSED, detail=f"{sha256[:12]}: {why}")
            case Prepared() | Started() | Progress() | HeardOut() | Failed():
                self._take_player(event)
            case ArresterChanged() | SurgeCounted() | RelayGuardTripped() | ClockChanged():
                self._take_hardware(event)
            case _:
                log.error("an event that nobody expects: %r", event)

    def _take_player(self, event: Prepared | Started | Progress | HeardOut | Failed) -> None:
        why = self._p.airing.on_player(event)
        if why is not None:
            self._event(EventKind.PLAYER_RESTARTED, detail=why)
        if isinstance(event, HeardOut):
            self._p.outbox.poke()

    def _take_plan(self, note: bytes) -> None:
        p, config = self._p, self._p.config
        try:
            plan = take_desired(
                note,
                config.verifier_keys(),
                config.commune,
                config.cluster,
                p.ledger.accepted_version(),
                self._plan.version if self._plan else 0,
            )
        except AlreadyHeld:
            return
        except Refused as error:
            p.reporter.refused = p.ledger.add("plans_refused", 1)
            self._event(EventKind.PLAN_REFUSED, detail=str(error)[:200])
            log.warning("plan refused: %s", error)
            return
        try:
            p.plans.save(note)
        except OSError as error:
            log.error("plan %s is in force but not on the card: %s", plan.version, error)
        p.ledger.accept_version(plan.version)
        self._plan_accepted_at = p.clock.now()
        self._use(plan)
        self._event(EventKind.PLAN_ACCEPTED, detail=f"version {plan.version}")
        log.info(
            "plan %s accepted: %s slots, %s sounds",
            plan.version,
            len(plan.slots),
            len(plan.bulletins),
        )

    def _take_journal_ack(self, note: bytes) -> None:
        config = self._p.config
        try:
            ack = open_signed(note, JournalAck, config.verifier_keys())
        except Refused as error:
            log.warning("journal acknowledgement refused: %s", error)
            return
        is_ours = (ack.commune, ack.cluster) == (config.commune, config.cluster)
        # An answer that brings nothing new is none: the rows would go to and fro without end.
        if is_ours and self._p.ledger.acknowledge(ack.epoch, ack.up_to):
            self._p.outbox.acknowledged()

    def _link_changed(self, *, is_up: bool) -> None:
        self._p.airing.link_up = is_up
        if is_up:
            self._p.fetcher.link_is_up()
            self._p.reporter.link_is_up()
            self._p.outbox.link_is_up()

    def _take_hardware(
        self, event: ArresterChanged | SurgeCounted | RelayGuardTripped | ClockChanged
    ) -> None:
        match event:
            case ArresterChanged(ok=ok):
                is_news = not ok or self._p.reporter.arrester_ok is not None
                self._p.reporter.arrester_ok = ok
                if is_news:  # that it is whole at a start goes without saying
                    self._event(EventKind.ARRESTER_OK if ok else EventKind.ARRESTER_FAILED)
            case SurgeCounted(count=count):
                self._p.reporter.surge_count = self._p.ledger.add("surges", count)
                self._event(EventKind.SURGE, count=count)
            case RelayGuardTripped(relay=relay, why=why):
                self._p.airing.guard_tripped()
                self._event(EventKind.RELAY_GUARD, detail=f"{relay}: {why}")
            case ClockChanged():
                pass
            case _:
                assert_never(event)

    def _event(self, event: EventKind, *, detail: str = "", count: int = 1) -> None:
        clock = self._p.clock
        self._p.ledger.append(
            EventRow(
                number=1,
                event=event,
                at=clock.now(),
                clock_trust=clock.trust(),
                detail=detail,
                count=count,
            )
        )
        self._p.outbox.poke()
