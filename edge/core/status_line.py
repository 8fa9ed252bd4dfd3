"""How the cluster is, in one line for `systemctl status`."""

from __future__ import annotations

from contract.fault import FaultCode
from contract.status import Reported
from edge.core.fault_words import FAULTS
from edge.core.words import Language, say


def status_line(report: Reported, *, link_up: bool) -> str:
    """In Vietnamese, then in English: a technician may know either."""
    return " | ".join(_in(language, report, link_up) for language in Language)


def _in(language: Language, report: Reported, link_up: bool) -> str:  # noqa: FBT001 - passed on
    on_air = report.on_air.bulletin if report.on_air else say(language, "không", "nothing")
    parts = [
        say(language, "đang phát: ", "on air: ") + on_air,
        say(language, "lịch số ", "plan ") + str(report.desired_version or "-"),
        say(language, "đã kết nối về xã", "link up")
        if link_up
        else say(language, "mất kết nối về xã", "link down"),
    ]
    known = [FaultCode(code) for code in report.faults if code in set(FaultCode)]
    if known:
        found = ", ".join(FAULTS[code].found(language) for code in known)
        parts.append(say(language, "LỖI: ", "FAULT: ") + found)
    return "; ".join(parts)
