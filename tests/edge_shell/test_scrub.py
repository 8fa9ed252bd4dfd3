from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contract.ids import Sha256
from contract.ports import ClockTrust
from edge.core.state import Snapshot
from edge.shell.inbox import SoundDamaged
from edge.shell.scrub import Scrub
from edge.shell.sound_cache import MOST_ASIDE, SoundCache

NIGHT = datetime.fromisoformat("2026-11-24T02:00:00+07:00")
WEEK = timedelta(days=7)


class Shelf:
    """Sounds on a card, the scrub that reads them, and the moment it believes to be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = SoundCache(folder / "sounds", folder / "cache.db")
        self.snapshot = Snapshot(now=NIGHT, trust=ClockTrust.RTC, plan=None)
        self.damaged: list[Sha256] = []

    def scrub(self, every: timedelta = WEEK) -> Scrub:
        made = Scrub(
            cache=self.cache,
            look=lambda: self.snapshot,
            every=every,
            mib_s=1000.0,
            on_event=self._take,
        )
        made._pause_s = 0.01
        return made

    def _take(self, event: SoundDamaged) -> None:
        self.damaged.append(event.sha256)

    def put(self, *sounds: bytes) -> list[Sha256]:
        names = [Sha256(hashlib.sha256(sound).hexdigest()) for sound in sounds]
        for name, sound in zip(names, sounds, strict=True):
            (self.folder / "x.part").write_bytes(sound)
            self.cache.adopt(self.folder / "x.part", name)
        return names

    def rot(self, name: Sha256) -> None:
        """A byte changes, and neither the size nor the time."""
        path = self.cache.path(name)
        facts = path.stat()
        raw = bytearray(path.read_bytes())
        raw[0] ^= 1
        path.write_bytes(raw)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def all_read(self) -> bool:
        return self.cache.figures().all_read_since is not None


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.cache.close()


async def test_a_sound_that_rots_unseen_is_found_set_aside_and_told(
    shelf: Shelf, running: Any, eventually: Any
) -> None:
    good, bad = shelf.put(b"good" * 100_000, b"bad" * 100_000)
    shelf.rot(bad)
    assert shelf.cache.held() == {good, bad}, "size and time say nothing"
    async with running(shelf.scrub().run()):
        await eventually(lambda: shelf.damaged)
        await eventually(shelf.all_read)
    assert shelf.damaged == [bad]
    assert shelf.cache.held() == {good}
    assert shelf.cache.figures().aside == 1
    assert shelf.cache.figures().all_read_since == NIGHT


async def test_a_sound_that_cannot_be_read_is_found_too(
    shelf: Shelf, running: Any, eventually: Any
) -> None:
    (bad,) = shelf.put(b"bad")
    shelf.cache.path(bad).unlink()
    shelf.cache.path(bad).mkdir()  # reading it fails, as on a bad sector
    async with running(shelf.scrub().run()):
        await eventually(lambda: shelf.damaged)
    assert shelf.cache.held() == frozenset()


async def test_each_is_read_once_a_week_over_new_starts_and_costs_one_write(
    shelf: Shelf, running: Any, eventually: Any
) -> None:
    shelf.put(b"a", b"b", b"c")
    async with running(shelf.scrub().run()):
        await eventually(shelf.all_read)
    shelf.cache.close()
    shelf.cache = SoundCache(shelf.folder / "sounds", shelf.folder / "cache.db")
    before = shelf.cache._db.total_changes
    scrub = shelf.scrub()
    shelf.snapshot = replace(shelf.snapshot, now=NIGHT + WEEK - timedelta(minutes=1))
    assert scrub._next() is None
    shelf.snapshot = replace(shelf.snapshot, now=NIGHT + WEEK)
    async with running(scrub.run()):
        await eventually(lambda: scrub._next() is None)
    assert shelf.cache._db.total_changes - before == 3


def test_nothing_is_read_while_nobody_knows_the_time(shelf: Shelf) -> None:
    (name,) = shelf.put(b"a")
    scrub = shelf.scrub()
    assert scrub._next() == name
    shelf.snapshot = replace(shelf.snapshot, trust=ClockTrust.UNKNOWN)
    assert scrub._next() is None


def test_a_reading_in_the_future_is_none(shelf: Shelf) -> None:
    (name,) = shelf.put(b"a")
    shelf.cache.was_read(name, NIGHT + timedelta(days=400))
    assert shelf.scrub()._next() == name


async def test_it_waits_while_something_sounds_or_is_due_within_a_minute(
    shelf: Shelf, papers: Any
) -> None:
    bulletin = papers.bulletin("tin")
    plan = papers.plan(1, (bulletin, papers.slot(bulletin, NIGHT)))
    scrub = shelf.scrub()
    for offset_s, is_calm in [(-90, True), (-59, False), (0, False), (601, True)]:
        now = NIGHT + timedelta(seconds=offset_s)
        shelf.snapshot = Snapshot(now=now, trust=ClockTrust.RTC, plan=plan)
        assert scrub._is_calm() == is_calm, offset_s
    shelf.snapshot = replace(shelf.snapshot, amplifier_on_at=NIGHT)
    assert not scrub._is_calm()


async def test_of_what_was_set_aside_the_newest_are_kept(shelf: Shelf) -> None:
    for number in range(MOST_ASIDE + 3):
        (name,) = shelf.put(bytes([number]) * 10)
        shelf.rot(name)
        assert not await shelf.cache.is_whole(name)
    assert shelf.cache.figures().aside == MOST_ASIDE
