from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from hardware.canary import BYTES, NAME, send_canary
from hardware.clock import SystemClock


def test_it_comes_back_and_uses_one_small_file_over_and_over(
    tmp_path: Path, clock: SystemClock
) -> None:
    seen = set()
    for _ in range(3):
        canary = send_canary(tmp_path, clock)
        assert canary is not None
        assert canary.came_back
        assert 0 < canary.write_ms < 20_000
        seen.add((tmp_path / NAME).read_bytes())
    assert len(seen) == 3, "what was there before must not pass for what was written"
    assert [(one.name, one.stat().st_size) for one in tmp_path.iterdir()] == [(NAME, BYTES)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this kernel has no /dev/full")
def test_a_full_card_says_nothing_about_the_card(tmp_path: Path, clock: SystemClock) -> None:
    (tmp_path / NAME).symlink_to("/dev/full")
    assert send_canary(tmp_path, clock) is None


def test_a_folder_that_is_not_there_says_nothing_about_the_card(
    tmp_path: Path, clock: SystemClock
) -> None:
    assert send_canary(tmp_path / "none", clock) is None


class _Failing:
    def __init__(self, number: int) -> None:
        self._number = number

    def __truediv__(self, name: str) -> str:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize(
    ("number", "came_back", "is_read_only"),
    [(errno.EIO, False, False), (errno.EUCLEAN, False, False), (errno.EROFS, True, True)],
)
def test_a_card_that_fails_is_told_from_one_that_takes_nothing(
    clock: SystemClock, number: int, came_back: bool, is_read_only: bool
) -> None:
    canary = send_canary(_Failing(number), clock)  # type: ignore[arg-type]  # a folder that fails
    assert canary is not None
    assert (canary.came_back, canary.is_read_only) == (came_back, is_read_only)
    assert canary.why
