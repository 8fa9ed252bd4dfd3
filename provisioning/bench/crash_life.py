"""The life of one cluster's store in the crash trials: start, work, crash, what the card does to it, start again."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contract.codec import decode
from contract.journal import ItemRow, JournalBatch, JournalRow
from hardware.clock import SystemClock
from hardware.simulated.card import Card
from provisioning.bench.crash_books import Books, Hurt, Row, Start
from provisioning.bench.crash_hub import CLUSTER, COMMUNE, CrashHub
from provisioning.bench.processes import last_line

PATIENCE_S = 60.0
"""A start that takes longer, on whatever machine, is none."""
LONGEST_WORK_S = 0.8
MOST_CHANGES = 250
QUOTA_BYTES = 900_000
PAGE = 4096
AFTERMATHS = ("nothing", "lost", "torn", "dying")
WEIGHTS = (20, 25, 30, 25)
ACKS_PCT = 85
OLD_PLANS_PCT = 15


class Crash(Struct, frozen=True, kw_only=True):
    """One trial.

    Attributes:
        how: What ended it: at a moment, or at the so-many-th change.
        aftermath: What the card did to it.
        ready_s: From the process's start until its store was open and looked into; None: it died before.
        wrong: What was not as promised.
    """

    how: str
    aftermath: str
    ready_s: float | None
    wrong: tuple[str, ...]


class Life:
    """One store, from empty to the last crash.

    Args:
        folder: Takes it.
        hub: Its hub.
        seed: Of all that is random in it.
    """

    def __init__(self, folder: Path, hub: CrashHub, seed: int) -> None:
        self.books = Books()
        self._folder = folder
        self._store = folder / "store"
        self._hub = hub
        self._seed = seed
        self._dice = random.Random(seed)  # noqa: S311 - a simulation
        self._card = Card(self._store, folder / "card")
        self._clock = SystemClock()
        self._version = 0
        self._starts = 0
        self._delivers_only = False
        self._hurt = Hurt()
        self._process: asyncio.subprocess.Process | None = None
        self._wrong: list[str] = []
        self._ready = asyncio.Event()
        folder.mkdir(parents=True)
        self._card.lay_out()

    async def crash(self) -> Crash:
        """Starts the store on what the last crash left of it, lets it work and kills it."""
        at_change = self._dice.random() < 0.5  # noqa: PLR2004 - one half
        kill_at = self._card.changes() + self._dice.randint(1, MOST_CHANGES) if at_change else 0
        self._card.change_faults(
            kill_at=kill_at, kill_how=self._dice.randint(0, 2), skips_sync=True
        )
        ready_s = await self._live(self._kill_at_some_moment())
        aftermath = self._dice.choices(AFTERMATHS, WEIGHTS)[0]
        self._suffer(aftermath)
        how = "change" if at_change else "moment"
        return Crash(how=how, aftermath=aftermath, ready_s=ready_s, wrong=self._take_wrong())

    async def end(self) -> list[str]:
        """The last start: all that waits is delivered, and the hub then holds every row."""
        self._card.change_faults(kill_at=0)
        await self._live(asyncio.sleep(PATIENCE_S), delivers_only=True)
        return [*self._take_wrong(), *self.books.delivered()]

    def _take_wrong(self) -> tuple[str, ...]:
        wrong, self._wrong = tuple(self._wrong), []
        return wrong

    async def _live(self, until: Any, *, delivers_only: bool = False) -> float | None:  # noqa: ANN401 - a coroutine
        self._starts += 1
        self._delivers_only = delivers_only
        self._ready.clear()
        began_ns = self._clock.mono_ns()
        process = self._process = await self._start(delivers_only=delivers_only)
        killing = asyncio.create_task(self._kill_after(process, until))
        ready_s = None
        assert process.stdout is not None  # noqa: S101 - asked for
        async for line in process.stdout:
            fact = msgspec.json.decode(line)
            self._hear(fact)
            if fact["say"] == "ready":
                ready_s = (self._clock.mono_ns() - began_ns) / 1e9
        code = await process.wait()
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
        if code != (0 if delivers_only else -9):
            state = "died by itself" if ready_s else "unstartable"
            if delivers_only and ready_s:
                state = f"lost: not delivered within {PATIENCE_S:.0f} s"
            self._wrong.append(f"{state} ({code}): {last_line(self._log)}")
        return ready_s

    @property
    def _log(self) -> Path:
        return self._folder / "drill.log"

    async def _start(self, *, delivers_only: bool) -> asyncio.subprocess.Process:
        orders = {
            "store": str(self._store),
            "media_url": self._hub.url,
            "key": self._hub.key,
            "commune": COMMUNE,
            "cluster": CLUSTER,
            "seed": self._dice.randrange(2**32),
            "quota_bytes": QUOTA_BYTES,
            "name": f"{self._seed}.{self._starts}",
            "delivers_only": delivers_only,
        }
        program = [sys.executable, "-m", "edge.shell.drill", msgspec.json.encode(orders).decode()]
        with self._log.open("wb") as log:
            return await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", *self._card.command(program),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                limit=2**24,
            )  # fmt: skip

    # How it ends

    async def _kill_at_some_moment(self) -> None:
        """Mostly while it works, sometimes while it starts."""
        if self._dice.randrange(5):
            await asyncio.wait_for(self._ready.wait(), PATIENCE_S)
        await asyncio.sleep(self._dice.uniform(0, LONGEST_WORK_S))

    async def _kill_after(self, process: asyncio.subprocess.Process, until: Any) -> None:  # noqa: ANN401
        with suppress(TimeoutError):
            await until
        # `process.kill` would look for its end by itself, and asyncio would then wait for it in vain.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    # What it says

    def _hear(self, fact: dict[str, Any]) -> None:
        match fact["say"]:
            case "ready":
                self._on_ready(fact)
            case "row":
                self.books.row_told((fact["epoch"], fact["number"]), fact["mark"])
            case "sent":
                self._on_sent(decode(fact["batch"].encode(), JournalBatch))
            case "plan":
                self._wrong += self.books.plan_told(fact["version"])
            case "ask":
                self._send_plan()
            case "arrived":
                self.books.sound_told(fact["sha256"])
            case "play" if fact["is_it"] != fact["sha256"]:
                self._wrong.append(f"bad play: {fact['sha256'][:12]}")
            case "refused":
                self._wrong.append(f"refused: sound {fact['sha256'][:12]}, which was right")
            case _:
                pass

    def _on_ready(self, fact: dict[str, Any]) -> None:
        start = Start(
            epoch=fact["epoch"],
            rows=tuple(Row(*row) for row in fact["rows"]),
            accepted=fact["accepted"],
            plan=fact["plan"],
            plays=tuple(sha256 for sha256, _ in fact["plays"]),
            wrong_plays=tuple(
                sha256 for sha256, path in fact["plays"] if _hash(Path(path)) != sha256
            ),
        )
        self._wrong += self.books.started(start, self._hurt)
        self._hurt = Hurt()
        self._ready.set()
        self._send(do="go")

    def _on_sent(self, batch: JournalBatch) -> None:
        rows = tuple(
            Row(batch.epoch, row.number, mark_of(row), _name_of(row)) for row in batch.rows
        )
        self._wrong += self.books.rows_sent(rows)
        if self._delivers_only or self._dice.randrange(100) < ACKS_PCT:
            self._send(do="ack", epoch=batch.epoch, up_to=self.books.hub.up_to(batch.epoch))

    def _send_plan(self) -> None:
        is_old = self._version > 2 and self._dice.randrange(100) < OLD_PLANS_PCT  # noqa: PLR2004
        self._version += not is_old
        version = self._version - 2 if is_old else self._version
        note, sounds = self._hub.plan(version)
        if not is_old:
            self.books.plan_signed(version, sounds)
        self._send(do="plan", note=note)

    def _send(self, **order: Any) -> None:  # noqa: ANN401 - what is sent is JSON
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    # What the card does to it

    def _suffer(self, aftermath: str) -> None:
        if aftermath != "nothing":
            self._card.lose_power(self._dice, torn=aftermath == "torn")
        if aftermath == "dying":
            self._damage()

    def _damage(self) -> None:
        """A file that had been brought to the card is cut, or its last blocks are zeros."""
        files = [
            path
            for path in sorted(self._store.rglob("*"))
            if path.is_file() and path.stat().st_size and not path.name.endswith(("-shm", "lock"))
        ]
        if not files:
            return
        path = self._dice.choice(files)
        self._hurt = Hurt(
            ledger=self._hurt.ledger or path.name.startswith("ledger.db"),
            plan=self._hurt.plan or path.name.startswith("desired"),
            sounds=self._hurt.sounds | {path.stem},
        )
        facts = path.stat()
        size = facts.st_size
        with path.open("r+b") as file:
            if self._dice.random() < 0.5:  # noqa: PLR2004 - one half
                file.truncate(self._dice.randrange(size))
            else:
                file.seek(max(0, (size - 1) // PAGE - self._dice.randrange(8)) * PAGE)
                file.write(bytes(size - file.tell()))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # a card tells nobody


def mark_of(row: JournalRow) -> str:
    """Tells one content of a row from another, as the drill does."""
    return hashlib.sha256(msgspec.json.encode(row)).hexdigest()[:16]


def _name_of(row: JournalRow) -> str:
    return row.slot if isinstance(row, ItemRow) else row.detail.rstrip("x")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
