"""A drill for the store: the agent's real ledger, plan, sounds, fetcher and outbox at hard work, to be cut off.

`python -m edge.shell.drill ORDERS` does what an agent does to its card, only faster and at random, and tells every fact
on standard output as soon as it may be relied upon: whoever kills it knows what must be there afterwards. `loaxa-bench
crash-trials` does that. One line of JSON each way; standard input brings what the hub sends.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import sys
from contextlib import closing, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from contract.codec import Refused
from contract.ids import ClusterId, CommuneId
from contract.journal import ItemRow
from contract.model import Desired
from contract.note import VerifierKey
from contract.topics import Kind
from edge.shell.download import Download
from edge.shell.drill_day import Day, mark_of, tell
from edge.shell.fetcher import Fetcher
from edge.shell.files import open_for_reading
from edge.shell.inbox import Event, SoundArrived, SoundDamaged, SoundRefused
from edge.shell.intake import AlreadyHeld, take_desired
from edge.shell.ledger import Ledger
from edge.shell.ledger_file import COLUMNS, StoredRow
from edge.shell.outbox import Outbox
from edge.shell.plan_store import PlanStore
from edge.shell.sound_cache import SoundCache, hash_file
from edge.shell.start_check import StartCheck
from hardware.clock import SystemClock

GATHER_S = 0.02
LONGEST_PAUSE_S = 0.02


class Orders(Struct, frozen=True, kw_only=True):
    """What the drill is to do.

    Attributes:
        store: The agent's folder.
        key: Of the hub that signs plans.
        seed: Of what it does.
        quota_bytes: Room for sounds: small, so that some are given up.
        name: Of this run, so that every row it writes is one of a kind.
        delivers_only: Write nothing; end when the hub holds every row.
    """

    store: str
    media_url: str
    key: str
    commune: CommuneId
    cluster: ClusterId
    seed: int
    quota_bytes: int
    name: str
    delivers_only: bool = False


class Pipe:
    """The link of the drill: what is published is told."""

    async def publish(
        self, kind: str, payload: bytes, *, retain: bool = False, qos: int = 1
    ) -> bool:
        """Says the journal batch as it goes to the hub."""
        del retain, qos
        if kind == Kind.JOURNAL:
            tell(say="sent", batch=payload.decode())
        return True


class Drill:
    """One run, from the opening of the store to its end."""

    def __init__(self, orders: Orders) -> None:
        store = Path(orders.store)
        self._orders = orders
        self._dice = random.Random(orders.seed)  # noqa: S311 - a simulation
        self._path = store / "ledger.db"
        self._ledger = Ledger(self._path)
        self._day = Day(self._ledger, self._dice, orders.name)
        self._cache = SoundCache(store / "sounds", store / "cache.db")
        clock = SystemClock()
        self._fetcher = Fetcher(
            cache=self._cache,
            staging=store / "staging",
            open_download=lambda: Download(orders.media_url, "bl-01", "x", clock=clock),
            on_event=self._on_sound,
        )
        self._outbox = Outbox(self._ledger, Pipe(), gather_s=GATHER_S)
        self._keys = (VerifierKey.decode(orders.key),)
        self._plans = PlanStore(store / "desired.note", self._keys, orders.commune, orders.cluster)
        self._plan = self._plans.load()
        if self._plan is not None and self._plan.version > self._ledger.accepted_version():
            self._ledger.accept_version(self._plan.version)

    def close(self) -> None:
        """Ends in order."""
        self._cache.close()
        self._ledger.close()

    async def report(self) -> None:
        """Says all that a hub, a listener or an inspector could ask the store for."""
        for sha256 in sorted(self._cache.unsure()):
            await self._cache.look_into(sha256)
        plays = [one for one in sorted(self._cache.held()) if await self._cache.is_whole(one)]
        tell(
            say="ready",
            epoch=self._ledger.epoch,
            rows=read_rows(self._path),
            accepted=self._ledger.accepted_version(),
            plan=self._plan.version if self._plan else 0,
            plays=[(one, str(self._cache.path(one))) for one in plays],
        )

    async def work(self, orders: asyncio.StreamReader) -> None:
        """Works until it is killed, or until all is delivered."""
        check = StartCheck(
            cache=self._cache,
            wanted=lambda: self._plan.bulletins if self._plan else (),
            on_event=self._on_sound,
        )
        self._use(self._plan)
        self._outbox.poke()
        async with asyncio.TaskGroup() as tasks:
            jobs = [self._fetcher.run(), self._outbox.run(), self._obey(orders), check.run()]
            running = [tasks.create_task(job) for job in jobs]
            if self._orders.delivers_only:
                while self._ledger.waiting():  # noqa: ASYNC110 - the ledger tells nobody
                    await asyncio.sleep(GATHER_S)
                for task in running:
                    task.cancel()
            else:
                tasks.create_task(self._busy())
        tell(say="delivered")

    # What the hub sends

    async def _obey(self, orders: asyncio.StreamReader) -> None:
        while line := await orders.readline():
            order = msgspec.json.decode(line)
            if order["do"] == "ack":
                if self._ledger.acknowledge(order["epoch"], order["up_to"]):
                    self._outbox.acknowledged()
            else:
                self._take(base64.b64decode(order["note"]))

    def _take(self, note: bytes) -> None:
        orders, held = self._orders, self._plan.version if self._plan else 0
        accepted = self._ledger.accepted_version()
        with suppress(AlreadyHeld, Refused):
            plan = take_desired(note, self._keys, orders.commune, orders.cluster, accepted, held)
            self._plans.save(note)
            self._ledger.accept_version(plan.version)
            if not self._ledger.is_behind:
                tell(say="plan", version=plan.version)
            self._use(plan)

    def _use(self, plan: Desired | None) -> None:
        self._plan = plan
        bulletins = plan.bulletins if plan else ()
        self._fetcher.want(bulletins)
        self._cache.evict(
            frozenset(one.sha256 for one in bulletins), quota_bytes=self._orders.quota_bytes
        )

    def _on_sound(self, event: Event) -> None:
        if isinstance(event, SoundDamaged):
            self._use(self._plan)
        elif isinstance(event, SoundRefused):
            tell(say="refused", sha256=event.sha256)
        elif isinstance(event, SoundArrived):
            tell(say="arrived", sha256=event.sha256)

    # What an agent does all day

    async def _busy(self) -> None:
        doings = [
            *[self._day.something] * 11, *[self._ask] * 2, self._relink, self._play,
        ]  # fmt: skip
        while True:
            await self._dice.choice(doings)()
            self._outbox.poke()
            await asyncio.sleep(self._dice.uniform(0, LONGEST_PAUSE_S))

    async def _ask(self) -> None:
        tell(say="ask")

    async def _relink(self) -> None:
        self._fetcher.link_is_up()
        self._outbox.link_is_up()

    async def _play(self) -> None:
        held = sorted(self._cache.held())
        if not held:
            return
        sha256 = self._dice.choice(held)
        if await self._cache.is_whole(sha256):
            with suppress(FileNotFoundError):  # given up meanwhile
                tell(say="play", sha256=sha256, is_it=hash_file(self._cache.path(sha256)))


def read_rows(path: Path) -> list[tuple[str, int, str, str]]:
    """Every row that the ledger holds: epoch, number, mark and name."""
    told = []
    with closing(open_for_reading(path, patience_s=5.0)) as db:
        for values in db.execute(f"SELECT {COLUMNS} FROM journal ORDER BY epoch, number"):  # noqa: S608 - a constant
            stored = StoredRow(*values)
            row = stored.decode()
            name = row.slot if isinstance(row, ItemRow) else row.detail.rstrip("x")
            told.append((stored.epoch, stored.number, mark_of(row), name))
    return told


async def _drill(orders: Orders) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    drill = Drill(orders)
    await drill.report()
    await reader.readline()  # looked at, and told to go on
    await drill.work(reader)
    drill.close()


def main() -> int:
    """Does as its only argument says."""
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(_drill(msgspec.json.decode(sys.argv[1], type=Orders)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
