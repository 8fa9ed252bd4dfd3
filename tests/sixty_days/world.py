"""Plays a story to a cabinet whose loop, ledger and files are the real ones, and notes what it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contract.codec import sign
from contract.ids import Sha256
from contract.journal import ItemRow, JournalAck, JournalRow
from contract.model import Desired
from contract.note import SignerKey
from contract.ports import ClockTrust
from contract.status import Reported
from contract.topics import Kind
from edge.core.state import Decision, Limits
from edge.shell.assembly import Opened, assemble
from edge.shell.config import EdgeConfig, HubAddress
from edge.shell.download import Download
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import (
    DesiredCame,
    Event,
    Inbox,
    JournalAckCame,
    LinkIsDown,
    LinkIsUp,
    SoundArrived,
)
from edge.shell.ledger import Ledger
from edge.shell.runner import Runner
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import StatusFile
from hardware.clock import SystemClock
from tests.sixty_days.devices import JumpingPlayer, JumpingRelay
from tests.sixty_days.history import Course
from tests.sixty_days.hub import CLUSTER, COMMUNE, Hub, sound_of
from tests.sixty_days.jumping import BEGIN, Agenda, JumpingClock, JumpingLoop
from tests.sixty_days.story import DAY_S, STEPS_S, Happening, Story

EPILOGUE_S = 5400
"""Once all is put right: every item of the story has its row by then."""
FETCH_AGAIN_S = 150.0
NTP_S = 20.0
"""From a link that is up to a clock that the network has set."""
LIMITS = Limits()
MAX_TURNS_AT_ONCE = 300


class Written(Struct, frozen=True, kw_only=True):
    """A row, and when it was written."""

    at_us: int
    row: ItemRow


class TellingRunner(Runner):
    """The loop, which says for what it waits."""

    told: Callable[[datetime], None]

    def _wake_at(self, decision: Decision) -> datetime:
        wake_at = super()._wake_at(decision)
        self.told(wake_at)
        return wake_at


class NoLink:
    """A link that takes nothing: delivery is another test's matter."""

    async def publish(
        self, kind: Kind, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> bool:
        return False


class NoStatusFile(StatusFile):
    """Keeps the status to itself: thousands of files are not what is tested."""

    def write(self, *args: Any, **more: Any) -> None:
        pass


class World:
    """A cluster, its hub and its weather.

    Attributes:
        is_up, plan, clock_is_right, error, trusted, held: How it was, over true time.
        written: Every item's row, as it was written.
        steps: When the clock was set, and by how much.
        turns_us: When the loop made its turns.
        faults: What is wrong whatever else happened.
    """

    def __init__(
        self,
        story: Story,
        folder: Path,
        signer: SignerKey,
        runner: type[TellingRunner] = TellingRunner,
    ) -> None:
        self._runner_type = runner
        self._story = story
        self._folder = folder
        self._signer = signer
        self.clock = JumpingClock()
        self.agenda = Agenda(self.clock)
        self.lengths_ms: dict[str, int] = {}
        self.player = JumpingPlayer(self.clock, self.agenda, self.lengths_ms)
        self.relay = JumpingRelay(self.clock)
        self.heard = self.player.heard
        self.troubles_us: list[int] = self.player.troubles_us
        self.hub = Hub(signer, BEGIN)
        self.is_up: Course[bool] = Course(first=False)
        self.plan: Course[Desired | None] = Course(None)
        self.error: Course[timedelta] = Course(timedelta(0))
        self.trusted: Course[bool] = Course(first=True)
        self.held: Course[frozenset[Sha256]] = Course(frozenset())
        self.written: list[Written] = []
        self.steps: list[tuple[int, float]] = []
        self.turns_us: list[int] = []
        self.faults: list[str] = []
        self._link_up = True
        self._link_back_us = 0
        self._on_the_way: set[Sha256] = set()
        self._cache: SoundCache | None = None
        self.lost_us: list[tuple[int, Sha256]] = []
        self._inbox: Inbox | None = None
        self._runner: asyncio.Task[None] | None = None
        self._close: Callable[[], None] = lambda: None
        self._ledger: Ledger | None = None
        self._seen_number = 0
        self._change = asyncio.Event()
        self._wanted_up = True
        self._restart_us = 0
        self._is_over = False
        self._turns_now = 0

    # The story

    def play(self) -> None:
        """From the beginning to the end, and a while longer with all put right."""
        loop = JumpingLoop(self.clock, self.agenda)
        for happening in sorted(self._story.happenings, key=lambda one: one.at_s):
            self.agenda.at_us(happening.at_s * 1e6, self._performing(happening))
        end_us = self._story.days * DAY_S * 1_000_000
        self.agenda.at_us(end_us, self._put_all_right)
        self.agenda.at_us(end_us + EPILOGUE_S * 1e6, self._finish)
        self._sounds_travel()
        try:
            loop.run_until_complete(self._supervise())
        finally:
            loop.close()

    @property
    def end_us(self) -> int:
        return self._story.days * DAY_S * 1_000_000

    def _performing(self, happening: Happening) -> Callable[[], None]:
        return lambda: self.perform(happening)

    def _put_all_right(self) -> None:
        self.player.broken = self.player.hangs = False
        self.hub.set_maintenance(on=False)
        self._plan_changed()
        self._link(up=True)
        self._set_clock(timedelta(0), ClockTrust.SYNCHRONISED)
        self._start()

    def _finish(self) -> None:
        self._is_over = True
        self._change.set()

    # The agent's life

    async def _supervise(self) -> None:
        while not self._is_over:
            if self._wanted_up and self._runner is None:
                self._boot()
            waiting = asyncio.ensure_future(self._change.wait())
            tasks = [waiting, *([self._runner] if self._runner else [])]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            self._change.clear()
            if self._runner is not None and self._runner.done() and not self._runner.cancelled():
                self._died(self._runner)
            if not self._wanted_up or self._is_over:
                await self._halt()

    def _died(self, task: asyncio.Task[None]) -> None:
        error = task.exception()
        self.faults.append(f"the loop died at {self.clock.passed_s:.1f} s: {error!r}")
        self._is_over = True

    def _boot(self) -> None:
        folder = self._folder
        inbox = Inbox()
        ledger = Ledger(folder / "ledger.db")
        cache = SoundCache(folder / "sounds", folder / "cache.db", free_bytes=lambda: 10**12)
        self.player.on_event = inbox.put
        assembly = assemble(
            Opened(
                config=_config(self._signer),
                clock=self.clock,
                limits=LIMITS,
                state=folder,
                player=self.player,
                amplifier=self.relay,
                link=NoLink(),
                inbox=inbox,
                ledger=ledger,
                cache=cache,
                fetcher=Fetcher(
                    cache=cache,
                    staging=folder / "staging",
                    open_download=lambda: Download(
                        "http://127.0.0.1:9", "x", "x", clock=SystemClock()
                    ),
                    on_event=inbox.put,
                ),
                status_file=NoStatusFile(folder / "status.json"),
                blank=Reported(at=self.clock.now(), boot="b", software="1", board="cabinet-v1"),
            )
        )
        runner = self._runner_type(assembly.runner._p)
        runner.told = lambda wake_at: self._turned(wake_at, assembly.plans.plan, cache.held())
        self._inbox, self._ledger = inbox, ledger

        def close() -> None:
            cache.close()
            ledger.close()

        self._close = close
        self.is_up.set(self.clock.passed_us, value=True)
        self._runner = asyncio.ensure_future(runner.run())
        self._sounds_travel(cache)
        if self._link_up:
            self._tell(LinkIsUp())
            self._deliver()

    async def _halt(self) -> None:
        self.player.cut()
        self.relay.turn_off()
        self._note_rows()
        if self._runner is not None:
            self._runner.cancel()
            with suppress(asyncio.CancelledError):
                await self._runner
            self._runner = None
            self._close()
        self._inbox = self._ledger = None
        self.is_up.set(self.clock.passed_us, value=False)

    def _turned(self, wake_at: datetime, plan: Desired | None, held: frozenset[Sha256]) -> None:
        now_us = self.clock.passed_us
        ahead = wake_at - self.clock.now()
        if not timedelta(0) < ahead <= timedelta(hours=1):
            self.faults.append(f"wakes at {wake_at}, {ahead} from now ({now_us / 1e6:.1f} s)")
        self.agenda.wake_us = now_us + max(1, ahead // timedelta(microseconds=1))
        self._turns_now = self._turns_now + 1 if self.turns_us[-1:] == [now_us] else 0
        if self._turns_now > MAX_TURNS_AT_ONCE:
            raise AssertionError("the loop does not come to rest")
        self.turns_us.append(now_us)
        self.plan.set(now_us, plan)
        if self.held.at(now_us) - held:  # found to be gone, and fetched again
            self.agenda.after_s(FETCH_AGAIN_S, self._sounds_travel)
        self.held.set(now_us, held)
        self._note_rows()

    def _note_rows(self) -> None:
        ledger = self._ledger
        if ledger is None or ledger._last == self._seen_number:
            return
        found = ledger._db.execute(
            "SELECT body FROM journal WHERE number > ? ORDER BY number", (self._seen_number,)
        )
        rows = [msgspec.json.decode(body, type=JournalRow) for (body,) in found]
        self._seen_number = ledger._last
        self.written += [
            Written(at_us=self.clock.passed_us, row=row) for row in rows if isinstance(row, ItemRow)
        ]

    # Happenings

    def _tell(self, event: Event) -> None:
        if self._inbox is not None:
            self._inbox.put(event)

    def perform(self, one: Happening) -> None:
        """Lets it happen now."""
        getattr(self, f"_{one.what.name.lower()}")(one)

    def _kill(self, one: Happening) -> None:
        self._stop_for(one.for_s)

    def _power_cut(self, one: Happening) -> None:
        self._stop_for(one.for_s)
        self._set_clock(self.clock.error, ClockTrust.RTC)
        self._network_sets_clock_later()

    def _power_cut_no_rtc(self, one: Happening) -> None:
        """The clock begins in 1970, or where it was last saved."""
        self._stop_for(one.for_s)
        lost = timedelta(seconds=one.for_s)
        if one.number % 2:
            lost = self.true_now() - datetime.fromtimestamp(0, UTC)
        trust = ClockTrust.UNKNOWN if one.number % 2 else ClockTrust.LAST_SAVED
        self._set_clock(-lost, trust)
        self._network_sets_clock_later()

    def _step(self, one: Happening) -> None:
        step = STEPS_S[one.number % len(STEPS_S)]
        trust = (ClockTrust.RTC, ClockTrust.SYNCHRONISED)[one.number % 2]
        self._step_clock(step, ClockTrust.UNKNOWN if abs(step) > 2 * DAY_S else trust, one.for_s)

    def _step_doubted(self, one: Happening) -> None:
        self._step_clock(STEPS_S[one.number % len(STEPS_S)], ClockTrust.UNKNOWN, one.for_s)

    def _untrusted(self, one: Happening) -> None:
        self._set_clock(self.clock.error, ClockTrust.UNKNOWN)
        self.agenda.after_s(one.for_s, self._network_sets_clock)

    def _link_down(self, one: Happening) -> None:
        self._link(up=False)
        self._link_back_us = max(self._link_back_us, self._in_us(one.for_s))
        self.agenda.after_s(one.for_s, self._link_returns)

    def _add_once(self, one: Happening) -> None:
        self.hub.add_once(self.true_now(), one.for_s % (45 * DAY_S), one.number)
        self._plan_changed()
        self._sound_comes_in((1, 30, 400, 4000)[one.number % 4])

    def _add_weekly(self, one: Happening) -> None:
        self.hub.add_weekly(self.true_now(), one.number)
        self._plan_changed()
        self._sound_comes_in((1, 30, 400, 40000)[one.number % 4])

    def _join(self, one: Happening) -> None:
        long_ago = self.true_now() - timedelta(days=20)
        self.hub.add_weekly(self.true_now(), one.number, owed_from=long_ago)
        self._plan_changed()
        self._sound_comes_in(1)

    def _move(self, one: Happening) -> None:
        self.hub.move(self.true_now(), one.number)
        self._plan_changed()

    def _cancel(self, one: Happening) -> None:
        self.hub.cancel(one.number)
        self._plan_changed()

    def _stop(self, one: Happening) -> None:
        self.hub.stop(self.true_now(), one.number)
        self._plan_changed()

    def _quiet_hours(self, one: Happening) -> None:
        self.hub.set_quiet(one.number)
        self._plan_changed()

    def _volume(self, one: Happening) -> None:
        self.hub.set_volume(one.number)
        self._plan_changed()

    def _maintenance(self, one: Happening) -> None:
        self.hub.set_maintenance(on=True)
        self._plan_changed()
        self.agenda.after_s(one.for_s, self._maintenance_ends)

    def _maintenance_ends(self) -> None:
        self.hub.set_maintenance(on=False)
        self._plan_changed()

    def _player_dies(self, _one: Happening) -> None:
        self.player.fail()

    def _player_broken(self, one: Happening) -> None:
        self.player.broken = True
        self.player.fail()
        self.agenda.after_s(one.for_s, self._player_mended)

    def _player_hangs(self, one: Happening) -> None:
        self.player.hangs = True
        self.agenda.after_s(one.for_s, self._player_mended)

    def _player_mended(self) -> None:
        self.player.broken = self.player.hangs = False

    def _guard(self, _one: Happening) -> None:
        if (event := self.relay.trip()) is not None:
            self._tell(event)

    def _sound_lost(self, one: Happening) -> None:
        if self._cache is None or self._inbox is None:
            return
        held = sorted(self._cache.held())
        if held:
            sha256 = held[one.number % len(held)]
            self._cache.path(sha256).unlink(missing_ok=True)
            self.lost_us.append((self.clock.passed_us, sha256))

    def true_now(self) -> datetime:
        return self.clock.now() - self.clock.error

    def _in_us(self, pause_s: float) -> int:
        return self.clock.passed_us + round(pause_s * 1e6)

    def _stop_for(self, pause_s: float) -> None:
        self.player.cut()  # what the loop is about to hear of it is lost
        if self._runner is not None:
            self._runner.cancel()  # not one more line of it runs
        self._wanted_up = False
        self._restart_us = max(self._restart_us, self._in_us(pause_s))
        self._change.set()
        self.agenda.after_s(pause_s, self._start_if_due)

    def _start_if_due(self) -> None:
        if self.clock.passed_us >= self._restart_us:
            self._start()

    def _start(self) -> None:
        self._wanted_up = True
        self._change.set()

    # The clock

    def _set_clock(self, error: timedelta, trust: ClockTrust) -> None:
        now_us = self.clock.passed_us
        step = error - self.clock.error
        if step:
            self.steps.append((now_us, step.total_seconds()))
        self.clock.error, self.clock.known = error, trust
        self.error.set(now_us, error)
        self.trusted.set(now_us, trust.is_trusted)
        self.agenda.be_alert()

    def _step_clock(self, step_s: int, trust: ClockTrust, for_s: int) -> None:
        self._set_clock(self.clock.error + timedelta(seconds=step_s), trust)
        self.agenda.after_s(for_s, self._network_sets_clock)

    def _network_sets_clock_later(self) -> None:
        self.agenda.at_us(
            max(self._restart_us, self._in_us(0)) + NTP_S * 1e6, self._network_sets_clock
        )

    def _network_sets_clock(self) -> None:
        if self._link_up:
            self._set_clock(timedelta(0), ClockTrust.SYNCHRONISED)

    # The link

    def _link(self, *, up: bool) -> None:
        was_up, self._link_up = self._link_up, up
        if up and not was_up:
            self._tell(LinkIsUp())
            self._deliver()
            self._sounds_travel()
            self._acknowledge()
            self.agenda.after_s(NTP_S, self._network_sets_clock)
        elif was_up and not up:
            self._tell(LinkIsDown())

    def _link_returns(self) -> None:
        if self.clock.passed_us >= self._link_back_us:
            self._link(up=True)

    def _plan_changed(self) -> None:
        self.hub.issue(self.true_now())
        self._deliver()

    def _deliver(self) -> None:
        if self._link_up:
            self._tell(DesiredCame(note=self.hub.note()))

    def _acknowledge(self) -> None:
        ledger = self._ledger
        if ledger is not None:
            ack = JournalAck(
                commune=COMMUNE,
                cluster=CLUSTER,
                epoch=ledger.epoch,
                up_to=ledger._last,
                issued_at=BEGIN,
            )
            self._tell(JournalAckCame(note=sign(ack, self._signer)))

    # Sounds

    def _sound_comes_in(self, pause_s: float) -> None:
        newest = list(self.hub.bulletins.values())[-1]
        self.lengths_ms[newest.sha256] = newest.duration_ms
        self._on_the_way.add(newest.sha256)

        def come() -> None:
            self._on_the_way.discard(newest.sha256)
            self._sounds_travel()

        self.agenda.after_s(pause_s, come)

    def _sounds_travel(self, cache: SoundCache | None = None) -> None:
        """What the plan of the hub needs and is not on its way any more is on the card, when the link is up."""
        self.lengths_ms |= {b.sha256: b.duration_ms for b in self.hub.bulletins.values()}
        self._cache = cache or self._cache
        if self._cache is None or self._inbox is None or not self._link_up:
            return
        for bulletin in self.hub.bulletins.values():
            if bulletin.sha256 in self._on_the_way or bulletin.sha256 in self._cache.held():
                continue
            staged = self._folder / "x.part"
            staged.write_bytes(sound_of(bulletin.id))
            self._cache.adopt(staged, bulletin.sha256)
            self._tell(SoundArrived(sha256=bulletin.sha256))


def _config(signer: SignerKey) -> EdgeConfig:
    return EdgeConfig(
        commune=COMMUNE,
        cluster=CLUSTER,
        board="cabinet-v1",
        hub=HubAddress(
            mqtt_host="127.0.0.1",
            mqtt_port=1,
            media_url="http://127.0.0.1:9",
            password="x",
            keys=(signer.verifier.encode(),),
        ),
    )
