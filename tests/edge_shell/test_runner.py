from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec import Struct

from contract.codec import sign
from contract.command import Audience, Beacon, Command, Order, StartEmergency, StopEmergency
from contract.ids import ClusterId
from contract.journal import EventKind, EventRow, ItemRow, Outcome, Reason
from contract.model import Bulletin, Stop
from contract.note import generate_key
from contract.pack import PackKind, Pinned
from contract.ports import ClockTrust
from contract.status import Reported
from edge.core.state import Limits
from edge.shell.assembly import Opened, assemble
from edge.shell.config import EdgeConfig
from edge.shell.download import Download
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import (
    BeaconCame,
    CommandCame,
    DesiredCame,
    Inbox,
    JournalAckCame,
    KeyLook,
    LinkIsDown,
    LinkIsUp,
)
from edge.shell.ledger import Ledger
from edge.shell.scrub import Scrub
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import StatusFile
from hardware.events import ArresterChanged, ClockChanged, KeyMoved, RelayGuardTripped, SurgeCounted
from hardware.player import Failed, HeardOut, PlayerEvent, Prepared, Progress, Started
from hardware.relay import RelayError

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
STEP_S = 0.1
CHIME_MS = 4000
WARM_UP_S, MARGIN_S, HOLD_S = 2.0, 0.2, 0.5


class StandingClock:
    """Moves when it is told; the wall may step, the monotonic one never does."""

    def __init__(self, at_s: float) -> None:
        self.passed = timedelta()
        self._began_at = (FIVE + timedelta(seconds=at_s)).astimezone(UTC)
        self.known = ClockTrust.SYNCHRONISED

    def now(self) -> datetime:
        return self._began_at + self.passed

    def mono_ns(self) -> int:
        return 5_000_000_000_000 + self.passed // timedelta(microseconds=1) * 1000

    def trust(self) -> ClockTrust:
        return self.known

    def step_wall(self, seconds: float) -> None:
        self._began_at += timedelta(seconds=seconds)

    @property
    def at_s(self) -> float:
        """Seconds from 17:00."""
        return round((self.now() - FIVE).total_seconds(), 3)


class Playing(Struct, kw_only=True):
    """One item in the fake player."""

    offset_ms: int
    volume_pct: int
    whole_ms: int
    start_ns: int | None = None
    sounds: bool = False
    cut: bool = False


class FakePlayer:
    """Keeps to the instants it is given, on a clock that is told to move.

    Attributes:
        heard: (second, what) of each sound's begin, end and failure.
        broken: Whether it fails whatever it is given.
    """

    def __init__(self, clock: StandingClock, durations_ms: dict[str, int]) -> None:
        self._clock = clock
        self._durations_ms = durations_ms
        self.items: dict[str, Playing] = {}
        self.heard: list[tuple[float, str]] = []
        self.broken = False
        self.is_ready = True
        self.level_db: float | None = -20.0
        self.restarts: list[float] = []
        self.on_event: Callable[[PlayerEvent], None]

    async def prepare(self, item: str, path: str, *, offset_ms: int, volume_pct: int) -> None:
        assert item not in self.items
        whole_ms = self._durations_ms.get(Path(path).stem, CHIME_MS)
        self.items[item] = Playing(offset_ms=offset_ms, volume_pct=volume_pct, whole_ms=whole_ms)
        if self.broken:
            self.fail()
        else:
            self.on_event(Prepared(item=item))

    def start_at(self, item: str, mono_ns: int) -> None:
        if item in self.items:
            self.items[item].start_ns = mono_ns

    def stop(self, item: str) -> None:
        if (gone := self.items.pop(item, None)) and gone.sounds:
            self.heard.append((self._clock.at_s, "stopped"))

    def restart(self, why: str) -> None:
        assert why
        self.restarts.append(self._clock.at_s)
        self.items.clear()

    def fail(self) -> None:
        for item in list(self.items):
            del self.items[item]
            self.heard.append((self._clock.at_s, "failed"))
            self.on_event(Failed(item=item, why="the worker has died"))

    def _take_the_place_of_others(self, item: Playing) -> None:
        for other in self.items.values():
            if other is not item and other.sounds:
                other.cut = True
                self.heard.append((self._clock.at_s, "cut"))

    def tick(self) -> None:
        now_ns = self._clock.mono_ns()
        for name, item in list(self.items.items()):
            if item.start_ns is None or now_ns < item.start_ns:
                continue
            if not item.sounds:
                item.sounds = True
                self._take_the_place_of_others(item)
                late_s = (now_ns - item.start_ns) / 1e9
                began_s = round(self._clock.at_s - late_s, 3)
                self.heard.append((began_s, f"from {item.offset_ms} ms at {item.volume_pct} %"))
                self.on_event(Started(item=name, mono_ns=item.start_ns))
            position_ms = item.offset_ms + (now_ns - item.start_ns) // 1_000_000
            if item.cut:  # VLC runs through what nobody hears
                del self.items[name]
                self.on_event(HeardOut(item=name))
            elif position_ms >= item.whole_ms:
                del self.items[name]
                self.heard.append((self._clock.at_s, "heard out"))
                self.on_event(HeardOut(item=name))
            else:
                self.on_event(Progress(item=name, position_ms=position_ms, level_db=self.level_db))


class FakeRelay:
    """Notes when it was switched.

    Attributes:
        stuck: Whether its pin cannot be driven.
    """

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock
        self.switched: list[tuple[float, str]] = []
        self.stuck = False

    def _drive(self, word: str) -> None:
        if self.stuck:
            raise RelayError("relay amp (GPIO22): the pin is gone")
        self.switched.append((self._clock.at_s, word))

    def turn_on(self) -> None:
        self._drive("on")

    def turn_off(self) -> None:
        self._drive("off")

    @property
    def is_on(self) -> bool:
        return bool(self.switched) and self.switched[-1][1] == "on"


class WatchedInbox(Inbox):
    """Knows whether the loop has done all that it was given, and waits for more."""

    def __init__(self) -> None:
        super().__init__()
        self._taker_waits = False

    @property
    def is_settled(self) -> bool:
        return self._taker_waits and self._queue.empty()

    async def get(self) -> Any:
        self._taker_waits = True
        try:
            return await super().get()
        finally:
            self._taker_waits = False


