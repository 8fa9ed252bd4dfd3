"""Brings the plan's sounds onto the card, those needed soonest first, for ever."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from contract.ids import Sha256
from contract.model import Bulletin
from edge.core.fetching import Hindrance
from edge.shell.download import Download, DownloadError, WrongSound
from edge.shell.files import make_folder
from edge.shell.inbox import DataBudgetChanged, SoundArrived, SoundRefused
from edge.shell.own_thread import on_own_thread
from edge.shell.ration import Rationing, Unrationed
from edge.shell.sound_cache import SoundCache
from edge.shell.waiting import comes

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
WRONG_GROWS, LONGEST_WRONG_S = 4, 6 * 3600.0
"""What is wrong at the hub is fetched again after 2, 8, 32 s ... and then four times a day."""
LONGEST_WAIT_S = 300.0
"""Windows and months are asked for again at least so often: the clock may be set."""


class Fetcher:
    """One download at a time, with a growing, jittered pause after each failure.

    Args:
        cache: Takes what has arrived.
        staging: Folder for what is on its way.
        open_download: Makes a download.
        on_event: Is told of arrivals, of wrong sounds, and when the data budget keeps a sound away.
        ration: Says what may be fetched when, and counts; None: everything at any time.
    """

    def __init__(
        self,
        *,
        cache: SoundCache,
        staging: Path,
        open_download: Callable[[], Download],
        on_event: Callable[[SoundArrived | SoundRefused | DataBudgetChanged], None],
        ration: Rationing | None = None,
    ) -> None:
        self._cache = cache
        self._staging = staging
        self._open_download = open_download
        self._on_event = on_event
        self._wanted: tuple[Bulletin, ...] = ()
        self._failures: dict[Sha256, int] = {}
        self._wrong: dict[Sha256, tuple[int, float]] = {}
        self._lacks_budget = False
        self.ration: Rationing = ration or Unrationed()
        self._poke = asyncio.Event()
        self._current: tuple[Sha256, Download] | None = None
        make_folder(staging)

    def want(
        self, bulletins: tuple[Bulletin, ...], urgent: frozenset[Sha256] = frozenset()
    ) -> None:
        """Says what is needed, soonest first; a download of something no longer needed ends.

        Args:
            bulletins: All that is needed.
            urgent: What an emergency waits for: a download of anything else makes way, and goes on later.
        """
        self._wanted = bulletins
        wanted = {bulletin.sha256 for bulletin in bulletins}
        self._failures = {sha: count for sha, count in self._failures.items() if sha in wanted}
        if self._current is not None and self._is_in_the_way(self._current[0], wanted, urgent):
            self._current[1].cancel()
        self._poke.set()

    def _is_in_the_way(
        self, fetched: Sha256, wanted: set[Sha256], urgent: frozenset[Sha256]
    ) -> bool:
        waits = any(one.sha256 in urgent for one in self._missing())
        return fetched not in wanted or (waits and fetched not in urgent)

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
            wanted, patience_s = self._next()
            if wanted is not None:
                await self._try(wanted)
                continue
            self._sweep()
            if patience_s is None:
                await self._poke.wait()
            else:
                await comes(self._poke, min(patience_s, LONGEST_WAIT_S))

    def _next(self) -> tuple[Bulletin | None, float | None]:
        """The soonest needed of those that failed least, or how long to wait; none holds up another."""
        allowed, waits_s = self._allowed()
        found = min(allowed, key=lambda one: self._failures.get(one.sha256, 0), default=None)
        return found, min(waits_s, default=None)

    def _allowed(self) -> tuple[list[Bulletin], list[float]]:
        """What is missing and may be fetched now, and when the rest may be."""
        missing = [(one, one.size_bytes - _size(self._staged(one))) for one in self._missing()]
        verdicts = self.ration.verdicts(missing)
        self._tell_budget(any(one.hindrance is Hindrance.BUDGET for one in verdicts))
        allowed, waits_s = [], []
        for (bulletin, _), verdict in zip(missing, verdicts, strict=True):
            if verdict.hindrance is None:
                wait_s: float | None = self._wrong_for_s(bulletin.sha256)
            else:
                wait_s = self.ration.wait_s(verdict)
            if wait_s is not None and wait_s > 0:
                waits_s.append(wait_s)
            elif verdict.hindrance is None:
                allowed.append(bulletin)
        return allowed, waits_s

    def _tell_budget(self, lacks_budget: bool) -> None:  # noqa: FBT001 - the news itself
        if lacks_budget != self._lacks_budget:
            self._lacks_budget = lacks_budget
            self._on_event(DataBudgetChanged(is_spent=lacks_budget))

    def _wrong_for_s(self, sha256: Sha256) -> float:
        """How long a sound that was always wrong at the hub is left alone yet."""
        _, until_s = self._wrong.get(sha256, (0, 0.0))
        return until_s - asyncio.get_running_loop().time()

    def _was_wrong(self, sha256: Sha256) -> None:
        """It would cost data for ever: a link or plan that comes anew does not shorten this."""
        times, _ = self._wrong.get(sha256, (0, 0.0))
        pause_s = min(LONGEST_WRONG_S, FIRST_PAUSE_S * WRONG_GROWS**times)
        self._wrong[sha256] = (times + 1, asyncio.get_running_loop().time() + pause_s)

    def _staged(self, bulletin: Bulletin) -> Path:
        return self._staging / f"{bulletin.sha256}.part"

    def _missing(self) -> list[Bulletin]:
        """What is not on the card; a sound that is still to be looked into may be."""
        there = self._cache.held() | self._cache.unsure()
        return [bulletin for bulletin in self._wanted if bulletin.sha256 not in there]

    async def _try(self, bulletin: Bulletin) -> None:
        try:
            await self._fetch(bulletin)
        except WrongSound as error:
            self._was_wrong(bulletin.sha256)
            self._on_event(SoundRefused(sha256=bulletin.sha256, why=str(error)))
        except (DownloadError, OSError) as error:
            await self._pause(bulletin, str(error))
        else:
            self._failures.pop(bulletin.sha256, None)
            self._wrong.pop(bulletin.sha256, None)
            self._on_event(SoundArrived(sha256=bulletin.sha256))

    async def _fetch(self, bulletin: Bulletin) -> None:
        staged = self._staged(bulletin)
        began_with = _size(staged)
        self._cache.make_room(bulletin.size_bytes - began_with)
        loop = asyncio.get_running_loop()
        download = self._open_download()
        download.on_received = lambda count: _tell(loop, partial(self.ration.count, count))
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
        await on_own_thread("sounds", self._cache.bring_names)

    async def _pause(self, bulletin: Bulletin, why: str) -> None:
        """Waits longer after each failure, with jitter; a new plan or a returning link ends the wait."""
        if bulletin not in self._wanted:
            return
        failures = self._failures.get(bulletin.sha256, 0)
        if failures == 0:
            log.warning("sound %s does not come (%s); trying again", bulletin.sha256[:12], why)
        self._failures[bulletin.sha256] = failures + 1
        allowed, _ = self._allowed()
        if any(one.sha256 not in self._failures for one in allowed):
            return
        longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures, 10))
        await comes(self._poke, random.uniform(longest_s / 2, longest_s))  # noqa: S311 - jitter

    def _sweep(self) -> None:
        """Removes what was begun for plans that are gone."""
        wanted = {f"{bulletin.sha256}.part" for bulletin in self._wanted}
        for path in self._staging.glob("*.part"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)


def _tell(loop: asyncio.AbstractEventLoop, news: Callable[[], None]) -> None:
    """From a thread; a loop that has ended wants to know nothing."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(news)


def _is_card_full(error: DownloadError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
