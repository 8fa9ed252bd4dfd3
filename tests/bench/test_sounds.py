from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware.simulated.wire import RATE
from provisioning.bench.errors import BenchError
from provisioning.bench.listening import Recording, find
from provisioning.bench.sounds import decode, make_if_missing, speak, writable_folder

Samples = NDArray[np.int16]
Make = Callable[..., Samples]
EVENING = "Kính mời bà con nghe bản tin chiều của đài truyền thanh xã Bình Lư."
STORM = "Khẩn cấp. Mưa lớn trên diện rộng, đề nghị các hộ ven suối di chuyển ngay đến nơi an toàn."


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "tin-chieu.txt"
    path.write_text(EVENING, encoding="utf-8")
    return path


async def test_a_text_is_spoken(text: Path, tmp_path: Path) -> None:
    sound = tmp_path / "made" / "tin-chieu.wav"
    await speak(text, sound)
    samples = await decode(sound.read_bytes(), "tin-chieu")
    assert len(samples) > 2 * RATE
    assert np.abs(samples).max() > 1000
    assert [path.name for path in sound.parent.iterdir()] == ["tin-chieu.wav"]


async def test_what_is_there_is_not_made_again(text: Path) -> None:
    sound = text.with_suffix(".wav")
    sound.write_bytes(b"mine")
    os.utime(text, (1, 1))
    await speak(text, sound)
    await make_if_missing(sound)
    assert sound.read_bytes() == b"mine"


async def test_it_is_made_again_when_the_text_is_newer(text: Path) -> None:
    sound = text.with_suffix(".wav")
    sound.write_bytes(b"old")
    os.utime(sound, (1, 1))
    await make_if_missing(sound)
    with wave.open(str(sound)) as made:
        assert made.getnframes() > 0


async def test_a_sound_without_a_text_is_left_alone(tmp_path: Path) -> None:
    await make_if_missing(tmp_path / "tin-chieu.wav")
    assert not (tmp_path / "tin-chieu.wav").exists()


async def test_two_texts_of_one_voice_are_told_apart(text: Path, lay: Make) -> None:
    spoken = []
    for name, words in (("chieu", EVENING), ("bao", STORM)):
        one = text.with_name(f"{name}.txt")
        one.write_text(words, encoding="utf-8")
        await make_if_missing(one.with_suffix(".wav"))
        spoken.append(await decode(one.with_suffix(".wav").read_bytes(), name))
    recording = Recording(lay(12, (1.25, spoken[0])))
    (played,) = find(spoken[0], recording)
    assert played.start_s == pytest.approx(1.25, abs=1e-3)
    assert find(spoken[1], recording) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
async def test_a_folder_that_takes_no_files_is_one_clear_line(
    text: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    sound = tmp_path / place / "tin-chieu.wav"
    with pytest.raises(BenchError, match=r"tin-chieu\.wav: cannot be made: ") as caught:
        await speak(text, sound)
    assert len(str(caught.value).splitlines()) == 1


async def test_what_is_no_sound_is_named() -> None:
    with pytest.raises(BenchError, match=r"^tin-chieu: "):
        await decode(b"this is no sound", "tin-chieu")


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    writable_folder(tmp_path / "a" / "b")
    writable_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BenchError, match=f"^{place}: cannot be made: "):
            writable_folder(place)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BenchError, match="no permission to write here"):
        writable_folder(tmp_path)
    tmp_path.chmod(0o700)