class Cabinet:
    """The loop with its real parts, between a fake player, a fake relay and a clock that is told to move."""

    durations_ms: ClassVar[dict[str, int]] = {}
    """What every player knows of every sound, also after a new start."""

    def __init__(
        self, state: Path, config: EdgeConfig, wire: Any, papers: Any, real_clock: Any, at_s: float
    ) -> None:
        self.papers = papers
        self.state = state
        self.wire = wire
        self.media_url = "http://127.0.0.1:9"
        self.clock = StandingClock(at_s)
        self.player = FakePlayer(self.clock, self.durations_ms)
        self.relay = FakeRelay(self.clock)
        self.inbox = WatchedInbox()
        self.player.on_event = self.inbox.put
        self.ledger = Ledger(state / "ledger.db")
        self.cache = SoundCache(state / "sounds", state / "cache.db")
        self.fetcher = Fetcher(
            cache=self.cache,
            staging=state / "staging",
            open_download=lambda: Download(self.media_url, "bl-01", "x", clock=real_clock),
            on_event=self.inbox.put,
        )
        self.status = StatusFile(state / "run" / "status.json")
        assembly = assemble(
            Opened(
                config=config,
                clock=self.clock,
                limits=Limits(warm_up_s=WARM_UP_S, hold_s=HOLD_S),
                state=state,
                player=self.player,
                amplifier=self.relay,
                link=wire,
                inbox=self.inbox,
                ledger=self.ledger,
                cache=self.cache,
                fetcher=self.fetcher,
                status_file=self.status,
                blank=Reported(at=self.clock.now(), boot="b", software="1.2", board="cabinet-v1"),
            )
        )
        self.airing, self.outbox = assembly.airing, assembly.outbox
        self.reporter, self.runner = assembly.reporter, assembly.runner

    def close(self) -> None:
        self.cache.close()
        self.ledger.close()

    def bulletin(
        self, name: str = "tin", duration_s: float = 5.0, *, held: bool = True
    ) -> Bulletin:
        sound = self.papers.sound(name)
        made: Bulletin = self.papers.bulletin(name, sound, duration_s)
        self.durations_ms[made.sha256] = made.duration_ms
        if held:
            staged = self.state / "x.part"
            staged.write_bytes(sound)
            self.cache.adopt(staged, made.sha256)
        return made

    def send(self, version: int, *bulletins: Bulletin, **more: Any) -> bytes:
        pairs = [(one, self.papers.slot(one)) for one in bulletins]
        note: bytes = self.papers.note(self.papers.plan(version, *pairs, **more))
        self.inbox.put(DesiredCame(note=note))
        return note

    async def settle(self) -> None:
        """Lets the loop take what is in its inbox, and waits for the thread that hashes what is to play."""
        async with asyncio.timeout(20):
            await asyncio.sleep(0)
            while not self.inbox.is_settled:  # noqa: ASYNC110 - each turn of the loop counts
                await asyncio.sleep(0)

    async def tell(self, *events: Any) -> None:
        for event in events:
            self.inbox.put(event)
            await self.settle()

    async def pass_to(self, at_s: float) -> None:
        """Lets time pass, in small steps."""
        while self.clock.at_s < at_s:
            self.clock.passed += timedelta(seconds=STEP_S)
            self.player.tick()
            await self.tell(ClockChanged())

    def rows(self) -> list[ItemRow]:
        return self.ledger.closed_since(FIVE - timedelta(days=30))

    def events(self, kind: EventKind) -> list[str]:
        rows = self.ledger.rows_waiting(max_bytes=10**9)
        return [row.detail for row in rows if isinstance(row, EventRow) and row.event is kind]

    @property
    def version(self) -> int:
        """The plan in force, as the cluster reports it."""
        found = self.status.read()
        return found.reported.desired_version if found else 0


@pytest.fixture
def open_cabinet(
    tmp_path: Path, config: EdgeConfig, wire: Any, papers: Any, system_clock: Any, running: Any
) -> Any:
    @asynccontextmanager
    async def start(
        at_s: float = -30.0, trust: ClockTrust = ClockTrust.SYNCHRONISED
    ) -> AsyncIterator[Cabinet]:
        cabinet = Cabinet(tmp_path, config, wire, papers, system_clock, at_s)
        cabinet.clock.known = trust
        try:
            async with running(cabinet.runner.run()):
                await cabinet.settle()
                yield cabinet
        finally:
            cabinet.close()

    return start


@pytest.fixture
async def cabinet(open_cabinet: Any) -> AsyncIterator[Cabinet]:
    async with open_cabinet() as made:
        yield made


# What sounds


async def test_an_item_sounds_at_its_instant_behind_a_warm_amplifier(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(8)
    assert cabinet.player.heard == [(0, "from 0 ms at 80 %"), (5, "heard out")]
    (on_s, on), (off_s, off) = cabinet.relay.switched
    assert (on, off) == ("on", "off")
    assert -WARM_UP_S - 2 * MARGIN_S <= on_s <= -WARM_UP_S - MARGIN_S + STEP_S
    assert 5 + HOLD_S <= off_s <= 5 + HOLD_S + 2 * STEP_S
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason, row.level_db) == (Outcome.COMPLETED, Reason.PLANNED, -20.0)
    assert (row.started_at, row.ended_at) == (FIVE, FIVE + timedelta(seconds=5))
    assert (row.planned_at, row.interruptions, row.bulletin_at_ms) == (FIVE, (), 0)


async def test_a_plan_that_comes_late_is_joined_in_step(cabinet: Cabinet) -> None:
    await cabinet.pass_to(1)
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await cabinet.pass_to(12)
    (began_s, what), (_, end) = cabinet.player.heard
    assert what == f"from {round(began_s * 1000)} ms at 80 %"
    assert end == "heard out"
    assert cabinet.relay.switched[0][0] <= began_s - WARM_UP_S
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.JOINED_LATE)


async def test_a_player_that_dies_mid_item_is_rejoined_in_step(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await cabinet.pass_to(4)
    cabinet.player.fail()
    await cabinet.pass_to(12)
    (_, _), (died_s, died), (again_s, again), (end_s, end) = cabinet.player.heard
    assert (died, end, end_s) == ("failed", "heard out", 10)
    assert died_s < again_s < died_s + 2
    assert again == f"from {round(again_s * 1000)} ms at 80 %"
    assert [word for _, word in cabinet.relay.switched] == ["on", "off"]
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.PLAYER_FAILED)
    assert len(row.interruptions) == 1
    assert cabinet.events(EventKind.PLAYER_RESTARTED) == ["the worker has died"]


async def test_a_player_that_never_works_is_given_up_and_the_amplifier_goes_off(
    cabinet: Cabinet,
) -> None:
    cabinet.player.broken = True
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(8)
    assert cabinet.player.heard == [(one, "failed") for one, _ in cabinet.player.heard]
    assert len(cabinet.player.heard) == Limits().player_failures
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.NOT_AIRED, Reason.PLAYER_FAILED)
    assert not cabinet.relay.is_on


async def test_an_item_that_is_never_heard_out_does_not_hold_the_amplifier(
    cabinet: Cabinet,
) -> None:
    bulletin = cabinet.bulletin()
    cabinet.durations_ms[bulletin.sha256] = 10**9  # the player never comes to an end
    cabinet.send(1, bulletin)
    await cabinet.pass_to(5 + Limits().heard_out_grace_s + 2)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.PLAYER_FAILED)
    assert not cabinet.relay.is_on
    assert cabinet.player.items == {}


async def test_a_stop_silences_at_once(cabinet: Cabinet) -> None:
    bulletin = cabinet.bulletin(duration_s=60)
    cabinet.send(1, bulletin)
    await cabinet.pass_to(3)
    slot = cabinet.papers.slot(bulletin)
    cabinet.send(2, bulletin, stops=(Stop(slot=slot.id, planned_at=FIVE),))
    await cabinet.pass_to(5)
    stopped_s, what = cabinet.player.heard[-1]
    assert what == "stopped"
    assert 3 <= stopped_s <= 3 + STEP_S
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.STOPPED)
    assert not cabinet.relay.is_on


