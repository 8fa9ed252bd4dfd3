from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.ids import Sha256
from edge.shell.download import SYNC_BYTES, Download, DownloadError, WrongSound

SOUND = bytes(range(256)) * 40
NAME = Sha256(hashlib.sha256(SOUND).hexdigest())


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    return tmp_path / "sound.part"


@pytest.fixture
def fetch(media: Any, system_clock: Any, staged: Path) -> Callable[[], None]:
    media.offer(SOUND)

    def run() -> None:
        download = Download(media.url, "bl-01", "sécret", clock=system_clock, silent_s=0.4)
        download.run(NAME, len(SOUND), staged)

    return run


def test_a_sound_comes_whole(fetch: Any, staged: Path, media: Any) -> None:
    fetch()
    assert staged.read_bytes() == SOUND
    assert media.headers[0]["Authorization"].startswith("Basic ")


def test_a_sound_is_on_the_card_when_its_download_ends(
    fetch: Any, staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").readlink())
    )
    fetch()
    assert synced == [staged]


@pytest.mark.parametrize("cut_at", [0, 1, 5000, len(SOUND) - 1])
def test_a_cut_download_goes_on_where_it_ended(
    fetch: Any, staged: Path, media: Any, cut_at: int
) -> None:
    media.script = [f"cuts {cut_at}"]
    with pytest.raises(DownloadError, match=f"cut off at {cut_at} of"):
        fetch()
    assert staged.stat().st_size == cut_at
    fetch()
    assert staged.read_bytes() == SOUND
    assert [first for _, first in media.asked] == [0, cut_at]


def test_many_cuts_still_end_with_the_sound(fetch: Any, staged: Path, media: Any) -> None:
    media.script = ["cuts 1000"] * 9
    for _ in range(9):
        with pytest.raises(DownloadError):
            fetch()
    fetch()
    assert staged.read_bytes() == SOUND
    assert [first for _, first in media.asked] == [n * 1000 for n in range(10)]


def test_a_server_without_range_begins_again(fetch: Any, staged: Path, media: Any) -> None:
    staged.write_bytes(SOUND[:5000])
    media.script = ["ignores_range"]
    fetch()
    assert staged.read_bytes() == SOUND


@pytest.mark.parametrize("status", [401, 404, 416, 500, 503])
def test_a_refusal_keeps_what_came_so_far(
    fetch: Any, staged: Path, media: Any, status: int
) -> None:
    staged.write_bytes(SOUND[:5000])
    media.script = [f"status {status}"]
    with pytest.raises(DownloadError, match=f"answered {status}"):
        fetch()
    assert staged.read_bytes() == SOUND[:5000]


@pytest.mark.parametrize("word", ["wrong", "longer 1", "longer 100000"])
def test_what_is_not_the_sound_is_thrown_away(
    fetch: Any, staged: Path, media: Any, word: str
) -> None:
    media.script = [word]
    with pytest.raises(WrongSound):
        fetch()
    assert not staged.exists()
    fetch()
    assert staged.read_bytes() == SOUND


def test_a_beginning_that_a_power_cut_has_torn_is_fetched_anew_and_not_blamed_on_the_hub(
    fetch: Any, staged: Path
) -> None:
    staged.write_bytes(b"\0" * 5000)
    with pytest.raises(DownloadError, match="an earlier try"):
        fetch()
    assert not staged.exists()
    fetch()
    assert staged.read_bytes() == SOUND


def test_of_a_long_sound_that_a_power_cut_has_torn_only_the_end_is_fetched_again(
    system_clock: Any, staged: Path, media: Any
) -> None:
    sound = random.Random(1).randbytes(5 * SYNC_BYTES)
    media.offer(sound)
    sha256 = Sha256(hashlib.sha256(sound).hexdigest())

    def fetch() -> None:
        Download(media.url, "bl-01", "secret", clock=system_clock, silent_s=20).run(
            sha256, len(sound), staged
        )

    staged.write_bytes(sound[: 3 * SYNC_BYTES] + bytes(1000))
    with pytest.raises(DownloadError, match="an earlier try"):
        fetch()
    fetch()
    assert staged.read_bytes() == sound
    assert [first for _, first in media.asked] == [3 * SYNC_BYTES + 1000, 2 * SYNC_BYTES]


def test_what_was_wrong_twice_is_fetched_whole(system_clock: Any, staged: Path, media: Any) -> None:
    sound = random.Random(1).randbytes(4 * SYNC_BYTES)
    media.offer(sound)
    sha256 = Sha256(hashlib.sha256(sound).hexdigest())
    staged.write_bytes(bytes(3 * SYNC_BYTES + 1))
    for _ in range(2):
        with pytest.raises(DownloadError, match="an earlier try"):
            Download(media.url, "bl-01", "secret", clock=system_clock, silent_s=20).run(
                sha256, len(sound), staged
            )
    assert not staged.exists()


@pytest.mark.parametrize("extra", [b"", b"x"])
def test_a_whole_staging_file_is_not_asked_for_again(
    fetch: Any, staged: Path, media: Any, extra: bytes
) -> None:
    staged.write_bytes(SOUND + extra)
    if extra:
        with pytest.raises(DownloadError, match="an earlier try"):
            fetch()
    else:
        fetch()
    assert media.asked == []


@pytest.mark.parametrize("came", [0, 5000])
def test_a_stalled_connection_is_given_up(fetch: Any, staged: Path, media: Any, came: int) -> None:
    media.script = [f"stalls {came}"]
    with pytest.raises(DownloadError):
        fetch()
    assert staged.stat().st_size == came


class Rushing:
    """A clock on which a minute passes at each look."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._ns = 0

    def now(self) -> Any:
        return self._real.now()

    def trust(self) -> Any:
        return self._real.trust()

    def mono_ns(self) -> int:
        self._ns += 60 * 10**9
        return self._ns


def test_a_dripping_connection_is_given_up(media: Any, system_clock: Any, staged: Path) -> None:
    media.offer(SOUND)
    media.script = ["stalls 100"]
    download = Download(media.url, "bl-01", "x", clock=Rushing(system_clock), silent_s=20)
    with pytest.raises(DownloadError, match="only 100 bytes in 20 s"):
        download.run(NAME, len(SOUND), staged)


def test_cancelling_ends_a_stalled_download_and_does_not_wait_for_it(
    media: Any, system_clock: Any, staged: Path
) -> None:
    media.offer(SOUND)
    media.script = ["stalls 5000"]
    download = Download(media.url, "bl-01", "x", clock=system_clock, silent_s=20)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            download.run(NAME, len(SOUND), staged)
        except DownloadError as error:
            errors.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    came = threading.Event()
    while not (staged.exists() and staged.stat().st_size):
        assert worker.is_alive()
        came.wait(0.01)
    canceller = threading.Thread(target=download.cancel)
    canceller.start()
    canceller.join(5)
    assert not canceller.is_alive()
    worker.join(5)
    assert not worker.is_alive()
    assert errors


def test_a_download_cancelled_before_it_began_asks_nothing(
    media: Any, system_clock: Any, staged: Path
) -> None:
    download = Download(media.url, "bl-01", "x", clock=system_clock)
    download.cancel()
    with pytest.raises(DownloadError, match="cancelled"):
        download.run(NAME, len(SOUND), staged)
    assert media.asked == []


def test_nobody_at_the_address_is_an_ordinary_failure(
    free_port: int, system_clock: Any, staged: Path
) -> None:
    download = Download(f"http://127.0.0.1:{free_port}", "bl-01", "x", clock=system_clock)
    with pytest.raises(DownloadError, match="refused"):
        download.run(NAME, len(SOUND), staged)
