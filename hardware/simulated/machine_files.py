"""The kernel's files of a simulated computer: the driver of `health_sysfs` reads them as it reads a Pi's."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

FOLDER = "machine"
SAMPLE_S = 1.0
"""Nobody is woken by a simulated file, and a scenario has no minute to wait."""
DEVICE = "179:2"
DISK, PARTITION = "mmcblk0", "mmcblk0p2"
HEALTHY: Mapping[str, float | bool] = {
    "temperature_c": 52.0,
    "under_voltage": False,
    "filesystem_errors": 0,
    "card_life_used_pct": 10,
    "card_read_only": False,
}


class MachineFiles:
    """Writes them as a world wants them; each is replaced as a whole.

    Args:
        root: The folder that stands for `/`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.facts: dict[str, float | bool] = dict(HEALTHY)

    def lay_out(self) -> None:
        """A healthy computer, started just now."""
        block = self._root / "sys/block" / DISK / PARTITION
        self._write(block.relative_to(self._root) / "partition", "2")
        link = self._root / "sys/dev/block" / DEVICE
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../block/{DISK}/{PARTITION}")
        self._write("sys/class/hwmon/hwmon0/name", "cpu_thermal")
        self._write("sys/class/hwmon/hwmon1/name", "rpi_volt")
        self._write(f"sys/block/{DISK}/device/pre_eol_info", "0x01")
        self.start()

    def start(self) -> None:
        """The computer starts anew."""
        self._write("proc/sys/kernel/random/boot_id", secrets.token_hex(16))
        self.set()

    def set(self, **facts: float | bool) -> None:
        """Changes facts of `HEALTHY`."""
        self.facts |= facts
        now = self.facts
        step = round(now["card_life_used_pct"] / 10)
        self._write("sys/class/hwmon/hwmon0/temp1_input", f"{now['temperature_c'] * 1000:.0f}")
        self._write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", f"{now['under_voltage']:d}")
        self._write(f"sys/block/{DISK}/device/life_time", f"0x{step:02x} 0x{step:02x}")
        self._write(f"sys/fs/ext4/{PARTITION}/errors_count", f"{now['filesystem_errors']:.0f}")
        flags = "ro" if now["card_read_only"] else "rw"
        mounted = f"29 1 {DEVICE} / / {flags},noatime shared:1 - ext4 /dev/root {flags}"
        self._write("proc/self/mountinfo", mounted)

    def _write(self, path: Path | str, text: str) -> None:
        whole = self._root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        beside = whole.with_name(whole.name + ".new")
        beside.write_text(text + "\n")
        beside.replace(whole)
