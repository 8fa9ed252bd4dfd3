from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from contract.model import Bulletin
from edge.shell.download import Download, DownloadError
from edge.shell.fetcher import Fetcher
from edge.shell.inbox import DataBudgetChanged, SoundArrived, SoundRefused
from edge.shell.sound_cache import SoundCache


class Bench:
    """A fetcher on a card, against the misbehaving media server."""

    def __init__(self, folder: Path, media: Any, papers: Any, clock: Any) -> None:
        self.media = media
        self.papers = papers
        self.staging = folder / "staging"
        self.cache = SoundCache(folder / "sounds", folder / "cache.db")
        self.events: list[SoundArrived | SoundRefused | DataBudgetChanged] = []
        self.fetcher = Fetcher(
            cache=self.cache,
            staging=self.staging,
            open_download=lambda: Download(media.url, "bl-01", "x", clock=clock, silent_s=20),
            on_event=self.events.append,
        )

    def bulletins(self, *names: str, size_bytes: int = 1000) -> tuple[Bulletin, ...]:
        sounds = [self.papers.sound(name, size_bytes) for name in names]
        self.media.offer(*sounds)
        return tuple(
            self.papers.bulletin(name, sound) for name, sound in zip(names, sounds, strict=True)
        )

    def has_begun(self) -> bool:
        return any(path.stat().st_size for path in self.staging.iterdir())

    def arrived(self) -> list[str]:
        return [one.sha256 for one in self.events if isinstance(one, SoundArrived)]

    def refused(self) -> list[str]:
        return [one.sha256 for one in self.events if isinstance(one, SoundRefused)]


@pytest.fixture
def bench(tmp_path: Path, media: Any, papers: Any, system_clock: Any) -> Any:
    made = Bench(tmp_path, media, papers, system_clock)
    yield made
    media.let_go.set()
    made.cache.close()


async def test_sounds_come_in_the_order_of_need(
    bench: Bench, running: Any, eventually: Any
) -> None:
    wanted = bench.bulletins("c", "a", "b")
    bench.fetcher.want(wanted)
    async with running(bench.fetcher.run()):
        await eventually(lambda: len(bench.arrived()) == 3)
    assert bench.arrived() == [one.sha256 for one in wanted]
    assert bench.cache.held() == {one.sha256 for one in wanted}
    assert list(bench.staging.iterdir()) == []


async def test_a_sound_that_does_not_come_holds_up_no_other(
    bench: Bench, running: Any, eventually: Any
) -> None:
    first, *others = bench.bulletins("a", "b", "c")
    bench.media.script = ["status 503"]
    bench.fetcher.want((first, *others))
    async with running(bench.fetcher.run()):
        await eventually(lambda: len(bench.arrived()) == 3)
    assert bench.arrived() == [others[0].sha256, others[1].sha256, first.sha256]


async def test_a_wrong_sound_is_refused_and_asked_for_again(
    bench: Bench, running: Any, eventually: Any
) -> None:
    (wanted,) = bench.bulletins("a")
    bench.media.script = ["wrong"]
    bench.fetcher.want((wanted,))
    async with running(bench.fetcher.run()):
        await eventually(bench.refused)
        assert bench.cache.held() == frozenset()
        await eventually(bench.arrived)
    assert len(bench.media.asked) == 2


async def test_a_returning_link_tries_at_once(bench: Bench, running: Any, eventually: Any) -> None:
    (wanted,) = bench.bulletins("a")
    bench.media.script = ["status 404"] * 12
    bench.fetcher.want((wanted,))
    async with running(bench.fetcher.run()):
        for tries in range(1, 13):  # by itself, this would take a quarter of an hour
            await eventually(lambda tries=tries: len(bench.media.asked) == tries)
            bench.fetcher.link_is_up()
        await eventually(bench.arrived)


async def test_a_link_that_breaks_often_but_brings_something_is_not_punished(
    bench: Bench, running: Any, eventually: Any
) -> None:
    (wanted,) = bench.bulletins("a", size_bytes=3000)
    bench.media.script = ["cuts 1000", "cuts 1000"]
    bench.fetcher.want((wanted,))
    async with running(bench.fetcher.run()):
        await eventually(bench.arrived)
    assert [first for _, first in bench.media.asked] == [0, 1000, 2000]
    assert bench.fetcher._failures == {}


