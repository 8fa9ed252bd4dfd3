from __future__ import annotations

import math

from hub.media.level import Gain, Loudness, first_gain, fits, read_loudness, sounding_span

SPEECH = Loudness(lufs=-20.0)


def test_span_keeps_a_breath_on_both_sides() -> None:
    levels = [-90.0] * 10 + [-20.0] * 20 + [-90.0] * 10
    assert sounding_span(levels, 0.1, SPEECH) == (0.995, 3.1)


def test_span_stays_within_the_sound() -> None:
    assert sounding_span([-20.0] * 10, 0.1, SPEECH) == (0.0, 1.0)


def test_nothing_sounds() -> None:
    assert sounding_span([-math.inf] * 10, 0.1, Loudness(lufs=-70.0)) is None


def test_noise_of_a_poor_recording_is_trimmed_too() -> None:
    levels = [-52.0] * 10 + [-20.0] * 10
    assert sounding_span(levels, 0.1, Loudness(lufs=-20.0)) == (0.995, 2.0)


def test_gain_corrects_loudness_and_peak() -> None:
    gain = first_gain(Loudness(lufs=-28.0))
    assert gain.gain_db == 10.0
    better = gain.corrected(Loudness(lufs=-19.0, peak_dbtp=-1.0))
    assert better.gain_db == 11.8
    assert better.ceiling_db < gain.ceiling_db - 0.5
    assert Gain(gain_db=3.0).corrected(Loudness(lufs=-60.0)).gain_db == 9.0


def test_fits() -> None:
    assert fits(Loudness(lufs=-18.4, peak_dbtp=-1.5))
    assert not fits(Loudness(lufs=-18.0, peak_dbtp=-1.4))
    assert not fits(Loudness(lufs=-17.0, peak_dbtp=-3.0))


def test_summary_of_the_right_filter_is_read() -> None:
    log = (
        "[ebur128@a @ 0x1] [info] Summary:\n  I:  -20.1 LUFS\n  Peak: -3.0 dBFS\n"
        "[ebur128@b @ 0x2] [info] Summary:\n  I:  -30.5 LUFS\n"
    )
    assert read_loudness(log, "a") == Loudness(lufs=-20.1, peak_dbtp=-3.0)
    assert read_loudness(log, "b") == Loudness(lufs=-30.5)
    assert read_loudness("", "a").lufs == -math.inf
