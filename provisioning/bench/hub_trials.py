"""`loaxa-bench hub-trials`: the hub is killed at random instants, and its disk forgets and tears what is not synced."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import shutil
import sqlite3
import sys
import tarfile
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from hardware.clock import SystemClock
from hardware.simulated.card import Card, CardError, built
from provisioning.bench.errors import BenchError
from provisioning.bench.figures import Figure, figure, table
from provisioning.bench.hub_books import HubBooks
from provisioning.bench.processes import last_line, python_module, run_to_end
from provisioning.bench.sounds import writable_folder
from provisioning.bench.verbs import say

LIFE = 25
"""Crashes of one hub; then it is made anew."""
PATIENCE_S = 60.0
LONGEST_WORK_S = 1.2
MOST_CHANGES = 600
AFTERMATHS = ("nothing", "lost", "torn")
WEIGHTS = (30, 35, 35)
KILLED = -9


class HubFigures(Struct, frozen=True, kw_only=True):
    """What came of the trials.

    Attributes:
        answers: Things that the hubs answered, every one of which had to be there after the crash.
        findings: Each thing that was wrong: seed of its life, number of the start, words.
    """

    n: int
    seed: int
    took_s: float
    answers: int
    aftermaths: dict[str, int]
    backups_read: int
    ready: Figure | None
    findings: tuple[tuple[int, int, str], ...] = ()


class HubLife:
    """One hub, from new to its last crash.

    Args:
        folder: Takes it.
        seed: Of all that is random in it.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.books = HubBooks()
        self.backups_read = 0
        self._folder = folder
        self._state = folder / "hub"
        self._dice = random.Random(seed)  # noqa: S311 - a simulation
        self._card = Card(self._state, folder / "card")
        self._clock = SystemClock()
        self._log = folder / "drill.log"
        self._ready = asyncio.Event()
        self._wrong: list[str] = []
        self._backups: list[str] = []

    async def make(self) -> None:
        """Makes the hub, as a person does."""
        command = python_module("hub.app", "init", "--state", self._state, "--commune", "binh-lu")
        await run_to_end("loaxa-hub init", command)
        self._card.lay_out()

    async def crash(self) -> tuple[float | None, str, tuple[str, ...]]:
        """Starts the hub on what the last crash left and kills it at work: start time, aftermath, what is wrong."""
        at_change = self._dice.random() < 0.5  # noqa: PLR2004 - one half
        kill_at = self._card.changes() + self._dice.randint(1, MOST_CHANGES) if at_change else 0
        self._card.change_faults(
            kill_at=kill_at, kill_how=self._dice.randint(0, 2), skips_sync=True
        )
        ready_s = await self._live()
        aftermath = self._dice.choices(AFTERMATHS, WEIGHTS)[0]
        if aftermath != "nothing":
            self._card.lose_power(self._dice, torn=aftermath == "torn")
        self._look_at_disk()
        wrong, self._wrong = tuple(self._wrong), []
        return ready_s, aftermath, wrong

    async def _live(self) -> float | None:
        self._ready.clear()
        began_ns = self._clock.mono_ns()
        process = await self._start()
        killing = asyncio.create_task(self._kill_at_some_moment(process))
        ready_s = None
        assert process.stdout is not None  # noqa: S101 - asked for
        async for line in process.stdout:
            fact = msgspec.json.decode(line)
            if fact["say"] == "ready":
                ready_s = (self._clock.mono_ns() - began_ns) / 1e9
                self._wrong += self.books.started(fact)
                self._ready.set()
            else:
                self._wrong += self.books.answered(fact)
                self._backups += [fact["file"]] if fact["say"] == "backup" else []
        code = await process.wait()
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
        if code != KILLED:
            state = "died by itself" if ready_s else "unstartable"
            self._wrong.append(f"{state} ({code}): {last_line(self._log)}")
        return ready_s

    async def _start(self) -> asyncio.subprocess.Process:
        program = [
            sys.executable,
            "-m",
            "hub.drill",
            str(self._state),
            str(self._dice.randrange(2**32)),
        ]
        with self._log.open("wb") as log:
            return await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", *self._card.command(program),
                stdout=asyncio.subprocess.PIPE, stderr=log, limit=2**24,
            )  # fmt: skip

    async def _kill_at_some_moment(self, process: asyncio.subprocess.Process) -> None:
        """Mostly while it works, sometimes while it starts."""
        with suppress(TimeoutError):
            if self._dice.randrange(5):
                await asyncio.wait_for(self._ready.wait(), PATIENCE_S)
            await asyncio.sleep(self._dice.uniform(0, LONGEST_WORK_S))
        with suppress(ProcessLookupError):
            process.kill()

    def _look_at_disk(self) -> None:
        """Sounds under their names, and backups under theirs, are whole."""
        for sha256 in sorted(self.books.sounds):
            path = self._state / "media" / sha256
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                self._wrong.append(f"lost: sound {sha256[:12]}")
        answered, self._backups = self._backups, []
        found = {str(path) for path in (self._state / "backups").glob("*.tar.gz")}
        for name in answered[-1:]:
            if name not in found:
                self._wrong.append(f"lost: backup {Path(name).name}")
        for name in sorted(found)[-2:]:
            self._wrong += self._look_at_backup(Path(name))

    def _look_at_backup(self, path: Path) -> list[str]:
        """Reads one with nothing of the hub's own code."""
        self.backups_read += 1
        database = self._folder / "from-backup.db"
        try:
            with tarfile.open(path) as tar:
                member = tar.extractfile("hub.db")
                database.write_bytes(member.read() if member else b"")
            with closing(sqlite3.connect(database)) as copy:
                verdict = copy.execute("PRAGMA integrity_check").fetchone()[0]
        except (tarfile.TarError, EOFError, OSError, KeyError, sqlite3.Error) as error:
            verdict = str(error)
        return [] if verdict == "ok" else [f"bad backup: {path.name}: {verdict}"]


