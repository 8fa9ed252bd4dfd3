"""Figures of the machine itself, by psutil."""

from __future__ import annotations

from pathlib import Path

import psutil
from msgspec import Struct

MIB = 1024 * 1024
UPTIME = Path("/proc/uptime")


class MachineFigures(Struct, frozen=True, kw_only=True):
    """One reading. None: this machine cannot tell. Byte counters run since the machine started."""

    cpu_pct: float
    memory_free_mib: int
    disk_free_mib: int
    uptime_s: int
    sent_bytes: int
    received_bytes: int


class Machine:
    """Reads the machine's figures.

    Args:
        storage: A folder on the card whose free space counts.
    """

    def __init__(self, storage: Path) -> None:
        self._storage = storage

    def read(self) -> MachineFigures:
        """One reading; CPU use is since the reading before."""
        links = psutil.net_io_counters()
        return MachineFigures(
            cpu_pct=psutil.cpu_percent(),
            memory_free_mib=psutil.virtual_memory().available // MIB,
            disk_free_mib=psutil.disk_usage(str(self._storage)).free // MIB,
            uptime_s=_uptime_s(),
            sent_bytes=links.bytes_sent if links else 0,
            received_bytes=links.bytes_recv if links else 0,
        )


def _uptime_s() -> int:
    """By the kernel's own count: wall time may have been set since."""
    return round(float(UPTIME.read_text().split()[0]))
