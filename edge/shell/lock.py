"""One agent a state directory: two would throw each other off the link and write one journal twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AgentRunsError(Exception):
    """Another agent is on duty with this state."""


@contextmanager
def on_duty(state: Path) -> Iterator[None]:
    """Holds the state for as long as the context lasts; it falls with the process, however that ends.

    Raises:
        AgentRunsError: Another agent holds it; the line says what to do.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            process = file.read().strip() or "?"
            raise AgentRunsError(
                f"{state}: loaxa-edge đang chạy (tiến trình {process}), không chạy thêm — "
                f"an agent runs already (process {process}); to run one by hand: systemctl stop loaxa-edge"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
