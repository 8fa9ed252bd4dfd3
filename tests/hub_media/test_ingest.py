from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hub.media import IngestError, IngestLimits, ingest

LIMITS = IngestLimits(run_limit_s=60.0)


async def _refusal(source: Path, store: Path, limits: IngestLimits = LIMITS) -> IngestError:
    with pytest.raises(IngestError) as caught:
        await ingest(source, store, limits=limits)
    assert _files(store) == []
    assert caught.value.message_vi
    assert caught.value.message_en
    return caught.value


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _streamed(wav: Path) -> Path:
    """The same as a recorder writes it into a pipe: it cannot go back to fill in the length."""
    raw = bytearray(wav.read_bytes())
    raw[40:44] = (0x7FFFF000).to_bytes(4, "little")
    made = wav.with_name("streamed.wav")
    made.write_bytes(raw)
    return made


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp3", ()),
        ("a.m4a", ("-c:a", "aac")),
        ("a.ogg", ("-c:a", "libopus")),
        ("vorbis.ogg", ("-c:a", "libvorbis", "-ac", "2")),
        ("a.flac", ()),
        ("stereo.wav", ("-ac", "2", "-ar", "44100")),
        ("quiet.wav", ("-af", "volume=-30dB")),
        ("loud.wav", ("-af", "volume=20dB")),
        ("rumble.wav", ("-af", "equalizer=f=60:t=q:w=1:g=20,volume=-6dB")),
    ],
)
async def test_any_sound_becomes_the_same_kind(
    name: str,
    options: tuple[str, ...],
    speech: Path,
    tmp_path: Path,
    convert: Callable[..., Path],
    measured: Callable[[Path], Any],
) -> None:
    source = convert(name, "-i", speech, *options)
    store = tmp_path / "media"

    made = await ingest(source, store, limits=LIMITS)

    found = measured(made.path)
    assert found.codec == "opus"
    assert found.channels == "mono"
    assert abs(found.lufs - -18.0) <= 1.0
    assert found.peak_dbtp <= -1.5
    assert made.loudness_lufs == found.lufs
    assert made.duration_ms == round(found.samples / 48)
    assert made.path == store / hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert made.size_bytes == made.path.stat().st_size
    assert [*(store / "staging").iterdir()] == []


async def test_sound_of_a_video(speech: Path, tmp_path: Path, convert: Callable[..., Path]) -> None:
    picture = ("-f", "lavfi", "-i", "testsrc=d=30:r=2:s=64x64")
    source = convert("film.mp4", *picture, "-i", speech, "-c:a", "aac")
    made = await ingest(source, tmp_path / "media", limits=LIMITS)
    assert made.duration_ms < 10_000


async def test_same_input_gives_the_same_file(speech: Path, tmp_path: Path) -> None:
    first = await ingest(speech, tmp_path / "one", limits=LIMITS)
    second = await ingest(speech, tmp_path / "two", limits=LIMITS)
    assert first.sha256 == second.sha256


async def test_silence_at_both_ends_goes(
    speech: Path, tmp_path: Path, convert: Callable[..., Path]
) -> None:
    padded = convert("padded.wav", "-i", speech, "-af", "adelay=3000,apad=pad_dur=5")
    plain = await ingest(speech, tmp_path / "plain", limits=LIMITS)
    made = await ingest(padded, tmp_path / "media", limits=LIMITS)
    assert abs(made.duration_ms - plain.duration_ms) < 800


async def test_two_programmes_are_equally_loud(
    speech: Path, tmp_path: Path, convert: Callable[..., Path]
) -> None:
    music = convert("music.wav", "-f", "lavfi", "-i", "aevalsrc='0.2*sin(440*t*6.28)':d=6:s=48000")
    one = await ingest(speech, tmp_path / "media", limits=LIMITS)
    two = await ingest(music, tmp_path / "media", limits=LIMITS)
    assert abs(one.loudness_lufs - two.loudness_lufs) <= 1.0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp3", ()),
        ("a.wav", ()),
        ("a.flac", ()),
        ("a.ogg", ("-c:a", "libopus")),
        ("end.m4a", ("-c:a", "aac")),
        ("front.m4a", ("-c:a", "aac", "-movflags", "+faststart")),
        ("a.mka", ("-c:a", "libopus")),
    ],
)
async def test_a_cut_file_is_refused(
    name: str,
    options: tuple[str, ...],
    speech: Path,
    tmp_path: Path,
    convert: Callable[..., Path],
) -> None:
    whole = convert(name, "-i", speech, *options).read_bytes()
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    refused = await _refusal(cut, tmp_path / "media")
    assert refused.code == "cut_off"


