"""How far a cluster's clock is from the hub's, by the messages that it stamps as it sends them."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

CLOCK_OFF_S = 5.0
"""Further off than this, a programme starts noticeably apart from its neighbours'."""
SETTLED = timedelta(seconds=5)
"""What a cut link held back is followed by a fresh message at once: an error counts when it has stood so long."""


class ClockReading(Struct, frozen=True, kw_only=True):
    """A cluster's clock against the hub's.

    Attributes:
        error_s: Its clock minus the hub's, the way of the message included: above zero it is fast.
        off_since: Since when every reading has been off by more than `CLOCK_OFF_S`; None when the last was not.
    """

    error_s: float
    off_since: datetime | None = None


def after_stamp(
    before: ClockReading | None, stamped_at: datetime, heard_at: datetime
) -> ClockReading:
    """The reading after a message that was stamped and heard then."""
    error_s = (stamped_at - heard_at).total_seconds()
    if abs(error_s) <= CLOCK_OFF_S:
        return ClockReading(error_s=error_s)
    since = before.off_since if before and before.off_since else heard_at
    return ClockReading(error_s=error_s, off_since=since)


def is_clock_off(reading: ClockReading | None, now: datetime) -> bool:
    """Whether a cluster's clock is surely off."""
    if reading is None or reading.off_since is None:
        return False
    return now - reading.off_since >= SETTLED
