from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from contract.journal import EventKind, EventRow
from contract.ports import ClockTrust
from edge.core.night import NightRestart
from edge.core.state import Snapshot
from edge.shell.diary import Diary
from edge.shell.ledger import Ledger
from edge.shell.night_watch import NightWatch

AT = datetime.fromisoformat("2026-11-25T03:00:00+07:00")


async def test_it_ends_the_agent_once_with_a_row_that_is_on_the_card(
    tmp_path: Path, system_clock: Any
) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    looks: list[datetime] = []
    stopped: list[int] = []

    def look() -> Snapshot:
        """Ten minutes pass between two looks."""
        looks.append(AT + timedelta(minutes=10 * len(looks)))
        return Snapshot(now=looks[-1], trust=ClockTrust.SYNCHRONISED, plan=None)

    watch = NightWatch(
        NightRestart(at="03:30"),
        look=look,
        up_s=lambda: 86_400.0,
        diary=Diary(clock=system_clock, ledger=ledger, poke=lambda: None),
        stop=lambda: stopped.append(len(looks)),
        look_every_s=0.0,
    )
    async with asyncio.timeout(20):
        await watch.run()
    assert stopped == [4]
    ledger.close()
    again = Ledger(tmp_path / "ledger.db")
    rows = again.rows_waiting(max_bytes=10**6)
    assert [row.event for row in rows if isinstance(row, EventRow)] == [EventKind.NIGHT_RESTART]
    again.close()