async def trials(n: int, seed: int, folder: Path) -> HubFigures:
    """Runs the trials, one hub after another; the folders of hubs in which something was wrong stay."""
    clock = SystemClock()
    began_ns = clock.mono_ns()
    findings: list[tuple[int, int, str]] = []
    aftermaths: Counter[str] = Counter()
    ready: list[float] = []
    answers = backups_read = 0
    for number in range(-(-n // LIFE)):
        place = folder / f"hub-{seed + number}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        life = HubLife(place, seed + number)
        await life.make()
        for start in range(1, min(LIFE, n - number * LIFE) + 1):
            ready_s, aftermath, wrong = await life.crash()
            aftermaths[aftermath] += 1
            ready += [] if ready_s is None else [ready_s]
            findings += [(seed + number, start, words) for words in wrong]
            for words in wrong:
                say(f"WRONG  seed {seed + number}, start {start}: {words}")
        answers += life.books.answers
        backups_read += life.backups_read
        say(f"{min((number + 1) * LIFE, n)} of {n} crashes, {len(findings)} things wrong")
        if not any(one == seed + number for one, _, _ in findings):
            shutil.rmtree(place)
    return HubFigures(
        n=n,
        seed=seed,
        took_s=round((clock.mono_ns() - began_ns) / 1e9, 1),
        answers=answers,
        aftermaths=dict(aftermaths),
        backups_read=backups_read,
        ready=figure("process start to all read and told", "s", ready) if ready else None,
        findings=tuple(findings),
    )


async def hub_trials(wanted: argparse.Namespace) -> int:
    """Runs the trials: 0 when nothing was wrong, else 1."""
    if built() is None:
        raise BenchError(
            str(CardError("the simulated card is not built; run: scripts/setup bench"))
        )
    writable_folder(wanted.dir)
    figures = await trials(wanted.n, wanted.seed, wanted.dir)
    say(f"{figures.n} crashes (seed {figures.seed}), {figures.took_s:.0f} s")
    say("disk afterwards: " + ", ".join(f"{n} {name}" for name, n in figures.aftermaths.items()))
    say(f"{figures.answers:6d}  answers given, each there after the crash")
    say(f"{figures.backups_read:6d}  looks at backups, each whole")
    say(f"{len(figures.findings):6d}  things wrong")
    for line in table([figures.ready]) if figures.ready else []:
        say(line)
    if wanted.out is not None:
        wanted.out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))
    return 1 if figures.findings else 0
