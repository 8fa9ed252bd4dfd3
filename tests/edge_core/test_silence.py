from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ids import SlotId
from edge.core.silence import (
    PATIENCE_S,
    Act,
    Listening,
    acted,
    begun,
    chime_measured,
    due,
    ended,
    is_silence,
    measured,
)
from edge.core.state import OccurrenceKey
from tests.edge_core.conftest import FIVE

KEY: OccurrenceKey = (SlotId("s"), FIVE)
OTHER: OccurrenceKey = (SlotId("t"), FIVE)
ZEROS = -120.0
SPEECH = -20.0


@pytest.mark.parametrize(
    ("level_db", "volume_pct", "silent"),
    [
        (SPEECH, 100, False),
        (-55.0, 100, False),  # a quiet room
        (-71.0, 100, True),
        (ZEROS, 100, True),
        (SPEECH - 18, 50, False),
        (-75.0, 50, False),
        (-89.0, 50, True),
        (SPEECH - 60, 10, False),  # speech at 10 %
        (-99.0, 10, False),
        (ZEROS, 10, True),
        (SPEECH - 78, 5, False),
        (ZEROS, 4, None),
        (ZEROS, 0, None),
        (None, 100, None),
    ],
)
def test_silence_is_judged_by_the_volume(
    level_db: float | None, volume_pct: int, silent: bool | None
) -> None:
    assert is_silence(level_db, volume_pct) is silent


class Ear:
    """Levels once a second, and what was done when."""

    def __init__(self) -> None:
        self.state = Listening()
        self.now_s = 1000.0
        self.done: list[tuple[float, Act]] = []

    def item(self, key: OccurrenceKey, level_db: float | None, seconds: int, chime: float) -> None:
        """An item of that level; what is due is done at once, and the chime has a level of its own."""
        began_s = self.now_s
        self.state = begun(self.state, key, self.now_s)
        for _ in range(seconds):
            self.now_s += 1
            self.state = measured(self.state, level_db, 80, self.now_s)
            if act := due(self.state, self.now_s):
                self.done.append((self.now_s - began_s, act))
                self.state = acted(self.state, act, self.now_s)
                if act is Act.FILL:
                    self.state = chime_measured(self.state, chime, 80)
                self.state = begun(self.state, key, self.now_s)
        self.state = ended(self.state)


def test_speech_and_what_cannot_be_measured_are_left_alone() -> None:
    ear = Ear()
    ear.item(KEY, SPEECH, 600, ZEROS)
    ear.item(OTHER, None, 600, ZEROS)
    assert ear.done == []


def test_a_pause_that_is_shorter_than_the_patience_is_legal() -> None:
    state = begun(Listening(), KEY, 0.0)
    for second in range(1, 200):
        state = measured(state, SPEECH if second % 20 == 0 else ZEROS, 80, float(second))
        assert due(state, float(second)) is None


def test_silence_is_counted_from_the_last_sound() -> None:
    state = measured(begun(Listening(), KEY, 0.0), SPEECH, 80, 7.0)
    for second in range(8, 27):
        state = measured(state, ZEROS, 80, float(second))
    assert due(state, 26.9) is None
    assert due(state, 7.0 + PATIENCE_S) is Act.RESTART
    assert state.quiet_from_s == 7.0


def test_a_card_that_stays_silent_is_tried_again_ever_more_rarely() -> None:
    ear = Ear()
    ear.item(KEY, ZEROS, 4 * 3600, ZEROS)
    assert ear.done[:6] == [
        (20, Act.RESTART),
        (40, Act.FILL),
        (100, Act.RESTART),
        (120, Act.FILL),
        (420, Act.RESTART),
        (440, Act.FILL),
    ]
    assert len(ear.done) < 16
    assert ear.state.is_silent


def test_an_item_that_is_silent_itself_gets_chimes_and_one_restart() -> None:
    ear = Ear()
    ear.item(KEY, ZEROS, 3600, SPEECH)
    assert [act for _, act in ear.done].count(Act.RESTART) == 1
    assert [at_s for at_s, act in ear.done if act is Act.FILL] == [40, 100, 400, 1300]
    assert not ear.state.is_silent


def test_after_an_item_that_was_silent_itself_the_next_one_starts_afresh() -> None:
    ear = Ear()
    ear.item(KEY, ZEROS, 60, SPEECH)
    ear.done.clear()
    ear.item(OTHER, ZEROS, 60, SPEECH)
    assert ear.done[0] == (20, Act.RESTART)


def test_what_a_dead_card_was_tried_with_is_remembered_over_items() -> None:
    ear = Ear()
    for number in range(60):
        ear.item((SlotId(f"s{number}"), FIVE), ZEROS, 60, ZEROS)
    assert len(ear.done) < 12  # in an hour
    assert ear.state.is_silent


def test_any_sound_ends_it() -> None:
    ear = Ear()
    ear.item(KEY, ZEROS, 300, ZEROS)
    assert ear.state.is_silent
    ear.item(OTHER, SPEECH, 5, ZEROS)
    assert not ear.state.is_silent


@given(st.lists(st.tuples(st.sampled_from([ZEROS, SPEECH, None]), st.integers(1, 90)), max_size=40))
def test_nothing_is_done_sooner_than_the_patience_after_a_sound(
    stretches: list[tuple[float | None, int]],
) -> None:
    state, now_s, heard_s = begun(Listening(), KEY, 0.0), 0.0, 0.0
    for level_db, seconds in stretches:
        for _ in range(seconds):
            now_s += 1
            state = measured(state, level_db, 80, now_s)
            heard_s = now_s if level_db == SPEECH else heard_s
            if act := due(state, now_s):
                assert now_s - heard_s >= PATIENCE_S
                state = acted(state, act, now_s)
