"""`loaxa-hub pack make`: speaks the warnings of the emergency pack and takes them in."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from contract.pack import PackKind
from hub.cli.api import api_of
from hub.cli.speak import say
from hub.errors import HubError

TEXTS = Path(__file__).parents[1] / "pack"
WORDS_PER_MINUTE = 135
"""Slower than speech in a room: a horn's words cross a valley and come back from its slopes."""
SPEAK_S = 60
TITLES = {
    PackKind.FLOOD: "Cảnh báo lũ",
    PackKind.FLASH_FLOOD: "Cảnh báo lũ quét",
    PackKind.LANDSLIDE: "Cảnh báo sạt lở đất",
    PackKind.STORM: "Cảnh báo bão, dông lốc",
    PackKind.WILDFIRE: "Cháy rừng",
    PackKind.EARTHQUAKE: "Động đất",
    PackKind.EPIDEMIC: "Thông báo dịch bệnh",
    PackKind.EVACUATION: "Lệnh sơ tán",
    PackKind.ALL_CLEAR: "Hết tình huống khẩn cấp",
    PackKind.DRILL: "Lời báo diễn tập",
}


async def make(wanted: argparse.Namespace) -> None:
    """Makes every warning, or those named; `--text` or `--sound` gives a kind other words or a real voice."""
    kinds = _kinds(wanted.kind) or [*PackKind]
    own = wanted.text or wanted.sound
    if own and len(kinds) != 1:
        raise HubError(
            "one_kind",
            "với --text hoặc --sound, hãy nêu đúng một loại, ví dụ: pack make flood --sound lu.wav",
            "with --text or --sound name one kind, for example: pack make flood --sound flood.wav",
        )
    api = api_of(wanted.state)
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            sound = Path(wanted.sound) if wanted.sound else Path(folder) / f"{kind}.wav"
            if not wanted.sound:
                speak(Path(wanted.text) if wanted.text else TEXTS / f"{kind}.txt", sound)
            made = api.upload(sound, TITLES[kind], "emergency", pack=str(kind))
            say(f"{kind}: {made['title']} ({made['duration_ms'] / 1000:.1f} s)")


def _kinds(named: list[str]) -> list[PackKind]:
    known = ", ".join(PackKind)
    try:
        return [PackKind(kind) for kind in named]
    except ValueError as error:
        raise HubError(
            "unknown_kind", f"{error}; chỉ có: {known}", f"{error}; there are: {known}"
        ) from error


def speak(text: Path, sound: Path) -> None:
    """Makes speech of a Vietnamese text.

    Raises:
        HubError: The text cannot be read, or espeak-ng is missing or fails.
    """
    command = [
        "espeak-ng",
        "-v",
        "vi",
        "-s",
        str(WORDS_PER_MINUTE),
        "-w",
        str(sound),
        "-f",
        str(text),
    ]
    try:
        text.read_text(encoding="utf-8")
        subprocess.run(command, check=True, capture_output=True, timeout=SPEAK_S)
    except FileNotFoundError as error:
        raise HubError(
            "not_spoken",
            f"không tìm thấy {error.filename}; nếu thiếu espeak-ng, hãy chạy: apt-get install espeak-ng",
            f"{error.filename} is not there; if it is espeak-ng, run: apt-get install espeak-ng",
        ) from error
    except (UnicodeDecodeError, subprocess.SubprocessError) as error:
        raise HubError(
            "not_spoken",
            f"không đọc thành tiếng được {text}: {error}",
            f"{text} is not spoken: {error}",
        ) from error
