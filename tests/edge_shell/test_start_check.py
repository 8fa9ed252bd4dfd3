from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.model import Bulletin
from edge.shell.inbox import SoundArrived, SoundDamaged
from edge.shell.sound_cache import SoundCache
from edge.shell.start_check import StartCheck


class Start:
    """A card with sounds whose times changed, so that the cache opened on it is sure of none."""

    def __init__(self, folder: Path, papers: Any, names: str) -> None:
        self.bulletins: list[Bulletin] = []
        self.events: list[object] = []
        before = SoundCache(folder / "sounds", folder / "cache.db")
        for name in names:
            bulletin = papers.bulletin(name)
            staged = folder / "x.part"
            staged.write_bytes(papers.sound(name))
            before.adopt(staged, bulletin.sha256)
            os.utime(before.path(bulletin.sha256), ns=(1, 1))
            self.bulletins.append(bulletin)
        before.close()
        self.cache = SoundCache(folder / "sounds", folder / "cache.db")

    async def check(self, *wanted: Bulletin) -> None:
        await StartCheck(cache=self.cache, wanted=lambda: wanted, on_event=self.events.append).run()


@pytest.fixture
def start(tmp_path: Path, papers: Any) -> Iterator[Start]:
    made = Start(tmp_path, papers, "abcd")
    yield made
    made.cache.close()


async def test_what_is_needed_soonest_is_looked_into_first(start: Start) -> None:
    a, b, c, d = start.bulletins
    await start.check(c, a)
    assert start.cache.held() == {one.sha256 for one in (a, b, c, d)}
    assert start.events[:2] == [SoundArrived(sha256=c.sha256), SoundArrived(sha256=a.sha256)]
    assert len(start.events) == 4


async def test_a_damaged_one_is_told_and_holds_up_no_other(start: Start) -> None:
    a, b, *_ = start.bulletins
    start.cache.path(a.sha256).write_bytes(b"rotten")
    start.cache.path(b.sha256).unlink()
    await start.check(a, b)
    assert start.events[:2] == [SoundDamaged(sha256=a.sha256), SoundDamaged(sha256=b.sha256)]
    assert start.cache.held() == {one.sha256 for one in start.bulletins[2:]}
    assert start.cache.unsure() == frozenset()
