"""When a modem that brings no link loses its supply for a moment: the last thing that helps on a hill nobody visits.

A modem may only be slow: of ten of one kind, after their cell had been gone, five were back in under a minute, three
took 5 to 10 minutes and two 20 to 50 (openwrt/packages, pull request 23590). So it is left alone at first, and after
each cycle twice as long as before: one that registers is not disturbed for ever.

What is on air does not matter for it: sounds lie on the card, and what needs the link (live speech) is not there.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

LONGEST_PAUSE_S = 6 * 3600.0


class ModemCare(Struct, frozen=True, kw_only=True):
    """How a modem is cared for: `[modem]` of the configuration.

    Attributes:
        cycle_after_s: Time without link before the first cycle, and half of the pause after it.
        off_s: How long it is without supply: its capacitors are empty by then.
    """

    cycle_after_s: float = 900.0
    off_s: float = 10.0


class LinkHistory(Struct, frozen=True, kw_only=True):
    """What has become of the link and of the modem, in monotonic seconds.

    Attributes:
        down_since_s: Since when there is no link; None while there is one.
        cycled_at_s: When the modem was last cycled, however the link is now.
        cycles: How often since the link was last up.
    """

    down_since_s: float | None
    cycled_at_s: float | None = None
    cycles: int = 0


def after_link(history: LinkHistory, *, is_up: bool, now_s: float) -> LinkHistory:
    """The link came or went."""
    if is_up:
        return replace(history, down_since_s=None, cycles=0)
    if history.down_since_s is not None:
        return history
    return replace(history, down_since_s=now_s)


def after_cycle(history: LinkHistory, now_s: float) -> LinkHistory:
    """The modem has just lost its supply for a while, or could not."""
    return replace(history, cycled_at_s=now_s, cycles=history.cycles + 1)


def cycle_at_s(history: LinkHistory, care: ModemCare) -> float | None:
    """When the modem is cycled next if the link stays away; None while there is a link."""
    if history.down_since_s is None:
        return None
    if history.cycles == 0 or history.cycled_at_s is None:
        return history.down_since_s + care.cycle_after_s
    factor = 2.0 ** min(history.cycles, 40)  # far beyond the longest pause, and still a number
    return history.cycled_at_s + min(care.cycle_after_s * factor, LONGEST_PAUSE_S)
