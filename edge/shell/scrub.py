"""Reads every sound on the card again, slowly and in turn: a card loses bytes without saying so."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import BinaryIO

from contract.ids import Sha256
from edge.core.calm import is_due, is_idle
from edge.core.state import Snapshot
from edge.shell.inbox import SoundDamaged
from edge.shell.sound_cache import SoundCache

log = logging.getLogger(__name__)

MIB = 1024 * 1024
PIECE = 128 * 1024
DUE_SOON = timedelta(minutes=1)
LONGEST_LOOK_S = 60.0
"""How often it is asked whether a sound is due to be read."""
CALM_AGAIN_S = 5.0


class Scrub:
    """One sound at a time, the one whose last reading is longest ago.

    How far it has come is one small write a sound and round, beside what else is known of the sounds.

    Args:
        cache: Whose sounds they are.
        look: How the cluster is now: while anything sounds or is due within a minute, nothing is read.
        every: Each sound is read once in this; nothing: never.
        mib_s: At most so fast.
        on_event: Is told of a sound that is not whole.
    """

    def __init__(
        self,
        *,
        cache: SoundCache,
        look: Callable[[], Snapshot],
        every: timedelta,
        mib_s: float,
        on_event: Callable[[SoundDamaged], None],
    ) -> None:
        self._cache = cache
        self._look = look
        self._every = every
        self._piece_s = PIECE / MIB / mib_s
        self._pause_s = min(LONGEST_LOOK_S, every.total_seconds() / 10)
        self._on_event = on_event

    async def run(self) -> None:
        """Reads for ever; not at all where it is wanted never."""
        while self._every:
            await asyncio.sleep(self._pause_s)
            while (sha256 := self._next()) is not None:
                await self._read(sha256)

    def _next(self) -> Sha256 | None:
        """None: none is due, or nobody knows what the time is."""
        snapshot = self._look()
        if not snapshot.trust.is_trusted:
            return None
        oldest = self._cache.longest_unread()
        if oldest is None or _since(oldest[1], snapshot.now) < self._every:
            return None
        return oldest[0]

    async def _read(self, sha256: Sha256) -> None:
        try:
            is_true = await self._hash(sha256) == sha256
        except OSError as error:
            log.warning("sound %s cannot be read: %s", sha256[:12], error)
            is_true = False
        if sha256 not in self._cache.held():  # given up meanwhile
            return
        if is_true or await self._cache.is_whole(sha256):
            self._cache.was_read(sha256, self._look().now)
        else:
            self._on_event(SoundDamaged(sha256=sha256))

    async def _hash(self, sha256: Sha256) -> str:
        digest = hashlib.sha256()
        with self._cache.path(sha256).open("rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # the card, not memory
            while piece := await self._piece(file):
                digest.update(piece)
                await asyncio.sleep(self._piece_s)
        return digest.hexdigest()

    async def _piece(self, file: BinaryIO) -> bytes:
        while not self._is_calm():  # noqa: ASYNC110 - what sounds tells nobody
            await asyncio.sleep(CALM_AGAIN_S)
        return await asyncio.to_thread(file.read, PIECE)

    def _is_calm(self) -> bool:
        snapshot = self._look()
        return is_idle(snapshot) and not is_due(snapshot, DUE_SOON)


def _since(read_at: datetime | None, now: datetime) -> timedelta:
    """A reading in the future is none: the clock was wrong then."""
    return timedelta.max if read_at is None or read_at > now else now - read_at
