"""Brings the plan's sounds onto the card, those needed soonest first, for ever."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
from collections.abc import Callable
from pathlib import Path

from contract.ids import Sha256
from contract.model import Bulletin
from edge.shell.download import Download, DownloadError, WrongSound
from edge.shell.files import make_folder
from edge.shell.inbox import SoundArrived, SoundRefused
from edge.shell.sound_cache import SoundCache
from edge.shell.waiting import comes

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0


class Fetcher:
    """One download at a time, with a growing, jittered pause after each failure.

    Args:
        cache: Takes what has arrived.
        staging: Folder for what is on its way.
        open_download: Makes a download.
        on_event: Is told of arrivals and of wrong sounds.
    """

    def __init__(
        self,
        *,
        cache: SoundCache,
        staging: Path,
        open_download: Callable[[], Download],
        on_event: Callable[[SoundArrived | SoundRefused], None],
    ) -> None:
        self._cache = cache
        self._staging = staging
        self._open_download = open_download
        self._on_event = on_event
        self._wanted: tuple[Bulletin, ...] = ()
        self._failures: dict[Sha256, int] = {}
        self._poke = asyncio.Event()
        self._current: tuple[Sha256, Download] | None = None
        make_folder(staging)

    def want(self, bulletins: tuple[Bulletin, ...]) -> None:
        """Says what is needed, soonest first; a download of something no longer needed ends."""
        self._wanted = bulletins
        wanted = {bulletin.sha256 for bulletin in bulletins}
        self._failures = {sha: count for sha, count in self._failures.items() if sha in wanted}
        if self._current is not None and self._current[0] not in wanted:
            self._current[1].cancel()
        self._poke.set()

    @property
    def wanted(self) -> tuple[Bulletin, ...]:
        """What is needed, soonest first."""
        return self._wanted

    def link_is_up(self) -> None:
        """The link came back: try at once."""
        self._failures.clear()
        self._poke.set()

    async def run(self) -> None:
        """Fetches for ever."""
        while True:
            self._poke.clear()
            wanted = self._next()
            if wanted is None:
                self._sweep()
                await self._poke.wait()
            else:
                await self._try(wanted)

    def _next(self) -> Bulletin | None:
        """The soonest needed of those that failed least: one that cannot come holds up no other."""
        return min(self._missing(), key=lambda one: self._failures.get(one.sha256, 0), default=None)

    def _missing(self) -> list[Bulletin]:
        """What is not on the card; a sound that is still to be looked into may be."""
        there = self._cache.held() | self._cache.unsure()
        return [bulletin for bulletin in self._wanted if bulletin.sha256 not in there]

    async def _try(self, bulletin: Bulletin) -> None:
        try:
            await self._fetch(bulletin)
        except WrongSound as error:
            self._on_event(SoundRefused(sha256=bulletin.sha256, why=str(error)))
            await self._pause(bulletin, str(error))
        except (DownloadError, OSError) as error:
            await self._pause(bulletin, str(error))
        else:
            self._failures.pop(bulletin.sha256, None)
            self._on_event(SoundArrived(sha256=bulletin.sha256))

    async def _fetch(self, bulletin: Bulletin) -> None:
        staged = self._staging / f"{bulletin.sha256}.part"
        began_with = _size(staged)
        self._cache.make_room(bulletin.size_bytes - began_with)
        download = self._open_download()
        self._current = (bulletin.sha256, download)
        try:
            await asyncio.to_thread(download.run, bulletin.sha256, bulletin.size_bytes, staged)
        except asyncio.CancelledError:
            download.cancel()
            raise
        except DownloadError as error:
            if _is_card_full(error):
                self._cache.clear_out()
            if _size(staged) > began_with:  # a link that breaks often, but brings something
                self._failures.pop(bulletin.sha256, None)
            raise
        finally:
            self._current = None
        self._cache.adopt(staged, bulletin.sha256)

    async def _pause(self, bulletin: Bulletin, why: str) -> None:
        """Waits longer after each failure, with jitter; a new plan or a returning link ends the wait."""
        if bulletin not in self._wanted:
            return
        failures = self._failures.get(bulletin.sha256, 0)
        if failures == 0:
            log.warning("sound %s does not come (%s); trying again", bulletin.sha256[:12], why)
        self._failures[bulletin.sha256] = failures + 1
        if len(self._failures) < len(self._missing()):
            return
        longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))
        await comes(self._poke, random.uniform(longest_s / 2, longest_s))  # noqa: S311 - jitter

    def _sweep(self) -> None:
        """Removes what was begun for plans that are gone."""
        wanted = {f"{bulletin.sha256}.part" for bulletin in self._wanted}
        for path in self._staging.glob("*.part"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)


def _is_card_full(error: DownloadError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