async def test_a_damaged_sound_is_not_played_but_fetched_again_and_joined(
    cabinet: Cabinet, media: Any, running: Any, eventually: Any
) -> None:
    bulletin = cabinet.bulletin(duration_s=60)
    media.offer(cabinet.papers.sound("tin"))
    cabinet.media_url = media.url
    cabinet.cache.path(bulletin.sha256).write_bytes(b"rotten")
    cabinet.send(1, bulletin)
    async with running(cabinet.fetcher.run()):
        await cabinet.pass_to(-4)
        assert cabinet.player.heard == []
        await eventually(lambda: bulletin.sha256 in cabinet.cache.held())
        await cabinet.pass_to(62)
    assert cabinet.events(EventKind.SOUND_REFUSED) == [
        f"{bulletin.sha256[:12]}: damaged on the card"
    ]
    # The hash is taken in a thread, in real time, while this test's clock is stepped: it may join late.
    begun, ended = [what for _, what in cabinet.player.heard]
    assert begun.startswith("from ")
    assert ended == "heard out"
    (row,) = cabinet.rows()
    assert row.outcome in (Outcome.COMPLETED, Outcome.PARTIAL)


async def test_a_sound_that_never_came_is_told_as_missing(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(held=False))
    await cabinet.pass_to(7)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.NOT_AIRED, Reason.NO_FILE)
    assert cabinet.relay.switched == []


async def test_with_an_untrusted_clock_nothing_timed_sounds(cabinet: Cabinet) -> None:
    cabinet.clock.known = ClockTrust.LAST_SAVED
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(10)
    assert (cabinet.player.heard, cabinet.relay.switched, cabinet.rows()) == ([], [], [])
    status = cabinet.status.read()
    assert status is not None
    assert "clock_untrusted" in status.reported.faults


async def test_a_step_of_the_wall_clock_does_not_disturb_what_sounds(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await cabinet.pass_to(4)
    cabinet.clock.step_wall(-2)
    await cabinet.pass_to(9)
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "heard out"]
    assert cabinet.events(EventKind.CLOCK_STEPPED) == ["-2.0 s"]
    assert len(cabinet.rows()) == 1


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
@pytest.mark.parametrize("what_next", ["an event", "nothing"])
async def test_a_large_step_while_on_air_cuts_nothing_and_repeats_nothing(
    cabinet: Cabinet, eventually: Any, step_s: float, what_next: str
) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await cabinet.pass_to(4)
    cabinet.clock.step_wall(step_s)
    if what_next == "nothing":  # the loop looks by itself
        await eventually(lambda: cabinet.events(EventKind.CLOCK_STEPPED))
    await cabinet.pass_to(step_s + 20)
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "heard out"]
    assert cabinet.events(EventKind.CLOCK_STEPPED) == [f"{step_s:+.1f} s"]
    (row,) = cabinet.rows()
    assert row.outcome is Outcome.COMPLETED
    assert row.started_at is not None
    assert row.ended_at == row.started_at + timedelta(seconds=10)
    if step_s < 0:
        await cabinet.pass_to(step_s + 60)
        cabinet.clock.step_wall(-step_s - 70)  # 17:00 comes a second time
        await cabinet.pass_to(20)
        assert len(cabinet.player.heard) == 2
        assert len(cabinet.rows()) == 1


async def test_what_was_aired_stays_so_while_the_clock_is_lost(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await cabinet.pass_to(12)
    cabinet.clock.known = ClockTrust.UNKNOWN
    cabinet.clock.step_wall(400 * 86400)
    await cabinet.tell(ClockChanged())
    cabinet.clock.step_wall(-400 * 86400 - 7)
    cabinet.clock.known = ClockTrust.SYNCHRONISED
    await cabinet.pass_to(20)
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "heard out"]
    assert len(cabinet.rows()) == 1


async def test_what_was_aired_is_known_to_an_agent_that_started_without_the_time(
    open_cabinet: Any,
) -> None:
    async with open_cabinet() as cabinet:
        cabinet.send(1, cabinet.bulletin(duration_s=30))
        await cabinet.pass_to(32)
        ahead_s = 400 * 86400.0
    async with open_cabinet(at_s=ahead_s) as cabinet:
        cabinet.clock.step_wall(10 - cabinet.clock.at_s)
        cabinet.ledger.set_watermark(FIVE - timedelta(seconds=60))
        cabinet.runner._watermark = cabinet.ledger.watermark()
        await cabinet.pass_to(40)
        assert cabinet.player.heard == []
        assert len(cabinet.rows()) == 1


def faults(cabinet: Cabinet) -> tuple[str, ...]:
    status = cabinet.status.read()
    assert status is not None
    return status.reported.faults


async def test_after_the_relays_guard_nothing_sounds_for_a_while(cabinet: Cabinet) -> None:
    first = cabinet.bulletin("dai", duration_s=900)
    cabinet.send(1, first)
    await cabinet.pass_to(5)
    cabinet.relay.turn_off()  # as the guard does
    await cabinet.tell(RelayGuardTripped(relay="amp", why="on for 18000 s"))
    await cabinet.pass_to(10)
    assert not cabinet.relay.is_on
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "stopped"]
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.AMPLIFIER_SILENT)
    assert row.ended_at == FIVE + timedelta(seconds=5)
    assert "relay_guard" in faults(cabinet)
    cabinet.clock.passed += timedelta(seconds=600)
    await cabinet.tell(ClockChanged())
    assert "relay_guard" not in faults(cabinet)


async def test_a_sound_behind_a_relay_that_never_obeys_was_not_aired(
    cabinet: Cabinet, caplog: pytest.LogCaptureFixture
) -> None:
    cabinet.relay.stuck = True
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(3)
    assert "relay_failed" in faults(cabinet)
    await cabinet.pass_to(8)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.NOT_AIRED, Reason.AMPLIFIER_SILENT)
    assert (row.started_at, row.ended_at, row.level_db) == (None, None, None)
    assert sum("amplifier relay" in line for line in caplog.messages) == 1


async def test_a_sound_whose_relay_obeyed_late_was_aired_in_part(cabinet: Cabinet) -> None:
    cabinet.relay.stuck = True
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(2)
    cabinet.relay.stuck = False
    await cabinet.pass_to(8)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.AMPLIFIER_SILENT)
    (gap,) = row.interruptions
    assert gap.from_at == FIVE
    assert FIVE + timedelta(seconds=2) <= gap.to_at <= FIVE + timedelta(seconds=2.2)
    assert "relay_failed" not in faults(cabinet)


async def test_a_relay_that_does_not_let_go_is_tried_again_without_an_event(
    cabinet: Cabinet, eventually: Any
) -> None:
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(4)
    cabinet.relay.stuck = True
    await cabinet.pass_to(7)
    assert "relay_failed" in faults(cabinet)
    cabinet.relay.stuck = False
    cabinet.clock.passed += timedelta(seconds=1)
    await eventually(lambda: not cabinet.relay.is_on)


