from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from contract.status import Reported
from edge.core.card_words import CardStatus
from edge.core.clock_trust import Doubt
from edge.shell.status_file import DRIFT_MS, ClockStatus, LinkStatus, StatusFile

FIVE = datetime.fromisoformat("2026-11-24T17:00:00+07:00")
CARD = CardStatus(free_mib=69_000, sounds_mib=1.0, quota_mib=500)
REPORTED = Reported(at=FIVE, boot="b", software="1", board="cabinet-v1")


class Watched:
    """A status file and how often it was replaced: each time it is another file."""

    def __init__(self, folder: Path) -> None:
        self.file = StatusFile(folder / "run" / "status.json")
        self._path = folder / "run" / "status.json"
        self._seen = b""
        self.writes = 0

    def tell(
        self,
        *,
        minute: int = 0,
        clock: ClockStatus | None = None,
        card: CardStatus | None = CARD,
        link_up: bool = True,
    ) -> None:
        self.file.write(
            replace(REPORTED, at=FIVE + timedelta(minutes=minute)),
            link_up=link_up,
            clock=clock or ClockStatus(wall_over_mono_ms=1_000_000),
            link=LinkStatus(),
            card=card,
        )
        if (content := self._path.read_bytes()) != self._seen:
            self._seen = content
            self.writes += 1


def test_an_idle_hour_writes_the_status_once(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for minute in range(60):
        watched.tell(
            minute=minute,
            clock=ClockStatus(wall_over_mono_ms=1_000_000 + 3 * minute),
            card=replace(CARD, free_mib=CARD.free_mib - 40 * minute),
        )
    assert watched.writes == 1, "a slewed clock and other programs' files are no news"


def test_drift_is_told_once_it_has_added_up(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for step in range(11):
        watched.tell(clock=ClockStatus(wall_over_mono_ms=1_000_000 + step * DRIFT_MS // 10))
    assert watched.writes == 2, "it counts from what was written, not from the last look"


@pytest.mark.parametrize(
    ("clock", "card", "link_up"),
    [
        (ClockStatus(wall_over_mono_ms=1_000_000 - DRIFT_MS), CARD, True),
        (ClockStatus(wall_over_mono_ms=1_000_000, doubt=list(Doubt)[-1]), CARD, True),
        (ClockStatus(wall_over_mono_ms=1_000_000, trust_since_mono_ms=5), CARD, True),
        (None, replace(CARD, free_mib=62_000), True),
        (None, replace(CARD, free_mib=0), True),
        (None, replace(CARD, rows_in_memory=1), True),
        (None, None, True),
        (None, CARD, False),
    ],
)
def test_what_somebody_would_act_on_is_told_at_once(
    tmp_path: Path, clock: ClockStatus | None, card: CardStatus | None, link_up: bool
) -> None:
    watched = Watched(tmp_path)
    watched.tell()
    watched.tell(clock=clock, card=card, link_up=link_up)
    assert watched.writes == 2


def test_a_full_card_tells_every_mebibyte(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for free_mib in (5, 4, 0, 1):
        watched.tell(card=replace(CARD, free_mib=free_mib))
    assert watched.writes == 4
