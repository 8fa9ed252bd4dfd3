"""The ability to play sound files at an exact instant, and what a player says meanwhile."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Ready(Struct, frozen=True, kw_only=True, tag="ready"):
    """A player process waits for work: the first one, or the one after another that is gone."""


class Prepared(Struct, frozen=True, kw_only=True, tag="prepared"):
    """The sound is open and waits for its instant."""

    item: str


class Started(Struct, frozen=True, kw_only=True, tag="started"):
    """The first sample sounds at `mono_ns` (CLOCK_MONOTONIC), as far as the player knows."""

    item: str
    mono_ns: int


class Progress(Struct, frozen=True, kw_only=True, tag="progress"):
    """About once a second while it sounds. The level is RMS, dBFS; None where the output cannot tell."""

    item: str
    position_ms: int
    level_db: float | None = None


class HeardOut(Struct, frozen=True, kw_only=True, tag="heard_out"):
    """The last sample has left the loudspeaker."""

    item: str


class Failed(Struct, frozen=True, kw_only=True, tag="failed"):
    """The item does not sound (any more)."""

    item: str
    why: str


PlayerEvent = Ready | Prepared | Started | Progress | HeardOut | Failed


class Player(Protocol):
    """Plays one sound while holding at most a few more ready."""

    @property
    def is_ready(self) -> bool:
        """Whether it could start something now; else what it is given waits until it can."""
        ...

    async def prepare(self, item: str, path: str, *, offset_ms: int, volume_pct: int) -> None:
        """Opens a sound file at a position, without letting anything sound.

        Args:
            item: Name under which events speak of it; never used twice.
            path: The sound file.
            offset_ms: Position at which it will start.
            volume_pct: Loudness, 0 to 100.
        """
        ...

    def start_at(self, item: str, mono_ns: int) -> None:
        """Lets a prepared item sound from this CLOCK_MONOTONIC instant on; one already sounding ends then."""
        ...

    def stop(self, item: str) -> None:
        """Silences an item, or forgets that it was prepared."""
        ...

    def restart(self, why: str) -> None:
        """Begins afresh, as a stuck sound system needs it: all that it held is forgotten, and nothing said of it."""
        ...