async def test_a_player_that_fails_is_a_fault_until_it_sounds(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await cabinet.pass_to(4)
    cabinet.player.fail()
    await cabinet.settle()
    assert "player_failed" in faults(cabinet)
    await cabinet.pass_to(9)
    assert "player_failed" not in faults(cabinet)


async def test_the_level_is_the_mean_energy_of_what_was_heard(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    cabinet.player.level_db = 0.0  # full scale is a level too
    await cabinet.pass_to(5)
    cabinet.player.level_db = -60.0
    await cabinet.pass_to(9)
    cabinet.player.level_db = None
    await cabinet.pass_to(12)
    assert cabinet.rows()[0].level_db == pytest.approx(-2.6, abs=0.2)  # 5 of 9 seconds


async def test_a_relay_that_cannot_be_driven_is_tried_again(cabinet: Cabinet) -> None:
    cabinet.relay.stuck = True
    cabinet.send(1, cabinet.bulletin())
    await cabinet.pass_to(-1)
    cabinet.relay.stuck = False
    await cabinet.pass_to(4)
    assert cabinet.relay.is_on
    cabinet.relay.stuck = True
    await cabinet.pass_to(6)
    assert cabinet.relay.is_on
    cabinet.relay.stuck = False
    await cabinet.pass_to(7)
    assert not cabinet.relay.is_on


# Over a new start


async def test_an_agent_that_was_killed_rejoins_and_the_gap_is_told(open_cabinet: Any) -> None:
    async with open_cabinet() as cabinet:
        bulletin = cabinet.bulletin(duration_s=30)
        cabinet.send(1, bulletin)
        await cabinet.pass_to(5)
    async with open_cabinet(at_s=10) as cabinet:
        await cabinet.pass_to(32)
        (again_s, again), _ = cabinet.player.heard
        assert again == f"from {round(again_s * 1000)} ms at 80 %"
        (row,) = cabinet.rows()
        assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.AGENT_DOWN)
        assert (row.started_at, len(row.interruptions)) == (FIVE, 1)


async def test_what_was_aired_is_not_aired_again_after_a_new_start(open_cabinet: Any) -> None:
    async with open_cabinet() as cabinet:
        cabinet.send(1, cabinet.bulletin())
        await cabinet.pass_to(8)
    async with open_cabinet(at_s=9) as cabinet:
        await cabinet.pass_to(20)
        assert cabinet.player.heard == []
        assert len(cabinet.rows()) == 1


async def test_volume_and_silence_return_as_a_person_set_them(open_cabinet: Any) -> None:
    """Neither an item that was louder nor a start changes the cluster's volume, or takes its maintenance away."""
    async with open_cabinet() as cabinet:
        loud, usual = cabinet.bulletin("loud", 3), cabinet.bulletin("usual", 3)
        later = FIVE + timedelta(seconds=20)
        slots = cabinet.papers.slot(loud, volume_pct=95), cabinet.papers.slot(usual, later)
        plan = cabinet.papers.plan(1, (loud, slots[0]), (usual, slots[1]), volume_pct=55)
        cabinet.inbox.put(DesiredCame(note=cabinet.papers.note(plan)))
        await cabinet.pass_to(5)
        assert cabinet.player.heard[0][1] == "from 0 ms at 95 %"
    async with open_cabinet(at_s=8) as cabinet:
        await cabinet.pass_to(25)
        assert cabinet.player.heard[0][1] == "from 0 ms at 55 %"
    async with open_cabinet(at_s=30) as cabinet:
        silent = cabinet.bulletin("silent", 3)
        slot = cabinet.papers.slot(silent, FIVE + timedelta(seconds=50))
        plan = cabinet.papers.plan(2, (silent, slot), maintenance=True)
        cabinet.inbox.put(DesiredCame(note=cabinet.papers.note(plan)))
        await cabinet.pass_to(32)
    async with open_cabinet(at_s=40) as cabinet:
        await cabinet.pass_to(56)
        assert cabinet.player.heard == []
        assert not cabinet.relay.is_on


# Plans


async def test_a_good_plan_is_in_force_also_after_a_new_start(open_cabinet: Any) -> None:
    async with open_cabinet() as cabinet:
        cabinet.send(3)
        await cabinet.settle()
        assert cabinet.version == 3
        assert cabinet.events(EventKind.PLAN_ACCEPTED) == ["version 3"]
    async with open_cabinet() as cabinet:
        assert cabinet.version == 3


BAD: dict[str, Callable[[Any], bytes]] = {
    "older": lambda p: p.note(p.plan(2)),
    "of a stranger": lambda p: type(p)(generate_key("stranger")).note(p.plan(9)),
    "another cluster": lambda p: p.note(p.plan(9, cluster=ClusterId("bl-02"))),
    "unreadable": lambda p: b"\xff" * 100,
    "oversized": lambda p: b"x" * 300_000,
    "unsigned": lambda p: msgspec.json.encode(p.plan(9)),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_plan_is_counted_and_journalled_and_the_old_one_stays(
    open_cabinet: Any, papers: Any, case: str
) -> None:
    async with open_cabinet() as cabinet:
        bulletin = cabinet.bulletin()
        cabinet.send(3, bulletin)
        await cabinet.settle()
        await cabinet.tell(DesiredCame(note=BAD[case](papers)))
        assert cabinet.version == 3
        assert len(cabinet.events(EventKind.PLAN_REFUSED)) == 1
        status = cabinet.status.read()
        assert status is not None
        assert status.reported.refused == 1
    async with open_cabinet(at_s=-20) as cabinet:
        assert cabinet.version == 3
        await cabinet.pass_to(6)
        assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "heard out"]


async def test_the_plan_in_force_may_come_any_number_of_times(cabinet: Cabinet) -> None:
    for _ in range(3):
        cabinet.send(3)
        await cabinet.settle()
    assert cabinet.events(EventKind.PLAN_ACCEPTED) == ["version 3"]
    assert cabinet.events(EventKind.PLAN_REFUSED) == []


async def test_a_damaged_plan_file_is_set_aside_and_the_broker_brings_it_again(
    open_cabinet: Any,
) -> None:
    async with open_cabinet() as cabinet:
        note = cabinet.send(3)
        await cabinet.settle()
    (cabinet.state / "desired.note").write_bytes(note[:-30])
    async with open_cabinet() as cabinet:
        assert cabinet.version == 0
        await cabinet.tell(DesiredCame(note=note))
        assert cabinet.version == 3
    assert (cabinet.state / "desired.note.broken-1").exists()


async def test_a_lost_ledger_does_not_let_an_old_plan_in(open_cabinet: Any, papers: Any) -> None:
    async with open_cabinet() as cabinet:
        cabinet.send(7)
        await cabinet.settle()
    (cabinet.state / "ledger.db").write_bytes(b"broken" * 1000)
    async with open_cabinet() as cabinet:
        await cabinet.tell(DesiredCame(note=papers.note(papers.plan(6))))
        assert cabinet.version == 7
        assert len(cabinet.events(EventKind.PLAN_REFUSED)) == 1


async def test_a_replaced_ledger_is_a_fault_until_the_hub_has_the_row_about_it(
    open_cabinet: Any, papers: Any
) -> None:
    async with open_cabinet() as cabinet:
        cabinet.send(7)
        await cabinet.settle()
    (cabinet.state / "ledger.db").write_bytes(b"broken" * 1000)
    async with open_cabinet() as cabinet:
        await cabinet.tell(SurgeCounted(count=1))
        assert "ledger_replaced" in faults(cabinet)
        (why,) = cabinet.events(EventKind.LEDGER_REPLACED)
        assert "0 rows carried over" in why
        rows = cabinet.ledger.rows_waiting(max_bytes=10**9)
        epoch = cabinet.ledger.epoch
        await cabinet.tell(JournalAckCame(note=papers.ack(epoch, rows[-1].number)))
        await cabinet.tell(SurgeCounted(count=1))
        assert "ledger_replaced" not in faults(cabinet)
    async with open_cabinet() as cabinet:
        await cabinet.tell(SurgeCounted(count=1))
        assert "ledger_replaced" not in faults(cabinet)
        assert len(cabinet.events(EventKind.LEDGER_REPLACED)) == 0, "told and acknowledged once"


async def test_damage_that_the_scrub_finds_is_told_and_mended_while_nothing_is_due(
    cabinet: Cabinet, media: Any, running: Any, eventually: Any
) -> None:
    bulletin = cabinet.bulletin()
    media.offer(cabinet.papers.sound("tin"))
    cabinet.media_url = media.url
    slot = cabinet.papers.slot(bulletin, FIVE + timedelta(hours=3))
    plan = cabinet.papers.plan(1, (bulletin, slot))
    await cabinet.tell(DesiredCame(note=cabinet.papers.note(plan)))
    path = cabinet.cache.path(bulletin.sha256)
    facts = path.stat()
    path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    scrub = Scrub(
        cache=cabinet.cache,
        look=cabinet.runner.look,
        every=timedelta(seconds=0.1),
        mib_s=100.0,
        on_event=cabinet.inbox.put,
    )
    async with running(scrub.run(), cabinet.fetcher.run()):
        await eventually(lambda: media.asked)
        await eventually(lambda: bulletin.sha256 in cabinet.cache.held())
    assert path.read_bytes() == cabinet.papers.sound("tin")
    assert cabinet.events(EventKind.SOUND_REFUSED) == [
        f"{bulletin.sha256[:12]}: damaged on the card"
    ]


async def test_a_plan_that_the_card_does_not_take_is_in_force_all_the_same(
    open_cabinet: Any, tmp_path: Path
) -> None:
    async with open_cabinet() as cabinet:
        (tmp_path / "desired.note.new").mkdir()  # writing it fails, as on a full card
        note = cabinet.send(3, cabinet.bulletin())
        await cabinet.pass_to(7)
        assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "heard out"]
    (tmp_path / "desired.note.new").rmdir()
    async with open_cabinet(at_s=10) as cabinet:
        assert cabinet.version == 0
        await cabinet.tell(DesiredCame(note=note))
        assert cabinet.version == 3


