from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contract.model import Bulletin, DailyWindow, Fetching, Priority
from contract.ports import ClockTrust
from edge.shell import fetcher as fetcher_module
from edge.shell.download import Download
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import DataBudgetChanged, SoundArrived, SoundRefused
from edge.shell.ledger import Ledger
from edge.shell.ration import Ration
from edge.shell.sound_cache import SoundCache

FOUR = datetime.fromisoformat("2026-11-24T16:00:00+07:00")
MIB = 1024 * 1024
NIGHT = Fetching(windows=(DailyWindow(start="22:00", end="05:00"),))


class Wall:
    """A wall clock that is told what to say."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.at = FOUR
        self.known = ClockTrust.SYNCHRONISED

    def now(self) -> datetime:
        return self.at

    def mono_ns(self) -> int:
        return int(self._real.mono_ns())

    def trust(self) -> ClockTrust:
        return self.known


class Bench:
    """A fetcher with a ration, against the real local server."""

    def __init__(self, folder: Path, media: Any, papers: Any, real: Any) -> None:
        self.media, self.papers, self.clock = media, papers, Wall(real)
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.db")
        self.cache = SoundCache(folder / "sounds", folder / "cache.db")
        self.events: list[SoundArrived | SoundRefused | DataBudgetChanged] = []
        self.ration = Ration(clock=self.clock, ledger=self.ledger)
        self.fetcher = Fetcher(
            cache=self.cache,
            staging=folder / "staging",
            open_download=lambda: Download(media.url, "bl-01", "x", clock=real, silent_s=20),
            on_event=self.events.append,
            ration=self.ration,
        )

    def plan(self, fetching: Fetching, *wanted: tuple[str, int, datetime | None]) -> list[Bulletin]:
        """Sounds by name and length, due at an instant or never."""
        pairs = []
        for name, size_bytes, due_at in wanted:
            sound = self.papers.sound(name, size_bytes)
            self.media.offer(sound)
            bulletin = self.papers.bulletin(name, sound)
            slot = self.papers.slot(bulletin, due_at or FOUR + timedelta(days=60))
            pairs.append((bulletin, slot))
        plan = self.papers.plan(1, *pairs, fetching=fetching)
        self.ration.follow(plan, frozenset())
        self.fetcher.want(plan.bulletins)
        return list(plan.bulletins)

    def arrived(self) -> list[str]:
        return [one.sha256 for one in self.events if isinstance(one, SoundArrived)]

    def close(self) -> None:
        self.media.let_go.set()
        self.cache.close()
        self.ledger.close()


@pytest.fixture
def bench(tmp_path: Path, media: Any, papers: Any, system_clock: Any) -> Iterator[Bench]:
    made = Bench(tmp_path, media, papers, system_clock)
    yield made
    made.close()


async def test_outside_the_window_only_what_cannot_wait_is_fetched(
    bench: Bench, running: Any, eventually: Any
) -> None:
    can_wait, due = bench.plan(
        NIGHT, ("can-wait", 1000, None), ("due", 1000, FOUR + timedelta(hours=1))
    )
    async with running(bench.fetcher.run()):
        await eventually(lambda: bench.arrived() == [due.sha256])
        bench.clock.at = FOUR + timedelta(hours=6, minutes=1)
        bench.fetcher.link_is_up()
        await eventually(lambda: bench.arrived() == [due.sha256, can_wait.sha256])
    assert [sha for sha, _ in bench.media.asked] == [due.sha256, can_wait.sha256]


async def test_bytes_are_counted_over_cuts_and_starts_and_the_budget_is_told(
    bench: Bench, running: Any, eventually: Any
) -> None:
    rules = Fetching(monthly_mib=1)
    first, second = bench.plan(
        rules,
        ("first", 700_000, FOUR + timedelta(hours=1)),
        ("second", 600_000, FOUR + timedelta(hours=2)),
    )
    bench.media.script = ["cuts 300000", "well"]
    async with running(bench.fetcher.run()):
        await eventually(lambda: bench.arrived() == [first.sha256])
        await eventually(lambda: DataBudgetChanged(is_spent=True) in bench.events)
        assert bench.ration.month_bytes() == 700_000, "each byte once, as the link went on by Range"
        assert len(bench.media.asked) == 2, "what does not fit is not begun"
        bench.clock.at = datetime.fromisoformat("2026-12-01T00:00:01+07:00")
        bench.fetcher.link_is_up()
        await eventually(lambda: bench.arrived() == [first.sha256, second.sha256])
    assert bench.events[-2:] == [
        DataBudgetChanged(is_spent=False),
        SoundArrived(sha256=second.sha256),
    ]
    again = Ration(clock=bench.clock, ledger=bench.ledger)
    assert again.month_bytes() == 600_000
    bench.clock.at = FOUR
    assert again.month_bytes() == 700_000, "a clock that steps back finds what it had spent"


async def test_what_an_emergency_needs_comes_though_the_budget_is_spent(
    bench: Bench, running: Any, eventually: Any
) -> None:
    bench.ration.count(5 * MIB)
    alarm, usual = bench.plan(Fetching(monthly_mib=1), ("alarm", 1000, None), ("usual", 1000, None))
    bench.fetcher.want((usual, replace(alarm, priority=Priority.EMERGENCY)))
    async with running(bench.fetcher.run()):
        await eventually(lambda: bench.arrived() == [alarm.sha256])
        await eventually(lambda: DataBudgetChanged(is_spent=True) in bench.events)
    assert bench.ration.month_bytes() == 5 * MIB + 1000


async def test_a_sound_that_is_always_wrong_at_the_hub_is_fetched_ever_more_rarely(
    bench: Bench, running: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher_module, "FIRST_PAUSE_S", 0.01)
    bad, good = bench.plan(Fetching(), ("bad", 1000, FOUR), ("good", 1000, None))
    bench.media.script = ["wrong", "well", "wrong", "wrong", "wrong", "wrong"]
    async with running(bench.fetcher.run()):
        await eventually(lambda: bench.arrived() == [good.sha256])
        await eventually(lambda: len(bench.events) == 5)  # after 10, 40, 160 ms
        for _ in range(20):  # neither a plan nor a link shortens the pause of 640 ms
            bench.fetcher.link_is_up()
            bench.fetcher.want((bad, good))
            await asyncio.sleep(0)
        assert len(bench.media.asked) == 5
        await eventually(lambda: len(bench.media.asked) == 6)
    assert [one.sha256 for one in bench.events if isinstance(one, SoundRefused)][:4] == [
        bad.sha256
    ] * 4
    assert bench.ration.month_bytes() >= 5000, "wrong sounds cost data too"


@pytest.mark.parametrize("seed", range(12))
async def test_over_any_number_of_cuts_the_sound_comes_whole_and_each_byte_once(
    bench: Bench, running: Any, eventually: Any, seed: int
) -> None:
    chance = random.Random(seed)
    size = chance.randrange(1, 200_000)
    cuts = [chance.randrange(1, size + 1) for _ in range(chance.randrange(12))]
    words = [f"cuts {count}" for count in cuts]
    (wanted,) = bench.plan(Fetching(), ("tin", size, FOUR))
    bench.media.script = list(words)
    async with running(bench.fetcher.run()):
        await eventually(bench.arrived)
    assert hashlib.sha256(bench.cache.path(wanted.sha256).read_bytes()).hexdigest() == wanted.sha256
    assert bench.ration.month_bytes() == size
    firsts = [first for _, first in bench.media.asked]
    assert firsts == sorted(firsts), "it goes on where it ended"
