from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.fault import FaultCode
from contract.journal import EventKind, EventRow
from edge.shell.diary import Diary
from edge.shell.fault_board import FaultBoard
from edge.shell.ledger import Ledger


def test_a_fault_has_a_row_when_it_begins_and_when_it_ends_however_often_it_is_told(
    tmp_path: Path, system_clock: Any
) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    pokes: list[None] = []
    board = FaultBoard(Diary(clock=system_clock, ledger=ledger, poke=lambda: pokes.append(None)))
    for is_so in (False, True, True, False, False):
        board.tell(FaultCode.UNDER_VOLTAGE, is_so=is_so, detail="4.6 V")
    rows = [row for row in ledger.rows_waiting(max_bytes=10**6) if isinstance(row, EventRow)]
    assert [(row.event, row.detail) for row in rows] == [
        (EventKind.FAULT, "under_voltage: 4.6 V"),
        (EventKind.FAULT_OVER, "under_voltage: 4.6 V"),
    ]
    assert len(pokes) == 2
    ledger.close()


def test_faults_with_rows_of_their_own_are_shown_but_not_journalled_twice(
    tmp_path: Path, system_clock: Any
) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    board = FaultBoard(Diary(clock=system_clock, ledger=ledger, poke=lambda: None))
    board.tell(FaultCode.TOO_HOT, is_so=True)
    board.tell(FaultCode.ARRESTER_FAILED, is_so=True)
    assert board.present == (FaultCode.ARRESTER_FAILED, FaultCode.TOO_HOT)
    assert ledger.waiting() == 1
    ledger.close()
