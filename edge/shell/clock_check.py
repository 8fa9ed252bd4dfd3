"""What `loaxa-edge check` says of the clock."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from contract.ports import HostClock
from edge.core.clock_trust import Doubt
from edge.core.words import Language, doubt_words
from edge.shell.agent_clock import AgentClock
from edge.shell.ledger import Ledger
from edge.shell.status_file import Status
from hardware.judging import judge_clock
from hardware.verdict import Verdict, Words


def judge_told_clock(status: Status) -> Verdict:
    """Whether the running agent believes its time."""
    return judge_clock(status.reported.clock_trust, why=_words(status.clock.doubt))


def judge_agent_clock(host: HostClock, state: Path) -> Verdict:
    """Whether an agent that starts now would believe the time."""
    try:
        ledger = Ledger(state / "ledger.db", read_only=True)
    except sqlite3.DatabaseError:  # there is none yet, or it is for the agent to mend
        clock = AgentClock(host, None)
    else:
        clock = AgentClock(host, ledger.clock_memory())
        ledger.close()
    return judge_clock(clock.trust(), why=_words(clock.doubt))


def _words(doubt: Doubt) -> Words | None:
    words = Words(doubt_words(doubt, Language.VI), doubt_words(doubt, Language.EN))
    return words if words.vi else None
