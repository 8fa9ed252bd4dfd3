from __future__ import annotations

import array
import io
import wave
from pathlib import Path

from hardware.attention import LENGTH_MS, RATE, WHOLE_BYTES, attention, write_attention


def test_the_tone_is_loud_short_and_cracks_nowhere() -> None:
    tone = attention()
    assert len(tone) == WHOLE_BYTES
    with wave.open(io.BytesIO(tone)) as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
        assert file.getnframes() * 1000 == LENGTH_MS * RATE
        samples = array.array("h", file.readframes(file.getnframes()))
    assert samples[0] == 0
    assert 0.3 < max(samples) / 32767 < 0.6
    between_calls = [samples[at - 20 : at + 20] for at in range(RATE, len(samples), RATE)]
    assert all(max(edge) < 1_000 for edge in between_calls)
    assert LENGTH_MS <= 8_000


def test_a_broken_one_is_made_anew_and_a_whole_one_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "attention.wav"
    path.write_bytes(b"half")
    write_attention(path)
    made = path.stat().st_mtime_ns
    write_attention(path)
    assert path.stat().st_mtime_ns == made
    assert path.read_bytes() == attention()
