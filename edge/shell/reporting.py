"""Says how the cluster is: to the hub on change (rate-limited), and to a file that `loaxa-edge status` reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from msgspec.structs import replace

from contract.codec import encode
from contract.model import Desired
from contract.ports import Clock
from contract.status import OnAir, Reported
from contract.topics import Kind
from edge.core.card_words import CardStatus
from edge.core.state import OpenItem
from edge.shell.airing import Airing
from edge.shell.clock_watch import ClockWatch
from edge.shell.fault_board import FaultBoard
from edge.shell.publisher import Publisher
from edge.shell.sound_cache import SoundCache
from edge.shell.status_file import LinkStatus, StatusFile
from edge.shell.waiting import comes

log = logging.getLogger(__name__)

PAUSE_S = 1.0
"""At least so long between two reports; what changes meanwhile travels together."""

AGAIN_S = 30.0
"""A report that the link did not take is tried again after so long, or when something changes."""


class Reporter:
    """Keeps the last report, and sends it when it has changed or the link has come back.

    Attributes:
        software: Version of the agent.
        arrester_ok: Whether the surge arrester is whole; None before the first reading.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        clock: Clock,
        watch: ClockWatch,
        link: Publisher,
        cache: SoundCache,
        status_file: StatusFile,
        faults: FaultBoard,
        card: Callable[[], CardStatus | None],
        blank: Reported,
    ) -> None:
        self._clock = clock
        self._watch = watch
        self._link = link
        self._cache = cache
        self._status_file = status_file
        self._faults = faults
        self._card = card
        self._current = blank
        self._changed = asyncio.Event()
        self.software = blank.software
        self.arrester_ok = blank.arrester_ok
        self.surge_count = blank.surge_count

    @property
    def current(self) -> Reported:
        """The last report."""
        return self._current

    def report(
        self,
        plan: Desired | None,
        airing: Airing,
        *,
        waiting: int,
        refused: int = 0,
        link: LinkStatus | None = None,
    ) -> None:
        """Takes note of how the cluster is now."""
        held = self._cache.held()
        needed = [bulletin.sha256 for bulletin in plan.bulletins] if plan else []
        report = replace(
            self._current,
            at=self._clock.now(),
            desired_version=plan.version if plan else 0,
            cached=sum(sha256 in held for sha256 in needed),
            missing=tuple(sha256 for sha256 in needed if sha256 not in held),
            on_air=_on_air(airing.open),
            relays={"amp": airing.amplifier.on_at is not None},
            arrester_ok=self.arrester_ok,
            surge_count=self.surge_count,
            faults=tuple(str(code) for code in self._faults.present),
            clock_trust=self._watch.trust,
            refused=refused,
            journal_waiting=waiting,
            maintenance=plan.maintenance if plan else False,
            command_mark=airing.desk.mark,
            emergency=airing.desk.on_air,
        )
        if _is_news(self._current, report):
            self._changed.set()
        self._current = report
        self._status_file.write(
            report, link_up=airing.link_up, clock=self._watch.status(), link=link, card=self._card()
        )

    def link_is_up(self) -> None:
        """A new connection: the hub may have forgotten us."""
        self._changed.set()

    async def run(self) -> None:
        """Sends reports for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while not await self._send():
                log.debug("report kept until the link takes it")
                await comes(self._changed, AGAIN_S)
                self._changed.clear()
            await asyncio.sleep(PAUSE_S)

    async def _send(self) -> bool:
        """Stamps at the instant of sending, whenever it became so: the hub reads our clock's error from it."""
        report = replace(self._current, at=self._clock.now())
        return await self._link.publish(Kind.REPORTED, encode(report), retain=True)


def _on_air(item: OpenItem | None) -> OnAir | None:
    if item is None:
        return None
    return OnAir(
        slot=item.slot,
        bulletin=item.bulletin,
        planned_at=item.planned_at,
        started_at=item.started_at,
    )


def _is_news(old: Reported, new: Reported) -> bool:
    """Whether the hub should hear: not for the time of day, nor for rows that are on their way anyway."""
    return replace(old, at=new.at, journal_waiting=new.journal_waiting) != new
