from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from contract.ids import Sha256
from contract.journal import EventKind, EventRow
from edge.shell.card_keeper import CardKeeper
from edge.shell.inbox import CardRoomChanged
from edge.shell.ledger import Ledger
from edge.shell.ration import Ration
from edge.shell.reserve import MIB, Reserve
from edge.shell.sound_cache import SoundCache

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")


async def test_a_full_card_is_told_gives_up_what_nobody_needs_and_is_told_to_be_over(
    tmp_path: Path, running: Any, eventually: Any, system_clock: Any
) -> None:
    free = [1 << 30]
    reserve = Reserve(tmp_path / "r", size_bytes=MIB, free_bytes=lambda: free[0])
    ledger = Ledger(tmp_path / "ledger.db", reserve=reserve)
    cache = SoundCache(tmp_path / "sounds", tmp_path / "cache.db")
    (tmp_path / "x.part").write_bytes(b"old")
    old = Sha256(hashlib.sha256(b"old").hexdigest())
    cache.adopt(tmp_path / "x.part", old)
    told: list[CardRoomChanged] = []
    keeper = CardKeeper(
        ledger=ledger,
        cache=cache,
        ration=Ration(clock=system_clock, ledger=ledger),
        on_event=told.append,
        look_every_s=0.01,
    )
    async with running(keeper.run()):
        await eventually(lambda: ledger._reserve.is_held)
        assert told == []
        assert cache.held() == {old}
        free[0] = 0
        await eventually(lambda: told == [CardRoomChanged(is_full=True)])
        assert cache.held() == frozenset()
        ledger._db.execute("PRAGMA query_only=ON")
        ledger.append(EventRow(number=1, event=EventKind.SURGE, at=FIVE))
        assert ledger.in_memory == 1
        await eventually(lambda: keeper.current.rows_in_memory == 1)
        ledger._db.execute("PRAGMA query_only=OFF")
        await eventually(lambda: ledger.in_memory == 0)
        free[0] = 1 << 30
        await eventually(lambda: told[1:] == [CardRoomChanged(is_full=False)])
    cache.close()
    ledger.close()
