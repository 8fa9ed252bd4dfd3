"""A drill for the hub: its real operations at hard work on a real state directory, to be cut off.

`python -m hub.drill STATE SEED` takes in sounds, plans slots, stores journal rows, changes clusters and makes backups,
at random and as fast as it goes, and tells each thing on standard output when a hub would have answered it: whoever
kills it knows what must be there afterwards. `loaxa-bench hub-trials` does that.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from contract.ids import ClusterId, Sha256
from contract.journal import EventKind, EventRow, JournalBatch
from contract.model import Once
from hub.clock import SystemClock
from hub.compose import Parts, compose
from hub.core.model import Cluster, ClusterSettings, SlotOrder
from hub.media.intake import keep_by_hash
from hub.operations.bulletins import NewBulletin
from hub.state_dir import StateDir
from hub.store import plans

CLUSTERS = (ClusterId("bl-01"), ClusterId("bl-02"))
EPOCH = "drill"
SIZES = (700, 9000, 120_000, 400_000)
MANY = 100_000


def main() -> None:
    """Runs the drill until it is killed."""
    logging.disable(logging.WARNING)
    state, seed = sys.argv[1:3]
    asyncio.run(_run(compose(StateDir(Path(state)), SystemClock()), random.Random(int(seed))))  # noqa: S311


async def _run(parts: Parts, dice: random.Random) -> NoReturn:
    drill = Drill(parts, dice)
    async with parts.live:
        await drill.start()
        while True:
            await drill.work()


def _say(what: str, **facts: Any) -> None:  # noqa: ANN401 - what is said is JSON
    sys.stdout.buffer.write(msgspec.json.encode({"say": what, **facts}) + b"\n")
    sys.stdout.buffer.flush()


class Drill:
    """The hub at work.

    Args:
        parts: The hub.
        dice: Chooses what comes next.
    """

    def __init__(self, parts: Parts, dice: random.Random) -> None:
        self._parts = parts
        self._operations = parts.operations
        self._dice = dice
        self._rows: dict[ClusterId, int] = {}

    async def start(self) -> None:
        """What `serve` does at its start; then tells all that is here."""
        parts, operations = self._parts, self._operations
        await parts.store.write(lambda c: parts.issuer.issue(c, parts.clock.now()))
        known = {one.name for one in await operations.clusters.everyone()}
        for name in CLUSTERS:
            if name not in known:
                await operations.clusters.add(Cluster(name=name), by="drill")
        rows = await operations.journal.after(0, limit=MANY)
        for name in CLUSTERS:
            numbers = [one.row.number for one in rows if one.cluster == name]
            self._rows[name] = max(numbers, default=0)
        bulletins = await operations.bulletins.everything()
        _say(
            "ready",
            sounds=sorted({one.sha256 for one in bulletins}),
            bulletins=[one.id for one in bulletins],
            slots=[one.id for one in await operations.slots.everything(limit=MANY)],
            rows=[[one.cluster, one.row.number] for one in rows],
            versions=await parts.store.read(plans.versions),
            settings={one.name: one.monthly_mib for one in await operations.clusters.everyone()},
        )

    async def work(self) -> None:
        """Does one thing, and tells it."""
        work = self._dice.choices(
            (self._take_sound, self._plan, self._take_rows, self._set, self._back_up),
            (4, 4, 6, 2, 1),
        )[0]
        await work()

    async def _take_sound(self) -> None:
        staging = self._parts.state.media / "staging"
        staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=staging) as folder:
            staged = Path(folder) / "sound"
            staged.write_bytes(self._dice.randbytes(self._dice.choice(SIZES)))
            path, size_bytes = await asyncio.to_thread(
                keep_by_hash, staged, self._parts.state.media
            )
        new = NewBulletin(
            title="Bản tin",
            sha256=Sha256(path.name),
            size_bytes=size_bytes,
            duration_ms=60_000,
        )
        made = await self._operations.bulletins.add(new, by="drill")
        _say("sound", sha256=path.name, bulletin=made.id)

    async def _plan(self) -> None:
        known = await self._operations.bulletins.everything()
        if not known:
            return
        at = self._parts.clock.now() + timedelta(days=self._dice.randint(2, 300))
        order = SlotOrder(
            bulletin=known[0].id,
            when=Once(at=at),
            in_quiet_hours=True,
            clusters=[self._dice.choice(CLUSTERS)],
        )
        done = await self._operations.slots.add(order, by="drill")
        versions = await self._parts.store.read(plans.versions)
        _say("slot", slot=done.slot.id, versions=versions)
        if self._dice.random() < 0.8:  # noqa: PLR2004 - a plan has room for so many only
            await self._operations.slots.cancel(done.slot.id, by="drill")

    async def _take_rows(self) -> None:
        name = self._dice.choice(CLUSTERS)
        first = self._rows[name] + 1
        last = first + self._dice.randint(0, 30)
        now = self._parts.clock.now()
        rows = tuple(
            EventRow(number=number, event=EventKind.SURGE, at=now)
            for number in range(first, last + 1)
        )
        up_to = await self._operations.journal.take(name, JournalBatch(epoch=EPOCH, rows=rows))
        self._rows[name] = last
        _say("rows", cluster=name, up_to=up_to)

    async def _set(self) -> None:
        name = self._dice.choice(CLUSTERS)
        limit = ((await self._operations.clusters.get(name)).monthly_mib or 0) + 1
        await self._operations.clusters.change(name, ClusterSettings(monthly_mib=limit), by="drill")
        _say("settings", cluster=name, monthly_mib=limit)

    async def _back_up(self) -> None:
        done = await self._operations.backups.make(by="drill")
        _say("backup", file=str(done.file))


if __name__ == "__main__":
    main()
