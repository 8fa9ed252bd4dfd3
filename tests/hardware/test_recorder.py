from __future__ import annotations

import wave
from pathlib import Path

from hardware.simulated.recorder import WavRecorder


def frames(path: Path) -> int:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 48_000)
        return int(file.getnframes())


def test_a_recording_can_be_read_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "horn.wav"
    with WavRecorder(path, 48_000) as recorder:
        for length in (480, 960):
            recorder.write(b"\0\0" * 480)
            recorder.mend_header()
            assert frames(path) == length


def test_a_finished_recording_has_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "horn.wav"
    with WavRecorder(path, 48_000) as recorder:
        recorder.write(b"\1\0" * 700)
    assert frames(path) == 700
