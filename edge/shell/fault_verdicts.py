"""Faults as verdicts of `loaxa-edge check`: what is wrong, and what a technician does about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contract.fault import FaultCode
from edge.core.fault_words import FAULTS
from hardware.verdict import Verdict, Words, bad

READ_APART = frozenset({FaultCode.ARRESTER_FAILED, FaultCode.CLOCK_UNTRUSTED, FaultCode.TOO_HOT})
"""Each has a reading of its own there, with its figure."""
_ASK = Words(
    "xem: journalctl -u loaxa-edge; hỏi người quản lý hệ thống",
    "see journalctl -u loaxa-edge; ask whoever looks after the system",
)


def judge_faults(codes: Iterable[str]) -> Iterator[Verdict]:
    """One verdict for each fault that is not read apart."""
    for code in codes:
        if code in READ_APART:
            continue
        words = FAULTS.get(FaultCode(code)) if code in set(FaultCode) else None
        found = Words(words.vi, words.en) if words else Words(code, code)
        advice = Words(words.do_vi, words.do_en) if words else _ASK
        yield bad(Words("Tủ loa", "Cabinet"), found, advice)
