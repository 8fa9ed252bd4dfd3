from __future__ import annotations

import numpy as np
import pytest

from hardware.simulated.horn import Horn

MS = 1_000_000
PER_MS = 48


def block(value: int, ms: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.full(ms * PER_MS, value, np.int16)


@pytest.fixture
def horn() -> Horn:
    """Warm-up 100 ms, switched on at 0."""
    horn = Horn(0, 0.1)
    horn.switch_amplifier(0, on=True)
    return horn


def test_a_block_sounds_at_its_instant(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 20), put_out_ns=450 * MS)
    out = horn.advance(1000 * MS)
    assert len(out) == 48_000
    assert np.flatnonzero(out)[[0, -1]].tolist() == [500 * PER_MS, 520 * PER_MS - 1]


def test_a_block_that_comes_late_sounds_when_it_comes(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 20), put_out_ns=507 * MS)
    assert np.flatnonzero(horn.advance(1000 * MS))[0] == 507 * PER_MS


def test_blocks_follow_each_other_without_a_gap(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 20), put_out_ns=0)
    horn.feed(1, 521 * MS, block(7, 20), put_out_ns=0)
    assert np.flatnonzero(horn.advance(1000 * MS)).tolist() == list(
        range(500 * PER_MS, 540 * PER_MS)
    )


def test_a_real_gap_stays_a_gap(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 20), put_out_ns=0)
    horn.feed(1, 600 * MS, block(7, 20), put_out_ns=0)
    assert np.count_nonzero(horn.advance(1000 * MS)[520 * PER_MS : 600 * PER_MS]) == 0


def test_nothing_sounds_before_the_amplifier_is_warm() -> None:
    horn = Horn(0, 0.1)
    horn.switch_amplifier(450 * MS, on=True)
    horn.feed(1, 500 * MS, block(7, 100), put_out_ns=0)
    assert np.flatnonzero(horn.advance(1000 * MS))[0] == 550 * PER_MS


def test_a_cold_amplifier_is_silent_and_a_dead_one_too(horn: Horn) -> None:
    cold = Horn(0, 0.1)
    cold.feed(1, 500 * MS, block(7, 100), put_out_ns=0)
    assert not cold.advance(1000 * MS).any()
    horn.set_dead(dead=True)
    horn.feed(1, 500 * MS, block(7, 100), put_out_ns=0)
    assert not horn.advance(1000 * MS).any()


def test_switching_off_ends_the_sound_at_that_sample(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 100), put_out_ns=0)
    horn.switch_amplifier(530 * MS, on=False)
    assert np.flatnonzero(horn.advance(1000 * MS))[-1] == 530 * PER_MS - 1


def test_a_cut_forgets_what_has_not_sounded_and_spares_others(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 100), put_out_ns=0)
    horn.feed(2, 550 * MS, block(5, 100), put_out_ns=0)
    horn.cut(1, 550 * MS)
    out = horn.advance(1000 * MS)
    assert set(out[500 * PER_MS : 550 * PER_MS]) == {7}
    assert set(out[550 * PER_MS : 650 * PER_MS]) == {5}


def test_a_killed_player_falls_silent(horn: Horn) -> None:
    horn.feed(1, 500 * MS, block(7, 100), put_out_ns=0)
    horn.cut_all(520 * MS)
    assert np.flatnonzero(horn.advance(1000 * MS))[-1] == 520 * PER_MS - 1


def test_the_recording_is_the_same_however_it_is_cut_into_turns() -> None:
    whole, turns = Horn(0, 0.05), Horn(0, 0.05)
    for horn in (whole, turns):
        horn.switch_amplifier(100 * MS, on=True)
        horn.switch_amplifier(700 * MS, on=False)
        horn.feed(1, 120 * MS, block(9, 900), put_out_ns=0)
    pieces = [turns.advance(ms * MS) for ms in range(37, 1000, 37)] + [turns.advance(1000 * MS)]
    assert np.array_equal(np.concatenate(pieces), whole.advance(1000 * MS))


def test_time_does_not_run_backwards(horn: Horn) -> None:
    assert len(horn.advance(100 * MS)) == 4800
    assert len(horn.advance(50 * MS)) == 0
    assert horn.written == 4800