async def test_a_full_card_does_not_end_the_broadcast(open_cabinet: Any) -> None:
    async with open_cabinet() as cabinet:
        db = cabinet.ledger._db
        cabinet.send(1, cabinet.bulletin())
        await cabinet.settle()
        for _ in range(30):
            await cabinet.tell(DesiredCame(note=b"x"))
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={pages}")
        for _ in range(100):
            await cabinet.tell(DesiredCame(note=b"x"))
        assert len(cabinet.events(EventKind.PLAN_REFUSED)) < 130
        assert "disk_full" in faults(cabinet)
        await cabinet.pass_to(7)
        assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 80 %", "heard out"]
        assert not cabinet.relay.is_on
        db.execute("PRAGMA max_page_count=100000")
        await cabinet.tell(SurgeCounted(count=1))
        assert len(cabinet.events(EventKind.PLAN_REFUSED)) == 130
        assert len(cabinet.rows()) == 1


# What else comes


async def test_what_the_cabinet_notices_is_journalled_and_counted(open_cabinet: Any) -> None:
    async with open_cabinet() as cabinet:
        await cabinet.tell(SurgeCounted(count=2), ArresterChanged(ok=False))
        await cabinet.tell(RelayGuardTripped(relay="amp", why="on for 18000 s"))
        assert cabinet.events(EventKind.RELAY_GUARD) == ["amp: on for 18000 s"]
        status = cabinet.status.read()
        assert status is not None
        assert (status.reported.surge_count, status.reported.arrester_ok) == (2, False)
        assert "arrester_failed" in status.reported.faults
        await cabinet.tell(ArresterChanged(ok=True), SurgeCounted(count=1))
    async with open_cabinet() as cabinet:
        assert cabinet.ledger.count("surges") == 3
        assert cabinet.events(EventKind.BOOT) == ["1.2", "1.2"]


async def test_only_the_hubs_answer_moves_the_journal_on(cabinet: Cabinet) -> None:
    papers, epoch = cabinet.papers, cabinet.ledger.epoch
    await cabinet.tell(SurgeCounted(count=1))
    waiting = cabinet.ledger.waiting()
    stranger = type(papers)(generate_key("stranger"))
    for note in (
        b"x",
        stranger.ack(epoch, 1),
        papers.ack("another", 1),
        papers.ack(epoch, 1, cluster=ClusterId("bl-02")),
        papers.ack(epoch, 999),
    ):
        await cabinet.tell(JournalAckCame(note=note))
        assert cabinet.ledger.waiting() == waiting
    await cabinet.tell(JournalAckCame(note=papers.ack(epoch, waiting)))
    assert cabinet.ledger.waiting() == 0


async def test_a_hub_that_always_answers_from_before_gets_no_ping_pong(
    cabinet: Cabinet, running: Any, eventually: Any
) -> None:
    old = cabinet.papers.ack(cabinet.ledger.epoch, 0)
    async with running(cabinet.outbox.run()):
        await eventually(lambda: cabinet.wire.of("journal"))
        for _ in range(20):
            await cabinet.tell(JournalAckCame(note=old))
    assert len(cabinet.wire.of("journal")) == 1


async def test_the_status_follows_the_link(cabinet: Cabinet) -> None:
    for event, is_up in ((LinkIsUp(), True), (LinkIsDown(), False)):
        await cabinet.tell(event)
        status = cabinet.status.read()
        assert status is not None
        assert status.link_up is is_up


async def test_an_event_that_comes_as_the_loop_is_stopped_does_not_keep_it(
    open_cabinet: Any,
) -> None:
    for turns in range(8):
        async with open_cabinet() as cabinet:
            cabinet.inbox.put(ClockChanged())
            for _ in range(turns):
                await asyncio.sleep(0)


# Emergencies


class Alarm:
    """Orders of a hub that has met this cluster."""

    def __init__(self, cabinet: Cabinet) -> None:
        self._cabinet = cabinet
        self._seq = 0
        cabinet.durations_ms["attention"] = TONE_S * 1000

    async def meet_hub(self) -> None:
        cabinet, now = self._cabinet, self._cabinet.clock.now()
        whom: dict[str, Any] = {"commune": "binh-lu", "cluster": "bl-01", "at": now}
        beacon = Beacon(nonce="12345678", seq_floor=self._seq, **whom)
        note = sign(beacon, cabinet.papers.signer)
        await cabinet.tell(LinkIsUp(nonce="12345678"), BeaconCame(note=note))

    async def order(self, order: Order, **more: Any) -> None:
        self._seq += 1
        now = self._cabinet.clock.now()
        facts: dict[str, Any] = {
            "commune": "binh-lu",
            "id": f"e-{self._seq}",
            "seq": self._seq,
            "audience": Audience(everyone=True),
            "issued_at": now,
            "expires_at": now + timedelta(minutes=5),
            "order": order,
        }
        note = sign(Command(**(facts | more)), self._cabinet.papers.signer)
        await self._cabinet.tell(CommandCame(note=note))

    async def sound(self, bulletin: Bulletin, **more: Any) -> None:
        facts: dict[str, Any] = {"repeats": 2, "gap_s": 1, "volume_pct": 100} | more
        await self.order(StartEmergency(bulletin=bulletin, **facts))


TONE_S = 6


@pytest.fixture
async def alarm(cabinet: Cabinet) -> Alarm:
    made = Alarm(cabinet)
    await made.meet_hub()
    return made


