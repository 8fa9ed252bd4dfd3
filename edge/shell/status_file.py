"""How the cluster is, in a file under `run/` (memory on a Pi), for `loaxa-edge status`."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct
from msgspec.structs import replace

from contract.status import Reported

log = logging.getLogger(__name__)


class Status(Struct, frozen=True, kw_only=True):
    """The last report, whether the link is up, and the process id of the agent that says so."""

    reported: Reported
    link_up: bool
    agent: int


class StatusFile:
    """Writes when something changed; costs the card nothing where `run/` is in memory.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Status | None = None

    def write(self, reported: Reported, *, link_up: bool) -> None:
        """Replaces the status when it says anything new."""
        status = Status(reported=reported, link_up=link_up, agent=os.getpid())
        if self._last is not None and status == replace(
            self._last, reported=replace(self._last.reported, at=reported.at)
        ):
            return
        self._last = status
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(msgspec.json.encode(status))
            beside.replace(self._path)
        except OSError as error:  # the broadcast goes on without its mirror
            log.debug("status not written: %s", error)

    def read(self) -> Status | None:
        """The last status, or None when no agent runs that has written one."""
        try:
            status = msgspec.json.decode(self._path.read_bytes(), type=Status)
        except (OSError, msgspec.MsgspecError):
            return None
        return status if psutil.pid_exists(status.agent) else None

    def remove(self) -> None:
        """The agent has stopped."""
        self._path.unlink(missing_ok=True)
