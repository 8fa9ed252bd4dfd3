"""What is wrong with a cluster, as codes: what it says itself, and what the hub finds."""

from __future__ import annotations

from contract.fault import FaultCode
from contract.status import Reported

CLOCK_OFF = "clock_off"
"""The cluster's clock differs from the hub's by more than a programme may."""


def alarms(reported: Reported | None, *, clock_is_off: bool) -> tuple[str, ...]:
    """Every present alarm once: those that have a field of their own first, then as the cluster names them."""
    found = []
    if reported is not None:
        if reported.arrester_ok is False:
            found.append(str(FaultCode.ARRESTER_FAILED))
        if not reported.clock_trust.is_trusted:
            found.append(str(FaultCode.CLOCK_UNTRUSTED))
        found += reported.faults
    if clock_is_off:
        found.append(CLOCK_OFF)
    return tuple(dict.fromkeys(found))
