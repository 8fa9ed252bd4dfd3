"""Known recordings: what is found in them, where, and what must not be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware.simulated.wire import RATE
from provisioning.bench.listening import Occurrence, Recording, find, loudest_db, trimmed

Samples = NDArray[np.int16]
Make = Callable[..., Samples]
MS = 1e-3


@pytest.fixture(scope="module")
def source(speech: Make) -> Samples:
    return speech(1, 8.0)


def only(found: list[Occurrence]) -> Occurrence:
    assert len(found) == 1, found
    return found[0]


def gain(samples: Samples, factor: float) -> Samples:
    return (samples * factor).astype(np.int16)


def part(samples: Samples, from_s: float, to_s: float) -> Samples:
    return samples[round(from_s * RATE) : round(to_s * RATE)]


def hiss(seed: int, duration_s: float, level: float) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(round(duration_s * RATE))
    return (noise * level).astype(np.int16)


@pytest.mark.parametrize("at_s", [0.0, 0.5, 3.000_01, 6.123_456])
def test_a_whole_sound_is_found_where_it_is(source: Samples, lay: Make, at_s: float) -> None:
    one = only(find(source, Recording(lay(16, (at_s, source)))))
    assert one.start_s == pytest.approx(at_s, abs=0.1 * MS)
    assert one.fraction == 1.0
    assert one.heard_from_s == pytest.approx(at_s, abs=0.1)
    assert one.heard_to_s == pytest.approx(at_s + 8, abs=0.1)


@pytest.mark.parametrize("factor", [0.05, 0.3, 2.0, -1.0])
def test_a_quieter_or_louder_one_is_found(source: Samples, lay: Make, factor: float) -> None:
    """An inverted one is not the programme's own waveform: it is another sound."""
    found = find(source, Recording(lay(12, (2.5, gain(source, factor)))))
    if factor < 0:
        assert found == []
        return
    one = only(found)
    assert one.start_s == pytest.approx(2.5, abs=1 * MS)
    assert one.fraction > 0.95


@pytest.mark.parametrize("level", [200.0, 800.0])
def test_noise_around_it_does_not_hide_it(source: Samples, lay: Make, level: float) -> None:
    recording = lay(12, (0, hiss(7, 12, level)), (2.5, source))
    one = only(find(source, Recording(recording)))
    assert one.start_s == pytest.approx(2.5, abs=1 * MS)
    assert one.fraction > 0.9


def test_joined_in_progress_it_is_found_where_it_would_have_begun(
    source: Samples, lay: Make
) -> None:
    one = only(find(source, Recording(lay(12, (5.0, part(source, 3, 8))))))
    assert one.start_s == pytest.approx(2.0, abs=1 * MS)
    assert one.fraction == pytest.approx(5 / 8, abs=0.03)
    assert one.heard_from_s == pytest.approx(5.0, abs=0.15)


def test_joined_before_the_recording_began_it_starts_before_it(source: Samples, lay: Make) -> None:
    one = only(find(source, Recording(lay(8, (0.0, part(source, 3, 8))))))
    assert one.start_s == pytest.approx(-3.0, abs=1 * MS)


@pytest.mark.parametrize("to_s", [0.8, 2.3, 7.5])
def test_cut_off_it_is_heard_until_then(source: Samples, lay: Make, to_s: float) -> None:
    one = only(find(source, Recording(lay(12, (2.5, part(source, 0, to_s))))))
    assert one.start_s == pytest.approx(2.5, abs=1 * MS)
    assert one.fraction == pytest.approx(to_s / 8, abs=0.03)
    assert one.heard_to_s == pytest.approx(2.5 + to_s, abs=0.15)


def test_a_recording_that_ends_first_holds_its_beginning(source: Samples, lay: Make) -> None:
    one = only(find(source, Recording(lay(7, (3.0, source)))))
    assert one.start_s == pytest.approx(3.0, abs=1 * MS)
    assert one.fraction == pytest.approx(0.5, abs=0.03)


def test_a_gap_makes_two_stretches_on_one_time_line(source: Samples, lay: Make) -> None:
    recording = lay(14, (2.0, part(source, 0, 3)), (6.5, part(source, 4.5, 8)))
    one = only(find(source, Recording(recording)))
    assert one.start_s == pytest.approx(2.0, abs=1 * MS)
    before, after = one.stretches
    assert before.to_s == pytest.approx(3.0, abs=0.15)
    assert after.from_s == pytest.approx(4.5, abs=0.15)
    assert after.origin_s == pytest.approx(before.origin_s, abs=1 * MS)
    assert one.fraction == pytest.approx(6.5 / 8, abs=0.04)


