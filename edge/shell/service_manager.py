"""What the agent tells systemd (sd_notify(3)): that it is ready, that it makes progress, how it is, that it ends."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class ServiceManager:
    """The manager that started this process; silent where there is none.

    Args:
        environment: As systemd gave it: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
        process_id: Of this process; a watchdog that was set for another is not ours.
    """

    def __init__(self, environment: Mapping[str, str], process_id: int) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        is_ours = environment.get("WATCHDOG_PID", str(process_id)) == str(process_id)
        period_us = environment.get("WATCHDOG_USEC", "") if is_ours else ""
        self.watchdog_s = int(period_us) / 1e6 if period_us.isdecimal() and int(period_us) else None
        """The watchdog trips when it hears nothing for so long; None: there is none."""

    @classmethod
    def of_this_process(cls) -> ServiceManager:
        """By this process's own environment."""
        return cls(os.environ, os.getpid())

    def ready(self) -> None:
        """Plan and devices are there and the loop has turned."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Feeds the watchdog."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell(f"STATUS={text.replace(chr(10), ' ')}")

    def stopping(self) -> None:
        """The end has begun, in order."""
        self._tell("STOPPING=1")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)  # noqa: FBT003 - its own signature; a manager that does not read must not hold the loop
            to.sendto(message.encode(), self._address)
