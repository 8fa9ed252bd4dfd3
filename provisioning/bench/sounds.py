"""Sounds for the rig: speech made from Vietnamese texts, and ingested files decoded again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import wave
from pathlib import Path
from zlib import crc32

import numpy as np

from hardware.simulated.wire import RATE
from provisioning.bench.errors import BenchError
from provisioning.bench.listening import Samples
from provisioning.bench.processes import run_to_end

WORDS_PER_MINUTE = 150
SPEAKERS = ("m3", "f2", "m1", "f4", "m7", "f1")
"""Each text has its own speaker: two texts in one voice share words to the very sample."""


async def speak(text: Path, sound: Path) -> None:
    """Makes speech of a Vietnamese text, unless it is there and not older than the text.

    Raises:
        BenchError: espeak-ng failed, or the folder takes no files.
    """
    if await asyncio.to_thread(_is_fresh, sound, text):
        return
    await _speak(sound, "-f", str(text))


async def speak_words(words: str, sound: Path) -> None:
    """Makes speech of words.

    Raises:
        BenchError: espeak-ng failed, or the folder takes no files.
    """
    await _speak(sound, words)


async def _speak(sound: Path, *what: str) -> None:
    part = sound.with_name(f".{sound.name}.{os.getpid()}.part")  # another run may make it too
    try:
        sound.parent.mkdir(parents=True, exist_ok=True)
        command = [
            "espeak-ng", "-v", speaker(sound), "-s", str(WORDS_PER_MINUTE), "-w", str(part), *what,
        ]  # fmt: skip
        await run_to_end(f"espeak-ng for {sound.name}", command)
        part.replace(sound)
    except OSError as error:
        raise BenchError(f"{sound}: cannot be made: {error.strerror}") from error


def _is_fresh(sound: Path, text: Path) -> bool:
    return sound.exists() and sound.stat().st_mtime >= text.stat().st_mtime


def speaker(sound: Path) -> str:
    """The voice that speaks a sound, by its name."""
    return f"vi+{SPEAKERS[crc32(sound.stem.encode()) % len(SPEAKERS)]}"


async def make_if_missing(sound: Path) -> None:
    """Makes a sound that has only its text beside it."""
    text = sound.with_suffix(".txt")
    if text != sound and text.is_file():
        await speak(text, sound)


async def decode(sound: bytes, name: str) -> Samples:
    """An ingested file as 48 kHz mono samples.

    Raises:
        BenchError: FFmpeg does not read it.
    """
    command = [
        "ffmpeg", "-v", "error", "-nostdin", "-i", "pipe:0", "-f", "s16le", "-ac", "1",
        "-ar", str(RATE), "pipe:1",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    samples, said = await process.communicate(sound)
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["ffmpeg failed"]
        raise BenchError(f"{name}: {last[0]}")
    return np.frombuffer(samples, "<i2")


def read_wav(path: Path) -> Samples:
    """A horn's recording, also one whose header is a moment behind.

    Raises:
        BenchError: There is none.
    """
    try:
        with wave.open(str(path)) as header:
            if header.getframerate() != RATE or header.getnchannels() != 1:
                raise BenchError(f"{path}: is not 48 kHz mono")
        data = path.read_bytes()[44:]
    except (OSError, EOFError, wave.Error) as error:
        raise BenchError(f"{path}: cannot be read: {error}") from error
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2")


def writable_folder(path: Path) -> None:
    """Makes a folder, or says why not.

    Raises:
        BenchError: It cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"{path}: cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise BenchError(f"{path}: no permission to write here")
