from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from contract.ids import Sha256
from edge.shell import sound_cache
from edge.shell.files import KEPT, set_aside
from edge.shell.sound_cache import RESERVE_BYTES, SoundCache, hash_file


def name_of(sound: bytes) -> Sha256:
    return Sha256(hashlib.sha256(sound).hexdigest())


class Card:
    """A folder with sounds, and the cache that is opened on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.caches: list[SoundCache] = []

    def open(self) -> SoundCache:
        self.caches.append(SoundCache(self.folder / "sounds", self.folder / "cache.db"))
        return self.caches[-1]

    def put(self, cache: SoundCache, sound: bytes) -> Sha256:
        staged = self.folder / "staged.part"
        staged.write_bytes(sound)
        cache.adopt(staged, name_of(sound))
        return name_of(sound)

    def damage(self, path: Path) -> None:
        """Changes the file, and its time with it."""
        raw = bytearray(path.read_bytes())
        raw[0] ^= 1
        path.write_bytes(raw)
        os.utime(path, ns=(1, 1))


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return Card(tmp_path)


@pytest.fixture(autouse=True)
def _close(card: Card) -> object:
    yield
    for cache in card.caches:
        cache.close()


async def test_an_adopted_sound_is_held_also_after_a_new_start(card: Card) -> None:
    sha256 = card.put(card.open(), b"tin")
    again = card.open()
    assert again.held() == {sha256}
    assert await again.is_whole(sha256)
    assert again.path(sha256).read_bytes() == b"tin"


@pytest.mark.parametrize("database", ["lost", "broken"])
async def test_the_database_of_what_was_verified_may_be_lost(card: Card, database: str) -> None:
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    cache.close()
    (card.folder / "cache.db").unlink()
    if database == "broken":
        (card.folder / "cache.db").write_bytes(b"no database at all" * 300)
    again = card.open()
    assert not again.held(), "not looked into yet"
    assert again.unsure() == {sha256}
    assert await again.look_into(sha256)
    assert again.held() == {sha256}
    assert not again.unsure()
    assert card.open().held() == {sha256}


async def test_a_damaged_sound_is_never_held_again(card: Card) -> None:
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    card.damage(cache.path(sha256))
    assert sha256 in cache.held(), "not looked at yet"
    assert not await cache.is_whole(sha256)
    assert sha256 not in cache.held()
    card.damage(card.open().path(card.put(cache, b"tin")))
    again = card.open()
    assert again.held() == frozenset()
    assert not await again.look_into(sha256)
    assert (again.held(), again.unsure()) == (frozenset(), frozenset())


async def test_a_sound_that_rots_on_the_card_is_not_played(card: Card) -> None:
    """Neither its size nor its time tells."""
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    facts = cache.path(sha256).stat()
    cache.path(sha256).write_bytes(b"tim")
    os.utime(cache.path(sha256), ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert card.open().held() == {sha256}, "the quick check sees nothing"
    assert not await cache.is_whole(sha256)
    assert cache.held() == frozenset()


async def test_a_sound_that_nobody_needs_any_more_may_go_while_it_is_looked_into(
    card: Card,
) -> None:
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    os.utime(cache.path(sha256), ns=(1, 1))
    again = card.open()
    looking = asyncio.create_task(again.look_into(sha256))
    await asyncio.sleep(0)
    again.evict(frozenset(), quota_bytes=0)
    assert not await looking
    assert (again.held(), again.unsure()) == (frozenset(), frozenset())


async def test_a_sound_that_vanished_is_not_whole(card: Card) -> None:
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    cache.path(sha256).unlink()
    assert not await cache.is_whole(sha256)
    assert cache.held() == frozenset()


def test_a_file_under_a_foreign_name_is_no_sound(card: Card) -> None:
    cache = card.open()
    (card.folder / "sounds" / "readme.mka").write_bytes(b"x")
    (card.folder / "sounds" / f"{'A' * 64}.mka").write_bytes(b"x")
    assert card.open().held() == cache.held() == frozenset()


async def test_a_sound_that_cannot_be_read_ends_nothing(card: Card) -> None:
    cache = card.open()
    sha256 = name_of(b"tin")
    cache.path(sha256).mkdir()  # reading it fails, as on a bad sector
    again = card.open()
    assert not await again.look_into(sha256)
    assert (again.held(), again.unsure()) == (frozenset(), frozenset())
    assert not await cache.is_whole(sha256)


async def test_a_database_that_takes_nothing_ends_nothing(card: Card) -> None:
    cache = card.open()
    cache._db.execute("PRAGMA query_only=ON")
    sha256 = card.put(cache, b"tin")
    assert cache.held() == {sha256}
    assert await cache.is_whole(sha256)


def test_what_nobody_needs_goes_oldest_first(card: Card) -> None:
    cache = card.open()
    names = [card.put(cache, bytes([number]) * 100) for number in range(5)]
    for age, sha256 in enumerate(names):
        os.utime(cache.path(sha256), ns=(age, age))
    cache.evict(frozenset(names[:1]), quota_bytes=300)
    assert cache.held() == {names[0], names[3], names[4]}
    cache.evict(frozenset(names), quota_bytes=0)
    assert len(cache.held()) == 3, "what is needed stays, whatever the quota"


async def test_room_is_made_for_what_is_to_come_but_not_of_what_is_needed(tmp_path: Path) -> None:
    """A card of 500 bytes beside the reserve."""

    def free_bytes() -> int:
        used = sum(path.stat().st_size for path in (tmp_path / "sounds").iterdir())
        return RESERVE_BYTES + 500 - used

    cache = SoundCache(tmp_path / "sounds", tmp_path / "cache.db", free_bytes=free_bytes)
    card = Card(tmp_path)
    names = [card.put(cache, bytes([number]) * 100) for number in range(4)]
    for age, sha256 in enumerate(names):
        os.utime(cache.path(sha256), ns=(age, age))
    cache.evict(frozenset(names[:1]))
    cache.make_room(100)
    assert len(cache.held()) == 4, "there is room"
    cache.make_room(250)
    assert cache.held() == {names[0], names[3]}
    cache.make_room(10**9)
    assert cache.held() == {names[0]}
    cache.close()


async def test_a_database_that_is_only_locked_stays_where_it_is(card: Card) -> None:
    sha256 = card.put(card.open(), b"tin")
    card.caches[-1].close()
    with closing(sqlite3.connect(card.folder / "cache.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        assert await card.open().look_into(sha256)
    assert not list(card.folder.glob("*.broken-*"))


async def test_a_sound_is_hashed_again_without_holding_up_the_loop(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    os.utime(cache.path(sha256), ns=(1, 1))
    let_go = threading.Event()

    def slow_hash(path: Path) -> str:
        assert let_go.wait(20)
        return hash_file(path)

    monkeypatch.setattr(sound_cache, "hash_file", slow_hash)
    asking = asyncio.create_task(cache.is_whole(sha256))
    await asyncio.sleep(0)
    let_go.set()
    assert await asking


async def test_what_was_set_aside_makes_room_too(card: Card) -> None:
    cache = card.open()
    sha256 = card.put(cache, b"tin")
    card.damage(cache.path(sha256))
    assert not await cache.is_whole(sha256)
    assert [path.name for path in (card.folder / "sounds").iterdir()] == [f"{sha256}.mka.broken-1"]
    cache.evict(frozenset({sha256}), quota_bytes=0)
    assert list((card.folder / "sounds").iterdir()) == []


def test_broken_files_are_kept_as_evidence_but_not_without_end(tmp_path: Path) -> None:
    path = tmp_path / "plan"
    for number in range(KEPT + 3):
        path.write_text(str(number))
        assert set_aside(path)
    assert sorted(one.read_text() for one in tmp_path.iterdir()) == sorted(
        [*map(str, range(KEPT - 1)), str(KEPT + 2)]
    )
    assert set_aside(path) is None
