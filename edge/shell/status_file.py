"""How the cluster is, in a file under `run/` (memory on a Pi), for `loaxa-edge status`."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from contract.status import Reported
from edge.core.card_words import CardStatus
from edge.core.clock_trust import Doubt

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STARTTIME = 19
"""proc(5): when a process began, in ticks since boot; counted behind its name, which may hold spaces."""
DRIFT_MS = 500
"""What a clock is slewed below this is no news: nobody reads a time from the status more finely than in seconds."""
ROOM_PART = 10
"""Free room is news when it has changed by this part of itself: other programs' files come and go all the time."""


class ClockStatus(Struct, frozen=True, kw_only=True):
    """The cluster's clock, for a process that reads the same monotonic one.

    Attributes:
        doubt: Why its time is not believed further.
        wall_over_mono_ms: Its wall time less monotonic time.
        trust_since_mono_ms: Since when its trust is what it is.
    """

    doubt: Doubt = Doubt.NONE
    wall_over_mono_ms: int = 0
    trust_since_mono_ms: int = 0

    def at(self, mono_ns: int) -> datetime:
        """Its time at an instant of the monotonic clock."""
        ms = self.wall_over_mono_ms + mono_ns // 1_000_000
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


class LinkStatus(Struct, frozen=True, kw_only=True):
    """How the link has been, for a process that reads the same monotonic clock.

    Attributes:
        down_since_mono_ms: Since when it is away; None while it is up.
        modem_cycled_mono_ms: When the modem was last cycled.
        modem_cycles: How often since the link was last up.
    """

    down_since_mono_ms: int | None = None
    modem_cycled_mono_ms: int | None = None
    modem_cycles: int = 0


class Status(Struct, frozen=True, kw_only=True):
    """The last report, whether the link is up, and the process that says so.

    Attributes:
        agent: Its id, which another process has after a new start of the machine.
        birth: What tells it from that other one.
    """

    reported: Reported
    link_up: bool
    agent: int
    clock: ClockStatus = ClockStatus()
    link: LinkStatus = LinkStatus()
    card: CardStatus | None = None
    birth: str = ""


class StatusFile:
    """Writes when something changed, and not for what only drifts; costs the card nothing where `run/` is in memory.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Status | None = None
        self._own_birth = _birth_of(os.getpid())

    def write(
        self,
        reported: Reported,
        *,
        link_up: bool,
        clock: ClockStatus | None = None,
        link: LinkStatus | None = None,
        card: CardStatus | None = None,
    ) -> None:
        """Replaces the status when it says anything new."""
        status = Status(
            reported=reported,
            link_up=link_up,
            agent=os.getpid(),
            clock=clock or ClockStatus(),
            link=link or LinkStatus(),
            card=card,
            birth=self._own_birth,
        )
        if self._last is not None and not _is_news(self._last, status):
            return
        self._last = status
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(status))
            beside.replace(self._path)
        except OSError as error:  # the broadcast goes on without its mirror
            log.debug("status not written: %s", error)

    def read(self) -> Status | None:
        """The last status, or None when no agent runs that has written one."""
        try:
            status = msgspec.json.decode(self._path.read_bytes(), type=Status)
        except (OSError, msgspec.MsgspecError):
            return None
        birth = _birth_of(status.agent)
        return status if birth and birth == status.birth else None

    def remove(self) -> None:
        """The agent has stopped."""
        self._path.unlink(missing_ok=True)


def _is_news(old: Status, new: Status) -> bool:
    """Whether anything differs but the time of day and what drifts: a slewed clock, room that others use."""
    if abs(new.clock.wall_over_mono_ms - old.clock.wall_over_mono_ms) >= DRIFT_MS:
        return True
    return (
        _is_other_room(old.card, new.card)
        or replace(
            old,
            reported=replace(old.reported, at=new.reported.at),
            clock=replace(old.clock, wall_over_mono_ms=new.clock.wall_over_mono_ms),
            card=_with_room_of(new.card, old.card),
        )
        != new
    )


def _is_other_room(old: CardStatus | None, new: CardStatus | None) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new.free_mib - old.free_mib) * ROOM_PART > old.free_mib


def _with_room_of(new: CardStatus | None, old: CardStatus | None) -> CardStatus | None:
    return old if old is None or new is None else replace(old, free_mib=new.free_mib)


def _birth_of(process_id: int) -> str:
    """Names this very life of a process; empty: there is none.

    Not psutil's `create_time`: that is wall time, and a step of the clock moves it under a process that lives on.
    """
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
        boot = BOOT_ID.read_text().strip()
    except OSError:
        return ""
    ticks = stat.rpartition(")")[2].split()[STARTTIME]
    return f"{boot}/{ticks}"
