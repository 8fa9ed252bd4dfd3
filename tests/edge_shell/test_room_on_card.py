from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hardware.simulated.card import Card, CardFaults, build

MIB = 1024 * 1024
NEW_LEDGER = """
import sys
from pathlib import Path
from edge.shell.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]) / "ledger.db")
print(ledger.card_is_full)
ledger.settle()
print(ledger.card_is_full)
"""


@pytest.mark.parametrize(("room_mib", "is_full"), [(1000, False), (3, True)])
def test_a_new_ledger_calls_a_card_full_only_when_it_is(
    tmp_path: Path, room_mib: int, is_full: bool
) -> None:
    build()
    store = tmp_path / "store"
    card = Card(store, tmp_path / "card")
    card.lay_out()
    card.set_faults(CardFaults(room_bytes=room_mib * MIB))
    command = card.command([sys.executable, "-c", NEW_LEDGER, str(store)])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [str(is_full)] * 2, done.stderr