async def test_an_emergency_is_toned_spoken_repeated_and_over(
    cabinet: Cabinet, alarm: Alarm
) -> None:
    await cabinet.pass_to(-10)
    await alarm.sound(cabinet.bulletin("lu", 3))
    await cabinet.pass_to(10)
    heard = [what for _, what in cabinet.player.heard]
    assert heard == ["from 0 ms at 100 %", "heard out"] * 3
    (tone_s, _), (tone_end_s, _), (first_s, _), (first_end_s, _), (again_s, _), _ = (
        cabinet.player.heard
    )
    assert -10 + WARM_UP_S <= tone_s <= -10 + WARM_UP_S + 2 * MARGIN_S + STEP_S
    assert tone_end_s - tone_s == pytest.approx(TONE_S, abs=2 * STEP_S)
    assert first_s - tone_end_s <= 2 * STEP_S
    assert again_s - first_end_s == pytest.approx(1, abs=2 * STEP_S)
    assert [word for _, word in cabinet.relay.switched] == ["on", "off"]
    (row,) = cabinet.rows()
    assert (row.slot, row.outcome) == ("e-1", Outcome.COMPLETED)


async def test_it_takes_the_place_of_what_sounds_which_is_rejoined_in_step(
    cabinet: Cabinet, alarm: Alarm
) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=40))
    await cabinet.pass_to(5)
    await alarm.sound(cabinet.bulletin("lu", 3), repeats=1)
    await cabinet.pass_to(45)
    whats = [what for _, what in cabinet.player.heard]
    assert whats[:3] == ["from 0 ms at 80 %", "cut", "from 0 ms at 100 %"]
    cut_s, tone_s = cabinet.player.heard[1][0], cabinet.player.heard[2][0]
    assert abs(cut_s - tone_s) <= STEP_S
    assert cut_s <= 5 + 3 * STEP_S
    _, (began_s, rejoined) = (one for one in cabinet.player.heard if one[1].endswith("80 %"))
    assert rejoined == f"from {round(began_s * 1000)} ms at 80 %"
    assert began_s <= 5 + TONE_S + 3 + 2
    assert [word for _, word in cabinet.relay.switched] == ["on", "off"]
    by_slot = {str(row.slot): row for row in cabinet.rows()}
    row = by_slot["slot-tin"]
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.INTERRUPTED)
    (gap,) = row.interruptions
    assert gap.reason is Reason.INTERRUPTED
    assert (gap.from_at - FIVE).total_seconds() == pytest.approx(cut_s, abs=3 * STEP_S)
    assert (gap.to_at - FIVE).total_seconds() == pytest.approx(began_s, abs=STEP_S)
    assert by_slot["e-1"].outcome is Outcome.COMPLETED


async def test_a_stop_silences_it_at_once_and_the_programme_goes_on(
    cabinet: Cabinet, alarm: Alarm
) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=40))
    await cabinet.pass_to(5)
    await alarm.sound(cabinet.bulletin("lu", 30))
    await cabinet.pass_to(9)
    await alarm.order(StopEmergency())
    await cabinet.pass_to(12)
    assert [what for _, what in cabinet.player.heard][-2:][0] == "stopped"
    assert cabinet.player.heard[-2][0] <= 9 + STEP_S
    assert cabinet.player.heard[-1][1].endswith("at 80 %")


async def test_it_sounds_with_a_clock_that_nobody_trusts(cabinet: Cabinet, alarm: Alarm) -> None:
    cabinet.clock.known = ClockTrust.LAST_SAVED
    await alarm.sound(cabinet.bulletin("lu", 3), repeats=1)
    await cabinet.pass_to(0)
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 100 %", "heard out"] * 2


@pytest.mark.parametrize("trust", [ClockTrust.RTC, ClockTrust.LAST_SAVED])
async def test_after_a_power_cut_it_goes_on_once_its_age_is_known(
    open_cabinet: Any, trust: ClockTrust
) -> None:
    async with open_cabinet() as before:
        alarm = Alarm(before)
        await alarm.meet_hub()
        await alarm.sound(before.bulletin("lu", 3), repeats=1)
        await before.pass_to(-26)
    async with open_cabinet(-20.0, trust) as after:
        await after.pass_to(-10)
        if not trust.is_trusted:
            assert after.player.heard == []  # it might have lain there for days
            await Alarm(after).meet_hub()
        await after.pass_to(10)
        assert [what for _, what in after.player.heard] == ["from 0 ms at 100 %", "heard out"] * 2
        assert [row.outcome for row in after.rows()] == [Outcome.COMPLETED]


async def test_what_lay_on_the_card_for_days_is_not_sounded(open_cabinet: Any) -> None:
    async with open_cabinet() as before:
        alarm = Alarm(before)
        await alarm.meet_hub()
        await alarm.sound(before.bulletin("lu", 3), repeats=1)
    # Its clock stood still meanwhile.
    async with open_cabinet(-20.0, ClockTrust.LAST_SAVED) as after:
        await after.pass_to(-15)
        after.clock.step_wall(3 * 86_400)
        after.clock.known = ClockTrust.SYNCHRONISED
        await after.pass_to(3 * 86_400)
        assert after.player.heard == []
        (row,) = (one for one in after.rows() if one.slot == "e-1")
        assert (row.outcome, row.reason) == (Outcome.NOT_AIRED, Reason.EXPIRED)


async def test_the_tone_sounds_until_the_bulletin_is_there(
    cabinet: Cabinet, alarm: Alarm, media: Any, running: Any, eventually: Any
) -> None:
    await alarm.sound(cabinet.bulletin("lu", 3, held=False), repeats=1)
    await cabinet.pass_to(-15)
    heard = [what for _, what in cabinet.player.heard]
    assert heard[:3] == ["from 0 ms at 100 %", "heard out", "from 0 ms at 100 %"]
    media.offer(cabinet.papers.sound("lu"))
    cabinet.media_url = media.url
    async with running(cabinet.fetcher.run()):
        await eventually(cabinet.cache.held)
    await cabinet.pass_to(0)
    assert [row.outcome for row in cabinet.rows()] == [Outcome.COMPLETED]


async def test_a_clock_that_is_set_meanwhile_cuts_nothing_of_it(
    cabinet: Cabinet, alarm: Alarm
) -> None:
    await cabinet.pass_to(-20)
    await alarm.sound(cabinet.bulletin("lu", 3), repeats=1)
    await cabinet.pass_to(-15)
    cabinet.clock.step_wall(-3600)
    await cabinet.pass_to(-3600)
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 100 %", "heard out"] * 2
    assert not cabinet.relay.is_on


# Silent while green


def names(cabinet: Cabinet) -> list[str]:
    return [name.partition("@")[0].partition("#")[0] for name in cabinet.player.items]


async def test_a_silent_player_is_restarted_and_the_item_joined_in_step(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=60))
    await cabinet.pass_to(10)
    cabinet.player.level_db = -120.0
    await cabinet.pass_to(29.5)
    assert cabinet.player.restarts == []
    assert "silent" not in faults(cabinet)
    await cabinet.pass_to(30.5)
    assert cabinet.player.restarts == [pytest.approx(30, abs=0.3)]
    assert "silent" in faults(cabinet)
    cabinet.player.level_db = -20.0
    await cabinet.pass_to(32)
    assert "silent" not in faults(cabinet)
    again_s, again = cabinet.player.heard[-1]
    assert again == f"from {round(again_s * 1000)} ms at 80 %"
    await cabinet.pass_to(62)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason, row.level_db) == (Outcome.PARTIAL, Reason.SILENT, -20.0)
    (gap,) = row.interruptions
    assert gap.reason is Reason.SILENT
    assert gap.from_at == FIVE + timedelta(seconds=10)
    assert gap.to_at == FIVE + timedelta(seconds=again_s)
    assert cabinet.events(EventKind.PLAYER_RESTARTED)[0].startswith("silent: ")
    assert [one.split(":")[0] for one in cabinet.events(EventKind.FAULT)] == ["silent"]
    assert len(cabinet.events(EventKind.FAULT_OVER)) == 1


