"""One agent a state directory: two would throw each other off the link and write one journal twice."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

log = logging.getLogger(__name__)


class AgentRunsError(Exception):
    """Another agent is on duty with this state."""


@contextmanager
def on_duty(state: Path) -> Iterator[None]:
    """Holds the state for as long as the context lasts; it falls with the process, however that ends.

    Raises:
        AgentRunsError: Another agent holds it; the line says what to do.
    """
    state.mkdir(parents=True, exist_ok=True)
    with _lock_file(state) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            process = file.read().strip() or "?"
            raise AgentRunsError(
                f"{state}: loaxa-edge đang chạy (tiến trình {process}), không chạy thêm — "
                f"an agent runs already (process {process}); to run one by hand: systemctl stop loaxa-edge"
            ) from error
        _say_who(file)
        yield


def _lock_file(state: Path) -> TextIO:
    """The file; a card that takes no new one may still have the last agent's."""
    path = state / "lock"
    try:
        return path.open("a+", encoding="ascii")
    except PermissionError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EROFS, errno.EIO):
            raise
        return path.open(encoding="ascii")


def _say_who(file: TextIO) -> None:
    """The process id, for people; a full card has no room for it, and the lock holds all the same."""
    try:
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), f"{os.getpid()}\n".encode())
    except OSError as error:
        log.warning("the lock does not say who holds it: %s", error)
