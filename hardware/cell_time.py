"""The time that the cell network gives to its modem (NITZ), as 3GPP TS 27.007 has the modem tell it.

The serial driver that carries the question is another matter: whoever can ask a modem a line can be asked for the time.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

ASK = "AT+CCLK?"
ANSWER = re.compile(
    r'^\+CCLK: ?"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)"\s*$', re.ASCII | re.MULTILINE
)
NOT_SET_YEARS = range(70, 100)
"""A modem that has heard no network begins at 1970 or 1980; GSM years 70 to 99 are those of the last century."""
QUARTER = timedelta(minutes=15)
FARTHEST_ZONE_QUARTERS = 14 * 4
HALF_A_SECOND = timedelta(milliseconds=500)


def parse_cclk(answer: str) -> datetime | None:
    """The instant in a modem's answer such as `+CCLK: "26/11/24,17:00:00+28"`, aware UTC.

    The zone counts in quarters of an hour. An answer without a zone is nobody's time: it may be local or not.

    Args:
        answer: What came, `OK` and empty lines and all.

    Returns:
        The middle of the second that it names; None: no time in it, or a modem that was never set.
    """
    found = ANSWER.search(answer.replace("\r", ""))
    if found is None:
        return None
    year, month, day, hour, minute, second, quarters = (int(one) for one in found.groups())
    if year in NOT_SET_YEARS or abs(quarters) > FARTHEST_ZONE_QUARTERS:
        return None
    zone = timezone(quarters * QUARTER)
    try:
        at = datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
    return at.astimezone(UTC) + HALF_A_SECOND


class ModemTime:
    """Implements `contract.ports.CellTime` by asking a modem.

    Args:
        ask: Puts one line to the modem and brings its answer; raises OSError when there is none.
    """

    def __init__(self, ask: Callable[[str], Awaitable[str]]) -> None:
        self._ask = ask

    async def read(self) -> datetime | None:
        """What the network says; a modem that does not answer says nothing."""
        try:
            return parse_cclk(await self._ask(ASK))
        except OSError:
            return None
