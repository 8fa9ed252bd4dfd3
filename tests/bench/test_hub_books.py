"""The judge of the hub's crash trials finds what it is there to find; and a few real trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hardware.simulated.card import built
from provisioning.bench.hub_books import HubBooks
from provisioning.bench.hub_trials import trials

HELD: dict[str, Any] = {
    "say": "ready",
    "bulletins": ["b-1"],
    "sounds": ["ab"],
    "slots": ["s-1"],
    "rows": [["bl-01", 1], ["bl-01", 2]],
    "versions": {"bl-01": 4},
    "settings": {"bl-01": 500},
}


@pytest.fixture
def books() -> HubBooks:
    """One of each thing was answered."""
    made = HubBooks()
    for fact in (
        {"say": "sound", "bulletin": "b-1", "sha256": "ab"},
        {"say": "slot", "slot": "s-1", "versions": {"bl-01": 4}},
        {"say": "rows", "cluster": "bl-01", "up_to": 2},
        {"say": "settings", "cluster": "bl-01", "monthly_mib": 500},
        {"say": "backup", "file": "x"},
    ):
        assert made.answered(fact) == []
    return made


def test_all_there_is_all_right(books: HubBooks) -> None:
    more = HELD | {"slots": ["s-1", "s-2"], "rows": [*HELD["rows"], ["bl-02", 1]]}
    assert books.started(more) == []
    assert (books.answers, books.sounds) == (5, {"ab"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bulletins": []}, "lost: bulletin b-1"),
        ({"slots": []}, "lost: slot s-1"),
        ({"rows": [["bl-01", 2]]}, "lost: row 1 of bl-01, which was acknowledged"),
        ({"rows": [["bl-01", 1], ["bl-01", 2], ["bl-01", 2]]}, "doubled: a journal row"),
        ({"versions": {"bl-01": 3}}, "fell: plan 3 of bl-01 after 4"),
        ({"settings": {"bl-01": 300}}, "lost: settings of bl-01"),
    ],
)
def test_what_a_crash_must_not_do(books: HubBooks, change: dict[str, Any], words: str) -> None:
    assert books.started(HELD | change) == [words]


async def test_a_killed_hub_has_all_that_it_answered(tmp_path: Path) -> None:
    assert built() is not None, "the simulated card is not built: run scripts/setup test"
    figures = await trials(10, 77, tmp_path)
    assert figures.findings == ()
    assert figures.n == 10
    assert figures.answers > 0
