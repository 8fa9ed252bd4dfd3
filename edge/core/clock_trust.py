"""How far wall time may be believed, from what vouches for it and from what is known to lie behind us. Pure.

Two lower bounds hold: no true time is before this program was released, and none is before a time that was trusted
once. The first binds whatever vouches. The second binds an RTC and the cell network, not the kernel's own
synchronisation: a bound that came from a wrong clock must not silence the cluster for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from contract.ports import ClockTrust

RELEASED_AT = datetime(2026, 11, 1, tzinfo=UTC)
"""No later than the day on which this version was released; raised with every release."""
SLACK = timedelta(minutes=5)
"""An RTC keeps whole seconds and drifts (20 ppm: 1.7 s a day), so it may be this much behind what was saved."""
HELD = timedelta(days=30)
"""A system clock that was synchronised and never set since is as good as an RTC for so long: 50 ppm are 130 s then,
well inside the late limit. The kernel itself takes back its word after about nine hours without network."""

SET_NS = 500_000_000
"""A difference from which on a clock was set; reading two clocks one after the other differs by microseconds."""


class Doubt(StrEnum):
    """Why time is not what vouches for it best, or is not trusted at all."""

    NONE = "none"
    HELD = "held"
    """Synchronised once, and running on by itself since."""
    NOT_VOUCHED = "not_vouched"
    """Neither network nor RTC nor cell network has given the time since the start."""
    BEHIND_SAVED = "behind_saved"
    """Earlier than a time that was trusted before: certainly wrong."""
    BEFORE_RELEASE = "before_release"
    """Earlier than this program was made: certainly wrong, an RTC's battery may be empty."""


class ClockMemory(Struct, frozen=True, kw_only=True):
    """What a cluster remembers of its clock over a new start.

    Attributes:
        saved_at: The last time that was trusted: a lower bound.
        boot: The start of the machine in which the clock was last synchronised.
        wall_over_mono_ns: Wall time less monotonic time then: it changes only when the clock is set.
        mono_ns: Monotonic time then.
    """

    saved_at: datetime
    boot: str = ""
    wall_over_mono_ns: int = 0
    mono_ns: int = 0


class ClockFacts(Struct, frozen=True, kw_only=True):
    """What is known of the time at one instant.

    Attributes:
        kernel: What the kernel says of the system's clock: synchronised, from the RTC, or unknown.
        system_at: The system's time.
        is_held: Whether it runs on from a synchronised one.
        cell_at: The cell network's time, carried on since it was heard; None: not heard, or too long ago.
        saved_at: The last time that was trusted; None: there never was one.
    """

    kernel: ClockTrust
    system_at: datetime
    is_held: bool = False
    cell_at: datetime | None = None
    saved_at: datetime | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How far the time may be believed.

    Attributes:
        is_cell: Whether the cell network's time is taken instead of the system's.
    """

    trust: ClockTrust
    doubt: Doubt = Doubt.NONE
    is_cell: bool = False


def judge(facts: ClockFacts) -> Standing:
    """The best that vouches and is not certainly wrong."""
    doubt = _doubt(facts.system_at, facts.saved_at)
    if doubt is not Doubt.BEFORE_RELEASE:
        if facts.kernel is ClockTrust.SYNCHRONISED:
            return Standing(trust=ClockTrust.SYNCHRONISED)
        if facts.is_held:
            return Standing(trust=ClockTrust.SYNCHRONISED, doubt=Doubt.HELD)
    if facts.kernel is ClockTrust.RTC and doubt is Doubt.NONE:
        return Standing(trust=ClockTrust.RTC)
    if facts.cell_at is not None and _doubt(facts.cell_at, facts.saved_at) is Doubt.NONE:
        return Standing(trust=ClockTrust.CELL, is_cell=True)
    if doubt is not Doubt.NONE:
        return Standing(trust=ClockTrust.UNKNOWN, doubt=doubt)
    trust = ClockTrust.UNKNOWN if facts.saved_at is None else ClockTrust.LAST_SAVED
    return Standing(trust=trust, doubt=Doubt.NOT_VOUCHED)


def _doubt(at: datetime, saved_at: datetime | None) -> Doubt:
    if at < RELEASED_AT:
        return Doubt.BEFORE_RELEASE
    if saved_at is not None and at < saved_at - SLACK:
        return Doubt.BEHIND_SAVED
    return Doubt.NONE


def is_held(memory: ClockMemory | None, *, boot: str, wall_over_mono_ns: int, mono_ns: int) -> bool:
    """Whether the system's clock runs on from a synchronised one: same start of the machine, never set since."""
    if memory is None or not memory.boot or memory.boot != boot:
        return False
    was_set = abs(wall_over_mono_ns - memory.wall_over_mono_ns) >= SET_NS
    return not was_set and timedelta(microseconds=(mono_ns - memory.mono_ns) / 1000) <= HELD


def remembered(
    memory: ClockMemory | None,
    standing: Standing,
    now: datetime,
    *,
    boot: str,
    wall_over_mono_ns: int,
    mono_ns: int,
) -> ClockMemory | None:
    """What to remember now: the bound rises with every trusted time, and only a synchronised kernel lowers it."""
    if not standing.trust.is_trusted:
        return memory
    if standing.trust is ClockTrust.SYNCHRONISED and standing.doubt is Doubt.NONE:
        return ClockMemory(
            saved_at=now, boot=boot, wall_over_mono_ns=wall_over_mono_ns, mono_ns=mono_ns
        )
    if memory is None:
        return ClockMemory(saved_at=now)
    return ClockMemory(
        saved_at=max(memory.saved_at, now),
        boot=memory.boot,
        wall_over_mono_ns=memory.wall_over_mono_ns,
        mono_ns=memory.mono_ns,
    )
