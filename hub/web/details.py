"""What a card tells beside how a cluster stands: its clock, and figures that are out of the ordinary."""

from __future__ import annotations

from collections.abc import Iterator

from contract.ports import ClockTrust
from contract.status import Telemetry
from hub.core.clock_error import CLOCK_OFF_S
from hub.core.model import ClusterView
from hub.web.moments import span_words
from hub.web.texts import Say, mark

LITTLE_DISK_MIB = 500
"""About a week of a commune's new sounds: less is worth telling."""
WORN_PCT = 80
"""Share of an eMMC's life at which makers and Anthias warn."""
WARM_C = 70.0
"""A Raspberry Pi slows down from 80 °C."""
SLOW_WRITE_MS = 1000.0

TRUST = {
    ClockTrust.SYNCHRONISED: mark("set by the network"),
    ClockTrust.RTC: mark("by its own clock chip"),
    ClockTrust.CELL: mark("set by the mobile network"),
    ClockTrust.LAST_SAVED: mark("from the last time that it wrote down, not sure"),
    ClockTrust.UNKNOWN: mark("not known"),
}
"""Words for where a cluster has its time from."""


def details(view: ClusterView, say: Say) -> tuple[str, ...]:
    """Lines that call for nothing, most useful first."""
    found = []
    if view.reported is not None:
        found.append(f"{say('Clock:')} {say(TRUST[view.reported.clock_trust])}{_error(view, say)}")
    if view.telemetry is not None:
        found += _figures(view.telemetry, say)
    found += _rules(view, say)
    return tuple(found)


def _rules(view: ClusterView, say: Say) -> Iterator[str]:
    """Rules for fetching that are this cluster's own."""
    if view.download_windows is not None:
        windows = ", ".join(view.download_windows) or say("at any time")
        yield f"{say('Fetches sounds:')} {windows}"
    if view.monthly_mib is not None:
        limit = f"{view.monthly_mib} MB" if view.monthly_mib else say("any amount")
        yield f"{say('4G for sounds a month at most:')} {limit}"


def _error(view: ClusterView, say: Say) -> str:
    if view.clock_error_s is None or abs(view.clock_error_s) > CLOCK_OFF_S:
        return ""  # an alarm tells it
    return f", {say('off by')} {abs(view.clock_error_s):.1f} s"


def clock_words(view: ClusterView, say: Say) -> str:
    """How far a clock that is off is off."""
    error_s = view.clock_error_s or 0.0
    way = say("its clock is fast by") if error_s > 0 else say("its clock is slow by")
    return f"{way} {span_words(abs(error_s), say)}"


def _figures(said: Telemetry, say: Say) -> Iterator[str]:
    if said.disk_free_mib < LITTLE_DISK_MIB:
        yield f"{say('Free on the card:')} {said.disk_free_mib} MB"
    if said.filesystem_errors:
        yield f"{say('Errors on the card:')} {said.filesystem_errors}"
    if (said.card_life_used_pct or 0) >= WORN_PCT:
        yield f"{say('Life of the card used up:')} {said.card_life_used_pct} %"
    if (said.card_write_ms or 0.0) >= SLOW_WRITE_MS:
        yield f"{say('Writing to the card takes:')} {(said.card_write_ms or 0.0) / 1000:.1f} s"
    if said.under_voltage:
        yield say("Supply too weak since the cluster started")
    if (said.temperature_c or 0.0) >= WARM_C:
        yield f"{say('Temperature:')} {said.temperature_c:.0f} °C"
    if said.month_fetched_mib >= 1:
        yield f"{say('4G for sounds this month:')} {said.month_fetched_mib:.0f} MB"