async def test_a_player_that_comes_slowly_is_waited_for_and_then_in_step(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=60))
    await cabinet.pass_to(5)
    cabinet.player.fail()
    cabinet.player.is_ready = False
    await cabinet.pass_to(18)
    assert cabinet.player.items == {}
    cabinet.player.is_ready = True
    await cabinet.pass_to(21)
    again_s, again = cabinet.player.heard[-1]
    assert 18 < again_s < 18 + WARM_UP_S + MARGIN_S + 0.3
    assert again == f"from {round(again_s * 1000)} ms at 80 %"


async def test_a_player_that_is_lost_as_the_loop_wakes_is_told_all_the_same(
    cabinet: Cabinet,
) -> None:
    """The loop may look before it has taken what the player said last."""
    cabinet.send(1, cabinet.bulletin(duration_s=60))
    await cabinet.pass_to(5)
    cabinet.player.is_ready = False
    await cabinet.tell(ClockChanged())
    cabinet.player.fail()
    await cabinet.settle()
    assert "player_failed" in faults(cabinet)
    assert cabinet.events(EventKind.PLAYER_RESTARTED) == ["the worker has died"]


async def test_a_player_that_is_not_there_yet_does_not_begin_late_out_of_step(
    cabinet: Cabinet,
) -> None:
    cabinet.player.is_ready = False
    cabinet.send(1, cabinet.bulletin(duration_s=60))
    await cabinet.pass_to(-1)
    assert len(cabinet.player.items) == 1  # it may still come in time
    await cabinet.pass_to(8)
    cabinet.player.is_ready = True
    await cabinet.pass_to(12)
    again_s, again = cabinet.player.heard[-1]
    assert again == f"from {round(again_s * 1000)} ms at 80 %"


async def test_where_a_restart_does_not_help_the_chime_stands_in(cabinet: Cabinet) -> None:
    cabinet.send(1, cabinet.bulletin(duration_s=100))
    await cabinet.pass_to(10)
    cabinet.player.level_db = -120.0
    await cabinet.pass_to(50.5)
    assert cabinet.player.restarts == [pytest.approx(30, abs=0.3)]
    await cabinet.pass_to(52)
    assert names(cabinet) == ["chime"]
    assert cabinet.relay.is_on
    cabinet.player.level_db = -20.0  # the chime is heard, and then the item too
    await cabinet.pass_to(58)
    assert names(cabinet) == ["slot-tin"]
    assert "silent" not in faults(cabinet)
    await cabinet.pass_to(102)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.SILENT)
    (gap,) = row.interruptions
    assert gap.from_at == FIVE + timedelta(seconds=10)
    assert FIVE + timedelta(seconds=55) < gap.to_at < FIVE + timedelta(seconds=58)
    assert len(cabinet.events(EventKind.FALLBACK_PLAYED)) == 1


async def test_an_item_that_was_never_heard_was_not_aired(cabinet: Cabinet) -> None:
    cabinet.player.level_db = -120.0
    cabinet.send(1, cabinet.bulletin(duration_s=55))
    await cabinet.pass_to(60)
    (row,) = cabinet.rows()
    assert (row.outcome, row.reason, row.started_at) == (Outcome.NOT_AIRED, Reason.SILENT, None)
    assert "silent" in faults(cabinet)  # not even the chime was measured
    assert not cabinet.relay.is_on


async def test_the_next_item_ends_the_chime(cabinet: Cabinet) -> None:
    cabinet.player.level_db = -120.0
    one, two = cabinet.bulletin("mot", 43), cabinet.bulletin("nhac", 30)
    cabinet.send(1, one, two)
    await cabinet.pass_to(42)
    assert "chime" in names(cabinet)
    cabinet.player.level_db = -20.0
    await cabinet.pass_to(50)
    assert names(cabinet) == ["slot-nhac"]
    assert "silent" not in faults(cabinet)


async def test_a_volume_that_a_person_set_to_nothing_is_no_silence(cabinet: Cabinet) -> None:
    cabinet.player.level_db = -120.0
    cabinet.send(1, cabinet.bulletin(duration_s=60), volume_pct=0)
    await cabinet.pass_to(62)
    assert cabinet.player.restarts == []
    assert "silent" not in faults(cabinet)


# The clock is set, around an item of ten seconds at 17:00

TO_1970_S = -1.79e9
STEPS_S = (1.0, -1.0, 3600.0, -3600.0, 86400.0, -86400.0, TO_1970_S)


class Setting:
    """A cluster whose clock is set and set right again; seconds here are those of the true time, from 17:00."""

    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet
        self.off_s = 0.0

    async def pass_to(self, true_s: float) -> None:
        await self.cabinet.pass_to(true_s + self.off_s)

    def set_off(self, off_s: float) -> None:
        """1970 is what no clock is trusted for."""
        self.cabinet.clock.known = (
            ClockTrust.UNKNOWN if off_s == TO_1970_S else ClockTrust.SYNCHRONISED
        )
        self.cabinet.clock.step_wall(off_s - self.off_s)
        self.off_s = off_s

    async def live_through(self, step_s: float, wrong_s: float, right_s: float) -> None:
        """The clock is set at one true second and set right at another; half a minute later all is told."""
        self.cabinet.send(1, self.cabinet.bulletin(duration_s=10))
        await self.pass_to(wrong_s)
        self.set_off(step_s)
        await self.pass_to(right_s)
        self.set_off(0)
        await self.pass_to(max(right_s, 10) + 45)

    @property
    def heard(self) -> list[str]:
        return [what for _, what in self.cabinet.player.heard]


@pytest.fixture
def setting(cabinet: Cabinet) -> Setting:
    return Setting(cabinet)


WHOLE = {
    "before, and right in time": (-20, -8),
    "while it sounds": (3, 6),
    "while it sounds, and right after it": (3, 20),
    "after it": (15, 25),
}


@pytest.mark.parametrize("step_s", STEPS_S)
@pytest.mark.parametrize("when", WHOLE)
async def test_a_clock_that_is_set_and_set_right_costs_and_repeats_nothing(
    setting: Setting, when: str, step_s: float
) -> None:
    wrong_s, right_s = WHOLE[when]
    await setting.live_through(step_s, wrong_s, right_s)
    assert setting.heard == ["from 0 ms at 80 %", "heard out"]
    (row,) = setting.cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.COMPLETED, Reason.PLANNED)
    still_on_air = when == "while it sounds, and right after it"
    assert row.clock_step_s == (step_s if still_on_air else 0)
    assert len(setting.cabinet.events(EventKind.CLOCK_STEPPED)) == 2
    assert not setting.cabinet.relay.is_on


@pytest.mark.parametrize("step_s", [one for one in STEPS_S if abs(one) > 1])
async def test_a_clock_that_is_set_right_within_the_late_limit_lets_the_item_be_joined(
    setting: Setting, step_s: float
) -> None:
    await setting.live_through(step_s, -20, 3)
    (began_s, begun), (_, ended) = setting.cabinet.player.heard
    assert begun == f"from {round(began_s * 1000)} ms at 80 %"
    assert ended == "heard out"
    assert 3 <= setting.cabinet.relay.switched[0][0] <= 3 + 2 * STEP_S
    (row,) = setting.cabinet.rows()
    assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.JOINED_LATE)


