"""`loaxa-bench crash-trials`: the store is killed at random instants, and its card forgets, tears and dies."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct

from hardware.clock import SystemClock
from hardware.simulated.card import CardError, built
from provisioning.bench.crash_hub import CrashHub
from provisioning.bench.crash_life import AFTERMATHS, Crash, Life
from provisioning.bench.errors import BenchError
from provisioning.bench.figures import Figure, figure, table
from provisioning.bench.sounds import writable_folder
from provisioning.bench.verbs import say

LIFE = 12
"""Crashes of one store; then the hub must hold all of it."""
AT_ONCE = 2
SAY_EVERY = 25
KINDS = {
    "unstartable": "could not start",
    "died": "ended by itself",
    "bad play": "would play, or played, what is not the sound",
    "lost": "journal rows lost",
    "plan lost": "plans lost",
    "sound lost": "sounds lost",
    "doubled": "journal rows doubled",
    "fell": "accepted plan version fell",
    "refused": "right sounds called wrong",
}


class Figures(Struct, frozen=True, kw_only=True):
    """What came of the trials.

    Attributes:
        wrong: What went wrong, by its kind; all 0 is what is promised.
        lost_with_card: Rows that a dying card took with the ledger itself.
        unnoticed: Of these, rows that were gone without a trace; none of them had been sent.
        findings: Each thing that was wrong: seed of its life, number of the crash, words.
    """

    n: int
    seed: int
    lives: int
    took_s: float
    aftermaths: dict[str, int]
    wrong: dict[str, int]
    rows_stored: int
    lost_with_card: int
    unnoticed: int
    ready: Figure | None
    findings: tuple[tuple[int, int, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not self.findings


class Trials:
    """Many lives, two at a time.

    Args:
        n: Crashes in all.
        seed: Of the first life; each has its own, so that one can be looked at again.
        folder: Takes the stores; those of lives in which something was wrong stay.
    """

    def __init__(self, n: int, seed: int, folder: Path) -> None:
        self._n = n
        self._seed = seed
        self._folder = folder
        self._crashes: list[Crash] = []
        self._findings: list[tuple[int, int, str]] = []
        self._lives: list[Life] = []
        self._clock = SystemClock()

    async def run(self) -> Figures:
        """Runs them."""
        began_ns = self._clock.mono_ns()
        turns = asyncio.Semaphore(AT_ONCE)

        async def live(number: int) -> None:
            async with turns:
                await self._live(self._seed + number, min(LIFE, self._n - number * LIFE))

        async with asyncio.TaskGroup() as tasks:
            for number in range(-(-self._n // LIFE)):
                tasks.create_task(live(number))
        return self._figures((self._clock.mono_ns() - began_ns) / 1e9)

    async def _live(self, seed: int, crashes: int) -> None:
        folder = self._folder / f"life-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        async with CrashHub(random.Random(seed)) as hub:  # noqa: S311 - a simulation
            life = Life(folder, hub, seed)
            self._lives.append(life)
            for number in range(1, crashes + 1):
                crash = await life.crash()
                self._note(seed, number, crash.wrong)
                self._crashes.append(crash)
                self._tell_progress()
            self._note(seed, crashes + 1, await life.end())
        if not any(one == seed for one, _, _ in self._findings):
            shutil.rmtree(folder)

    def _note(self, seed: int, number: int, wrong: tuple[str, ...] | list[str]) -> None:
        for words in wrong:
            self._findings.append((seed, number, words))
            say(f"WRONG  seed {seed}, start {number}: {words}")

    def _tell_progress(self) -> None:
        if len(self._crashes) % SAY_EVERY == 0:
            say(f"{len(self._crashes)} of {self._n} crashes, {len(self._findings)} things wrong")

    def _figures(self, took_s: float) -> Figures:
        ready = [one.ready_s for one in self._crashes if one.ready_s is not None]
        kinds = Counter(kind_of(words) for _, _, words in self._findings)
        afterwards = Counter(one.aftermath for one in self._crashes)
        return Figures(
            n=len(self._crashes),
            seed=self._seed,
            lives=len(self._lives),
            took_s=round(took_s, 1),
            aftermaths={name: afterwards[name] for name in AFTERMATHS},
            wrong={kind: kinds[kind] for kind in KINDS},
            rows_stored=sum(len(life.books.hub.rows) for life in self._lives),
            lost_with_card=sum(life.books.lost_with_card for life in self._lives),
            unnoticed=sum(life.books.unnoticed for life in self._lives),
            ready=figure("process start to store open and looked into", "s", ready)
            if ready
            else None,
            findings=tuple(self._findings),
        )


def kind_of(words: str) -> str:
    """Which of `KINDS` a finding is."""
    return next(kind for kind in KINDS if words.startswith(kind))


async def crash_trials(wanted: argparse.Namespace) -> int:
    """Runs the trials: 0 when nothing was wrong, else 1."""
    if built() is None:
        raise BenchError(
            str(CardError("the simulated card is not built; run: scripts/setup bench"))
        )
    writable_folder(wanted.dir)
    figures = await Trials(wanted.n, wanted.seed, wanted.dir).run()
    for line in in_words(figures):
        say(line)
    if wanted.out is not None:
        wanted.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))
    return 0 if figures.ok else 1


def in_words(figures: Figures) -> list[str]:
    """The figures as a table for people."""
    lines = [
        f"{figures.n} crashes in {figures.lives} lives (seed {figures.seed}), {figures.took_s:.0f} s",
        "card afterwards: " + ", ".join(f"{n} {name}" for name, n in figures.aftermaths.items()),
    ]
    lines += [f"{times:6d}  {KINDS.get(kind, kind)}" for kind, times in figures.wrong.items()]
    lines.append(f"{figures.rows_stored:6d}  journal rows at the hub")
    lines.append(
        f"{figures.lost_with_card:6d}  rows that went with a dying card's ledger "
        f"({figures.unnoticed} of them without a trace)"
    )
    return lines + (table([figures.ready]) if figures.ready else [])