async def test_damage_inside_is_refused(
    speech: Path, tmp_path: Path, convert: Callable[..., Path]
) -> None:
    raw = bytearray(convert("a.flac", "-i", speech).read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 4000] = bytes(4000)
    damaged = tmp_path / "damaged.flac"
    damaged.write_bytes(raw)
    assert (await _refusal(damaged, tmp_path / "media")).code in ("damaged", "cut_off")


async def test_a_wav_of_unknown_length_is_taken(tmp_path: Path, speech: Path) -> None:
    made = await ingest(_streamed(speech), tmp_path / "media", limits=LIMITS)
    assert made.duration_ms > 1000


async def test_what_is_no_sound_is_refused(tmp_path: Path, convert: Callable[..., Path]) -> None:
    text = tmp_path / "list.mp3"
    text.write_text("bảng lương tháng 11", encoding="utf-8")
    noise = tmp_path / "noise.mp3"
    noise.write_bytes(hashlib.shake_128(b"noise").digest(50_000))
    picture = convert("picture.mp4", "-f", "lavfi", "-i", "testsrc=d=1:r=2:s=64x64")
    for source in (text, picture):
        assert (await _refusal(source, tmp_path / "media")).code == "not_sound"
    assert (await _refusal(noise, tmp_path / "media")).code in ("not_sound", "damaged", "silent")


async def test_limits(speech: Path, tmp_path: Path, convert: Callable[..., Path]) -> None:
    empty = tmp_path / "empty.mp3"
    empty.write_bytes(b"")
    silent = convert("silent.wav", "-f", "lavfi", "-i", "anullsrc=d=3")
    blip = convert("blip.wav", "-f", "lavfi", "-i", "sine=d=0.3")
    store = tmp_path / "media"
    assert (await _refusal(empty, store)).code == "empty"
    assert (await _refusal(silent, store)).code == "silent"
    assert (await _refusal(blip, store)).code == "too_short"
    assert (await _refusal(speech, store, IngestLimits(max_duration_s=2))).code == "too_long"
    assert (await _refusal(speech, store, IngestLimits(max_bytes=1000))).code == "too_large"
    assert (await _refusal(speech, store, IngestLimits(run_limit_s=0.001))).code == "took_too_long"


class _Listener:
    """A web server that only counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        owner = self

        class Visits(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.visits += 1
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Visits)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"),
        ("list.mp3", "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"),
        ("join.txt", "ffconcat version 1.0\nfile '{target}'\n"),
        ("join.wav", "ffconcat version 1.0\nfile 'speech.wav'\n"),
    ],
)
async def test_a_playlist_reaches_nothing(
    name: str, text: str, speech: Path, tmp_path: Path
) -> None:
    listener = _Listener()
    thread = threading.Thread(target=listener.server.serve_forever)
    thread.start()
    port = listener.server.server_address[1]
    try:
        for target in (str(speech), "speech.wav", f"http://127.0.0.1:{port}/a.mp3"):
            trick = tmp_path / name
            trick.write_text(text.format(target=target), encoding="utf-8")
            assert (await _refusal(trick, tmp_path / "media")).code == "not_sound"
    finally:
        listener.server.shutdown()
        thread.join()
        listener.server.server_close()
    assert listener.visits == 0


async def test_a_store_that_cannot_be_written(speech: Path, tmp_path: Path) -> None:
    store = tmp_path / "media"
    store.write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(IngestError) as caught:
        await ingest(speech, store, limits=LIMITS)
    assert caught.value.code == "not_stored"