def test_resumed_out_of_step_it_lies_on_another_time_line(source: Samples, lay: Make) -> None:
    recording = lay(14, (2.0, part(source, 0, 3)), (6.54, part(source, 4.5, 8)))
    one = only(find(source, Recording(recording)))
    before, after = one.stretches
    assert after.origin_s - before.origin_s == pytest.approx(0.04, abs=1 * MS)


def test_played_twice_it_is_found_twice(source: Samples, lay: Make) -> None:
    found = find(source, Recording(lay(24, (2.0, source), (13.25, gain(source, 0.5)))))
    assert [one.start_s for one in found] == pytest.approx([2.0, 13.25], abs=1 * MS)
    assert all(one.fraction > 0.95 for one in found)


def test_two_sounds_after_each_other_are_told_apart(
    source: Samples, speech: Make, lay: Make
) -> None:
    other = speech(2, 5.0)
    recording = Recording(lay(20, (2.0, source), (12.0, other)))
    assert only(find(source, recording)).start_s == pytest.approx(2.0, abs=1 * MS)
    assert only(find(other, recording)).start_s == pytest.approx(12.0, abs=1 * MS)


@pytest.mark.parametrize("seed", range(2, 8))
def test_another_sound_is_not_heard_as_this_one(
    source: Samples, speech: Make, lay: Make, seed: int
) -> None:
    assert find(source, Recording(lay(12, (2.5, speech(seed, 8.0))))) == []


def test_the_same_noise_without_its_place_is_not_heard(source: Samples, lay: Make) -> None:
    backwards = source[::-1].copy()
    assert find(source, Recording(lay(12, (2.5, backwards)))) == []


def test_hiss_and_hum_are_not_heard_as_speech(source: Samples, lay: Make) -> None:
    hum = 3000 * np.sin(2 * np.pi * 50 * np.arange(12 * RATE) / RATE)
    recording = lay(12, (0, hiss(3, 12, 2000)), (0, hum.astype(np.int16)))
    assert find(source, Recording(recording)) == []


def test_nothing_is_heard_in_silence_or_in_no_recording(source: Samples, lay: Make) -> None:
    assert find(source, Recording(lay(12))) == []
    assert find(source, Recording(np.zeros(0, np.int16))) == []


def test_a_silent_source_is_never_heard(speech: Make, lay: Make) -> None:
    recording = Recording(lay(12, (2.5, speech(1, 8.0))))
    assert find(np.zeros(5 * RATE, np.int16), recording) == []
    assert find(np.zeros(0, np.int16), recording) == []


def test_a_sound_shorter_than_a_block_is_found(speech: Make, lay: Make) -> None:
    short = speech(9, 0.6)
    one = only(find(short, Recording(lay(5, (1.7, short)))))
    assert one.start_s == pytest.approx(1.7, abs=1 * MS)
    assert one.fraction == 1.0


def test_a_sound_with_a_pause_in_it_is_heard_whole(speech: Make, lay: Make) -> None:
    paused = lay(8, (0.0, speech(1, 3.0)), (5.5, speech(2, 2.5)))
    one = only(find(paused, Recording(lay(14, (3.0, paused)))))
    assert one.fraction == 1.0
    assert one.start_s == pytest.approx(3.0, abs=1 * MS)


def test_a_phrase_that_repeats_in_it_makes_no_second_playing(speech: Make, lay: Make) -> None:
    phrase = speech(4, 2.0)
    source = np.concatenate((phrase, speech(5, 3.0), phrase))
    one = only(find(source, Recording(lay(14, (3.0, source)))))
    assert one.start_s == pytest.approx(3.0, abs=1 * MS)
    assert one.fraction == 1.0


def test_level_of_the_loudest_moment() -> None:
    tone = np.zeros(RATE, np.int16)
    assert loudest_db(tone) == float("-inf")
    assert loudest_db(tone[:0]) == float("-inf")
    tone[20_000:30_000] = 3277
    assert loudest_db(tone) == pytest.approx(-20, abs=0.1)


def test_silent_ends_are_trimmed(speech: Make, lay: Make) -> None:
    start, end = trimmed(lay(4, (1.0, hiss(1, 2.0, 1000))))
    assert start == pytest.approx(RATE, abs=50)
    assert end == pytest.approx(3 * RATE, abs=50)
    assert trimmed(np.zeros(100, np.int16)) == (0, 100)
