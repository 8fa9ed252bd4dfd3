"""What every measurement uses: a rig in a folder, sounds on it, and what its horns emitted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hardware.clock import SystemClock
from provisioning.bench.evidence import NS, Horn, Source, read_horn
from provisioning.bench.hub_api import IngestedBulletin, once
from provisioning.bench.rig import Rig
from provisioning.bench.sounds import decode, speak_words

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sound on the rig's hub.

    Attributes:
        ingested: As the hub holds it.
        source: What a horn should emit of it.
    """

    ingested: IngestedBulletin
    source: Source

    @property
    def duration_s(self) -> float:
        """Of the whole file."""
        return self.ingested.duration_ms / 1000


class Session:
    """A rig with what a measurement asks of it.

    Attributes:
        rig: Hub and clusters, all online.
        began_ns: Host time of the session's second 0.
    """

    def __init__(self, rig: Rig, names: tuple[str, ...]) -> None:
        self.rig = rig
        self.names = names
        self._clock = SystemClock()
        self.began_ns = self._clock.epoch_ns()

    def at_s(self) -> float:
        """Seconds since the session began."""
        return (self._clock.epoch_ns() - self.began_ns) / NS

    async def until(self, at_s: float) -> None:
        """Waits for a second of the session."""
        while (wait_s := at_s - self.at_s()) > 0:  # noqa: ASYNC110 - a moment, no event
            await asyncio.sleep(wait_s)

    async def sound(self, title: str, words: str) -> Sound:
        """Has words spoken and ingested."""
        path = self.rig.folder / "sounds" / f"{title}.wav"
        await speak_words(words, path)
        made = await self.rig.hub.api.upload(path, title, "normal")
        samples = await decode(await self.rig.hub.api.sound(made.sha256), title)
        return Sound(ingested=made, source=Source(made.id, samples))

    async def plan(self, sound: Sound, at_s: float) -> None:
        """Plans a start on every cluster."""
        at = datetime.fromtimestamp(0, UTC) + timedelta(
            microseconds=(self.began_ns + round(at_s * NS)) // 1000
        )
        await self.rig.hub.api.plan(once(sound.ingested.id, at, "all"))

    async def until_held(self) -> None:
        """Waits until every cluster holds its plan and its sounds."""
        await self.rig.until_all("plan and sounds", lambda state: state.holds_all)

    def horns(self) -> dict[str, Horn]:
        """The recordings; whole once the rig has ended."""
        return {name: read_horn(self.rig.folder / name, self.began_ns) for name in self.names}


@asynccontextmanager
async def session(folder: Path, clusters: int, say: Say) -> AsyncIterator[Session]:
    """A new rig with so many clusters online; it has ended when the context has."""
    names = tuple(f"bl-{number:02d}" for number in range(1, clusters + 1))
    async with Rig(folder, folder / "state", names, say=lambda _line: None) as rig:
        await rig.until_all("the clusters to come online", lambda state: state.online)
        say(f"{clusters} clusters online" if clusters > 1 else "one cluster online")
        yield Session(rig, names)
