"""Writes ledger rows for ever and says each number once it is on the card: `writer.py PATH`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from contract.journal import EventKind, EventRow
from edge.shell.ledger import Ledger

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def main() -> None:
    ledger = Ledger(Path(sys.argv[1]))
    while True:
        row = ledger.append(EventRow(number=1, event=EventKind.SURGE, at=AT))
        sys.stdout.write(f"{row.number}\n")
        sys.stdout.flush()


main()