async def test_a_new_plan_ends_the_download_of_what_it_needs_no_more(
    bench: Bench, running: Any, eventually: Any, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = bench.bulletins("a", "b", size_bytes=30_000)
    bench.media.script = ["stalls 20000"]
    bench.fetcher.want((old,))
    async with running(bench.fetcher.run()):
        await eventually(bench.has_begun)
        bench.fetcher.want((new,))
        await eventually(bench.arrived)
        await eventually(lambda: list(bench.staging.iterdir()) == [])
    assert bench.arrived() == [new.sha256]
    assert "does not come" not in caplog.text


async def test_a_download_makes_way_for_an_emergency_and_goes_on_where_it_ended(
    bench: Bench, running: Any, eventually: Any
) -> None:
    planned, ordered = bench.bulletins("a", "b", size_bytes=30_000)
    bench.media.script = ["stalls 20000"]
    bench.fetcher.want((planned,))
    async with running(bench.fetcher.run()):
        await eventually(bench.has_begun)
        bench.fetcher.want((ordered, planned), frozenset({ordered.sha256}))
        await eventually(lambda: len(bench.arrived()) == 2)
    assert bench.arrived() == [ordered.sha256, planned.sha256]


async def test_a_failure_of_an_old_plan_does_not_make_the_new_one_wait(
    bench: Bench, running: Any, eventually: Any
) -> None:
    gone, first, second = bench.bulletins("gone", "a", "b")
    bench.media.script = ["status 404", "status 404"]
    bench.fetcher.want((gone,))
    async with running(bench.fetcher.run()):
        await eventually(lambda: len(bench.media.asked) == 1)
        bench.fetcher.want((first, second))
        await eventually(lambda: len(bench.arrived()) == 2)
    assert bench.arrived() == [second.sha256, first.sha256]


async def test_a_damaged_sound_comes_again(bench: Bench, running: Any, eventually: Any) -> None:
    (wanted,) = bench.bulletins("a")
    bench.fetcher.want((wanted,))
    async with running(bench.fetcher.run()):
        await eventually(bench.arrived)
        bench.cache.path(wanted.sha256).write_bytes(b"rotten")
        assert not await bench.cache.is_whole(wanted.sha256)
        bench.fetcher.want((wanted,))
        await eventually(lambda: len(bench.arrived()) == 2)
    assert await bench.cache.is_whole(wanted.sha256)


class FullCard:
    """A download onto a card that has no room for it, however much the system says is free."""

    def cancel(self) -> None:
        pass

    def run(self, sha256: str, size_bytes: int, staged: Path) -> None:
        raise DownloadError("full") from OSError(errno.ENOSPC, "no space left on device")


async def test_a_full_card_gives_up_what_nobody_needs(
    bench: Bench, running: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, kept, wanted = bench.bulletins("old", "kept", "new")
    for bulletin in (old, kept):
        staged = bench.staging / "x"
        staged.write_bytes(bench.papers.sound(bulletin.id))
        bench.cache.adopt(staged, bulletin.sha256)
    bench.cache.evict(frozenset({kept.sha256, wanted.sha256}))
    well = bench.fetcher._open_download
    full: Any = FullCard
    monkeypatch.setattr(bench.fetcher, "_open_download", full)
    bench.fetcher.want((kept, wanted))
    async with running(bench.fetcher.run()):
        await eventually(lambda: bench.cache.held() == {kept.sha256})
        monkeypatch.setattr(bench.fetcher, "_open_download", well)
        bench.fetcher.link_is_up()
        await eventually(bench.arrived)


async def test_a_download_goes_on_after_a_new_start(
    bench: Bench, running: Any, eventually: Any
) -> None:
    (wanted,) = bench.bulletins("a")
    (bench.staging / f"{wanted.sha256}.part").write_bytes(bench.papers.sound("a")[:400])
    (bench.staging / f"{'0' * 64}.part").write_bytes(b"of a plan that is gone")
    bench.fetcher.want((wanted,))
    async with running(bench.fetcher.run()):
        await eventually(bench.arrived)
        await eventually(lambda: list(bench.staging.iterdir()) == [])
    assert bench.media.asked == [(wanted.sha256, 400)]


async def test_stopping_ends_a_stalled_download(
    bench: Bench, running: Any, eventually: Any
) -> None:
    (wanted,) = bench.bulletins("a", size_bytes=30_000)
    bench.media.script = ["stalls 20000"]
    bench.fetcher.want((wanted,))
    async with running(bench.fetcher.run()):
        await eventually(bench.has_begun)
    async with asyncio.timeout(10):  # the thread is gone: a stop need not wait for the silent link
        await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_poke_that_comes_as_the_fetcher_is_stopped_does_not_keep_it(
    bench: Bench, running: Any, eventually: Any
) -> None:
    (wanted,) = bench.bulletins("a")
    bench.media.script = ["status 404"] * 20
    for turns in range(8):
        bench.fetcher.want((wanted,))
        asked = len(bench.media.asked)
        async with running(bench.fetcher.run()):
            await eventually(lambda asked=asked: len(bench.media.asked) > asked)
            await eventually(lambda: bench.fetcher._failures)
            bench.fetcher.link_is_up()
            for _ in range(turns):
                await asyncio.sleep(0)
