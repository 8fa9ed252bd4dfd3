from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contract.ids import Sha256
from edge.shell.sound_cache import SoundCache

NUMBERS = range(12)
SETS = st.frozensets(st.sampled_from(NUMBERS))
QUOTA, CARD, RESERVE = 500, 1000, 100


def sound(number: int) -> bytes:
    return bytes([number]) * (number + 1) * 20


def name(number: int) -> Sha256:
    return Sha256(hashlib.sha256(sound(number)).hexdigest())


class Eviction(RuleBasedStateMachine):
    """Whatever plans, cues and a small card bring: what is needed stays, and what goes is the oldest."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="loaxa-eviction-"))
        self.cache = self.open()
        self.needed: frozenset[Sha256] = frozenset()
        self.there: list[Sha256] = []
        self.age = 0

    def open(self) -> SoundCache:
        return SoundCache(
            self.folder / "sounds",
            self.folder / "cache.db",
            quota_bytes=QUOTA,
            reserve_bytes=RESERVE,
            free_bytes=lambda: CARD - self.used(),
        )

    def used(self) -> int:
        return sum(path.stat().st_size for path in (self.folder / "sounds").iterdir())

    @rule(number=st.sampled_from(NUMBERS))
    def arrives(self, number: int) -> None:
        if name(number) in self.there:
            return
        self.cache.make_room(len(sound(number)))
        self.follow()
        staged = self.folder / "x.part"
        staged.write_bytes(sound(number))
        self.age += 1
        os.utime(staged, ns=(self.age, self.age))
        self.cache.adopt(staged, name(number))
        self.there.append(name(number))

    @rule(plan=SETS, cued=SETS)
    def plan_comes(self, plan: frozenset[int], cued: frozenset[int]) -> None:
        self.needed = frozenset(name(number) for number in plan | cued)
        self.cache.evict(self.needed)
        self.follow()
        free_to_go = [one for one in self.there if one not in self.needed]
        assert self.used() <= QUOTA or not free_to_go

    @rule()
    def card_is_full(self) -> None:
        self.cache.clear_out()
        self.follow()
        assert set(self.there) <= self.needed

    @rule()
    def starts_again(self) -> None:
        self.cache.close()
        self.cache = self.open()
        self.cache.evict(self.needed)
        self.follow()

    def follow(self) -> None:
        """What is gone was not needed, and nothing older that was not needed either stayed."""
        held = self.cache.held()
        gone = [one for one in self.there if one not in held]
        assert not self.needed & set(gone)
        if gone:
            older = self.there[: self.there.index(gone[-1])]
            assert not [one for one in older if one in held and one not in self.needed]
        self.there = [one for one in self.there if one in held]

    @invariant()
    def what_is_held_is_on_the_card(self) -> None:
        if hasattr(self, "cache"):
            files = {path.stem for path in (self.folder / "sounds").glob("*.mka")}
            assert self.cache.held() == files == set(self.there)

    def teardown(self) -> None:
        self.cache.close()
        shutil.rmtree(self.folder)


Eviction.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestEviction = Eviction.TestCase
