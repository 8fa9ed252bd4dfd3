"""What a killed agent had written and not brought to the card is safe before the next one sends or plays it."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from edge.shell.ledger import Ledger
from hardware.simulated.card import Card, build
from hardware.simulated.card_log import Op, read_changes, unsafe

APPENDS = """
import os, sys; from datetime import UTC, datetime; from pathlib import Path
from contract.journal import EventKind, EventRow; from edge.shell.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.append(EventRow(number=1, event=EventKind.SURGE, at=datetime(2026, 11, 24, tzinfo=UTC)))
os._exit(0)
"""
READS = """
import os, sys; from pathlib import Path; from edge.shell.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print(*(row.number for row in ledger.rows_waiting(max_bytes=10**6)), flush=True)
os._exit(0)
"""


MOST_BACK = 6


def run(card: Card, path: Path, program: str) -> list[int]:
    command = card.command([sys.executable, "-c", program, str(path)])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(number) for number in done.stdout.split()]


def unsafe_writes(folder: Path) -> int:
    left = unsafe(read_changes(folder / "card" / "log")).data
    return sum(change.op is Op.WRITE for changes in left.values() for change in changes)


def killed_before_its_last_fsync(folder: Path) -> Card:
    """A ledger of safe rows, and one more that only its reader believes to be."""
    card, path = Card(folder / "store", folder / "card"), folder / "store" / "ledger.db"
    card.lay_out()
    run(card, path, APPENDS)
    before = card.changes()
    run(card, path, APPENDS)
    for back in range(MOST_BACK):
        card.change_faults(kill_at=2 * card.changes() - before - back)
        before = card.changes()
        run(card, path, APPENDS)
        card.change_faults(kill_at=0)
        if unsafe_writes(folder):
            return card
    raise AssertionError("no kill came between the write and its fsync")


@pytest.mark.parametrize("seed", range(5))
def test_a_row_that_was_read_after_a_kill_survives_a_power_cut(tmp_path: Path, seed: int) -> None:
    build()
    card = killed_before_its_last_fsync(tmp_path)
    read = run(card, tmp_path / "store" / "ledger.db", READS)
    card.lose_power(random.Random(seed))
    ledger = Ledger(tmp_path / "store" / "ledger.db")
    assert [row.number for row in ledger.rows_waiting(max_bytes=10**6)] == read
    ledger.close()
