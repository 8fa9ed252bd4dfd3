"""One hub a state directory: the lock that a serving hub holds, and how others find it."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hub.errors import Conflict

LOOKS = 100
LOOK_S = 0.02


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Holds the lock; it falls with the process, however that ends.

    Raises:
        Conflict: Another hub holds it.
    """
    with path.open("a+", encoding="ascii") as file:
        try:
            _take(file)
        except BlockingIOError as error:
            raise Conflict(
                "hub_runs",
                f"hub ở {path.parent} đang chạy (tiến trình {_pid(path)})",
                f"the hub of {path.parent} runs already (process {_pid(path)})",
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _take(file: IO[str]) -> None:
    """Takes the lock; somebody who only looks (see `holder`) is waited for, a hub is not."""
    pause = threading.Event()
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # refused: a hub holds it
        fcntl.flock(file, fcntl.LOCK_UN)
        pause.wait(LOOK_S)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def holder(path: Path) -> int | None:
    """Process id of the hub that serves, or None when none does."""
    if not path.exists():
        return None
    with path.open("r", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid(path)
    return None


def _pid(path: Path) -> int | None:
    text = path.read_text(encoding="ascii").strip()
    return int(text) if text.isdigit() else None