@pytest.mark.parametrize("late_limit_s", [0, 600])
async def test_a_step_forward_over_a_start_skips_only_what_may_not_be_late(
    setting: Setting, late_limit_s: int
) -> None:
    cabinet = setting.cabinet
    bulletin = cabinet.bulletin(duration_s=30)
    slot = cabinet.papers.slot(bulletin, late_limit_s=late_limit_s)
    plan = cabinet.papers.plan(1, (bulletin, slot))
    cabinet.inbox.put(DesiredCame(note=cabinet.papers.note(plan)))
    await setting.pass_to(-2)
    setting.set_off(5)
    await setting.pass_to(40)
    (row,) = cabinet.rows()
    if late_limit_s:
        assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.JOINED_LATE)
    else:
        assert (row.outcome, row.reason) == (Outcome.NOT_AIRED, Reason.CLOCK_UNTRUSTED)
        assert row.clock_step_s == 5
        assert setting.heard == []


@pytest.mark.parametrize("trust", [one for one in ClockTrust if not one.is_trusted])
@pytest.mark.parametrize("by", [one for one in ClockTrust if one.is_trusted])
async def test_once_somebody_gives_the_time_what_is_due_is_joined(
    setting: Setting, trust: ClockTrust, by: ClockTrust
) -> None:
    cabinet = setting.cabinet
    cabinet.send(1, cabinet.bulletin(duration_s=30))
    await setting.pass_to(-20)
    setting.set_off(-700)
    cabinet.clock.known = trust
    await setting.pass_to(3)
    assert (setting.heard, cabinet.rows()) == ([], [])
    setting.set_off(0)
    cabinet.clock.known = by
    await setting.pass_to(35)
    assert [what.split()[0] for what in setting.heard] == ["from", "heard"]
    (row,) = cabinet.rows()
    assert (row.reason, row.clock_trust) == (Reason.JOINED_LATE, by)
    told = cabinet.events(EventKind.CLOCK_TRUST)
    assert told == [f"synchronised -> {trust}", f"{trust} -> {by}"]


async def test_trust_that_only_changes_its_source_is_told_and_changes_nothing(
    setting: Setting,
) -> None:
    cabinet = setting.cabinet
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await setting.pass_to(3)
    cabinet.clock.known = ClockTrust.RTC
    await setting.pass_to(12)
    assert setting.heard == ["from 0 ms at 80 %", "heard out"]
    assert cabinet.events(EventKind.CLOCK_TRUST) == ["synchronised -> rtc"]


async def test_a_clock_that_is_slewed_is_no_step(setting: Setting) -> None:
    cabinet = setting.cabinet
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    for tenth in range(-100, 120):
        await cabinet.pass_to(tenth / 10)
        cabinet.clock.step_wall(-0.01)
    await cabinet.pass_to(20)
    assert cabinet.events(EventKind.CLOCK_STEPPED) == []
    assert setting.heard == ["from 0 ms at 80 %", "heard out"]


async def test_a_step_while_the_player_starts_anew_does_not_lose_the_item(setting: Setting) -> None:
    cabinet = setting.cabinet
    cabinet.send(1, cabinet.bulletin(duration_s=10))
    await setting.pass_to(3)
    cabinet.player.fail()
    setting.set_off(3600)
    await setting.pass_to(15)
    assert [what.split()[0] for what in setting.heard] == ["from", "failed", "from", "heard"]
    (row,) = cabinet.rows()
    assert (row.outcome, row.clock_step_s) == (Outcome.PARTIAL, 3600)


async def test_an_item_that_an_earlier_start_left_on_air_is_not_moved_by_a_clock_that_was_wrong(
    open_cabinet: Any,
) -> None:
    async with open_cabinet() as cabinet:
        cabinet.send(1, cabinet.bulletin(duration_s=30))
        await cabinet.pass_to(5)
    # An hour behind what was saved: it is not believed.
    async with open_cabinet(at_s=-3592, trust=ClockTrust.UNKNOWN) as cabinet:
        await cabinet.pass_to(-3590)
        assert cabinet.player.heard == []
        cabinet.clock.step_wall(3600)
        cabinet.clock.known = ClockTrust.SYNCHRONISED
        await cabinet.pass_to(40)
        (again_s, again), _ = cabinet.player.heard
        assert again == f"from {round(again_s * 1000)} ms at 80 %"
        (row,) = cabinet.rows()
        assert (row.outcome, row.reason) == (Outcome.PARTIAL, Reason.AGENT_DOWN)


async def test_a_silent_emergency_gets_a_new_player_and_no_chime(
    cabinet: Cabinet, alarm: Alarm
) -> None:
    await cabinet.pass_to(-10)
    await alarm.sound(cabinet.bulletin("lu", 70), repeats=1)
    await cabinet.pass_to(0)
    cabinet.player.level_db = -120.0
    await cabinet.pass_to(45)
    assert len(cabinet.player.restarts) == 2
    assert "chime" not in names(cabinet)
    assert "silent" in faults(cabinet)
    cabinet.player.level_db = -20.0
    await cabinet.pass_to(50)
    assert "silent" not in faults(cabinet)


# The key in the cabinet

AT_REST = KeyMoved(turned=False, rest=True, stop=False)
TURNED = KeyMoved(turned=True, rest=False, stop=False)
AT_STOP = KeyMoved(turned=False, rest=False, stop=True)


async def held(cabinet: Cabinet, event: KeyMoved, seconds: float) -> None:
    """The key is moved and kept there."""
    await cabinet.tell(event)
    await cabinet.pass_to(cabinet.clock.at_s + seconds)
    await cabinet.tell(KeyLook())


async def test_the_key_sounds_the_packs_warning_without_a_hub_and_its_stop_ends_it(
    cabinet: Cabinet,
) -> None:
    cabinet.durations_ms["attention"] = TONE_S * 1000
    warning = cabinet.bulletin("so-tan", 3)
    pinned = (Pinned(kind=PackKind.EVACUATION, bulletin=warning.id),)
    note = cabinet.papers.note(
        cabinet.papers.plan(1, (warning, cabinet.papers.slot(warning)), pack=pinned)
    )
    await cabinet.tell(DesiredCame(note=note))
    await cabinet.pass_to(-20)
    await held(cabinet, AT_REST, 1)
    await held(cabinet, TURNED, 1)
    assert cabinet.player.heard == []
    await held(cabinet, TURNED, 3)
    await cabinet.pass_to(-4)
    assert [what for _, what in cabinet.player.heard][:3] == [
        "from 0 ms at 100 %",
        "heard out",
        "from 0 ms at 100 %",
    ]
    await held(cabinet, AT_STOP, 1)
    row = next(one for one in cabinet.rows() if one.slot.startswith("key-"))
    assert (row.sha256, row.outcome, row.reason) == (
        warning.sha256,
        Outcome.PARTIAL,
        Reason.STOPPED,
    )
    assert cabinet.events(EventKind.KEY_TURNED) == ["sound so-tan", "stop"]


async def test_a_key_on_a_card_without_a_pack_sounds_the_bare_tone(cabinet: Cabinet) -> None:
    cabinet.durations_ms["attention"] = TONE_S * 1000
    await held(cabinet, AT_REST, 1)
    await held(cabinet, TURNED, 4)
    await cabinet.pass_to(cabinet.clock.at_s + 90)
    assert [what for _, what in cabinet.player.heard] == ["from 0 ms at 100 %", "heard out"] * 6
    assert not cabinet.relay.is_on
