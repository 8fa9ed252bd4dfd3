"""What befalls a cluster, as data: told by Hypothesis or by a seed."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

Choose = Callable[[int, int], int]
"""An integer between two, both included."""

DAY_S = 86400
LOCAL_AT_BEGIN_S = 7 * 3600
PROGRAMME = (
    # local times of day, days of the week, seconds long, late limit
    (("05:00", "17:00"), (1, 2, 3, 4, 5, 6, 7), 1500, 600),
    (("05:15", "10:45", "17:10", "19:00"), (1, 2, 3, 4, 5), 420, 600),
    (("05:30", "06:30", "16:30", "17:25", "18:00"), (1, 2, 3, 4, 5, 6, 7), 45, 300),
    (("11:20", "13:25", "21:25"), (1, 2, 3, 4, 5, 6, 7), 280, 600),
    (("06:00", "06:00:20", "12:30", "20:30"), (1, 3, 5, 6, 7), 90, 60),
    (("08:00", "09:00", "15:00"), (2, 4, 6), 600, 0),
)
"""About twenty items a day: some touch, some wait for each other, some lie at the edge of quiet hours."""
LIVELY_S = tuple(
    int(text[:2]) * 3600 + int(text[3:5]) * 60 for times, *_ in PROGRAMME for text in times
)


class What(StrEnum):
    """The kinds of happenings."""

    KILL = "agent killed and started again"
    POWER_CUT = "power cut; the clock is kept by an RTC"
    POWER_CUT_NO_RTC = "power cut; the clock is lost until the network brings it"
    STEP = "the clock is set wrong, believed, and corrected later"
    STEP_DOUBTED = "the clock is set wrong and not believed until the network corrects it"
    UNTRUSTED = "nobody vouches for the clock for a while"
    LINK_DOWN = "the link is down for a while"
    ADD_ONCE = "a slot for one day"
    ADD_WEEKLY = "a weekly slot"
    MOVE = "a slot gets other times"
    CANCEL = "a slot is cancelled"
    STOP = "what sounds or comes next is stopped"
    JOIN = "this cluster is added to a slot that others have had for long"
    QUIET_HOURS = "other quiet hours"
    MAINTENANCE = "somebody works at the cabinet"
    VOLUME = "another volume"
    PLAYER_DIES = "the player dies once"
    PLAYER_BROKEN = "the player fails for a while"
    PLAYER_HANGS = "the player never comes to an end for a while"
    GUARD = "the relay's guard acts"
    SOUND_LOST = "a sound on the card is gone and has to come again"


STEPS_S = (1, -1, 3600, -3600, 86400, -86400, -56 * 365 * 86400)


class Happening(Struct, frozen=True, kw_only=True):
    """One thing that happens.

    Attributes:
        at_s: Seconds after the beginning.
        for_s: How long it lasts, or how long until it is put right.
        number: Which one of several, or how much.
    """

    at_s: int
    what: What
    for_s: int
    number: int


class Story(Struct, frozen=True, kw_only=True):
    """Some days of a cluster."""

    days: int
    happenings: tuple[Happening, ...]


def tell(choose: Choose, *, days: int, happenings: int) -> Story:
    """Makes a story of choices."""
    return Story(
        days=days,
        happenings=tuple(_happening(choose, days) for _ in range(happenings)),
    )


def _happening(choose: Choose, days: int) -> Happening:
    kinds = list(What)
    return Happening(
        at_s=_moment(choose, days),
        what=kinds[choose(0, len(kinds) - 1)],
        for_s=_pause(choose),
        number=choose(0, 99),
    )


def _moment(choose: Choose, days: int) -> int:
    """More often than not around a planned start."""
    day_s = choose(0, days - 1) * DAY_S
    if choose(0, 3) == 0:
        return day_s + choose(0, DAY_S - 1)
    local_s = LIVELY_S[choose(0, len(LIVELY_S) - 1)] + choose(-700, 1600)
    return day_s + (local_s - LOCAL_AT_BEGIN_S) % DAY_S


def _pause(choose: Choose) -> int:
    longest = (2, 5, 30, 60, 300, 900, 3600, 7200, 6 * 3600, 2 * DAY_S)
    return choose(1, longest[choose(0, len(longest) - 1)])
