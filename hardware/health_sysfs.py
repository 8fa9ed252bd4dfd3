"""Card and supply of the computer, as the kernel tells of them in `/sys` and `/proc`."""

from __future__ import annotations

import contextlib
import select
from pathlib import Path

from msgspec import Struct

from hardware.health import Health

VOLTAGE_SENSOR, HEAT_SENSOR = "rpi_volt", "cpu_thermal"
UNDER_VOLTAGE = "in0_lcrit_alarm"
"""1: the supply was below 4.63 V in the last two seconds. The kernel asks the firmware so often and forgets the
answer, so it is kept here until the machine starts anew."""
LATCH = "under-voltage"
LIFE_STEP_PCT, BEYOND_LIFE = 10, 0x0B


class Mount(Struct, frozen=True, kw_only=True):
    """What holds a folder.

    Attributes:
        device: Of the block device, `major:minor`.
    """

    device: str
    is_read_only: bool


class MachineHealth:
    """Reads health; every call may take as long as the card wants: not for the loop's thread.

    Args:
        storage: A folder on the card that counts.
        memory: A folder, best in memory, that keeps that the supply was too weak.
        root: Under which the kernel's files lie; elsewhere than `/` they are simulated.
        sample_s: How often it is worth a look.
    """

    def __init__(
        self, storage: Path, memory: Path, root: Path = Path("/"), *, sample_s: float = 60.0
    ) -> None:
        self._storage = storage.absolute()
        self._latch = memory.absolute() / LATCH
        self._root = root.absolute()
        self.sample_s = sample_s
        self._was_weak = self._latch_is_of_this_boot()

    def read(self) -> Health:
        """One reading, without a canary."""
        mount = mount_of(self._storage, self._text("proc/self/mountinfo") or "")
        disk, partition = self._block_device(mount)
        life = self._text(disk / "device/life_time") if disk else None
        reserve = self._text(disk / "device/pre_eol_info") if disk else None
        errors = self._text(f"sys/fs/ext4/{partition}/errors_count")
        return Health(
            filesystem_errors=int(errors) if errors and errors.isdecimal() else None,
            is_read_only=mount.is_read_only if mount else None,
            life_used_pct=life_used_pct(life or ""),
            reserve=_hex(reserve or "") or None,
            under_voltage=self._under_voltage(),
            temperature_c=self._temperature_c(),
        )

    def wait(self) -> None:
        """Returns after `sample_s`, or at once when the kernel says that the supply is too weak."""
        alarm = self._sensor(VOLTAGE_SENSOR, UNDER_VOLTAGE)
        poller = select.poll()
        try:
            with alarm.open("rb") if alarm else contextlib.nullcontext() as file:
                if file is not None:
                    file.read()  # only a change after this counts
                    poller.register(file, select.POLLPRI)
                poller.poll(self.sample_s * 1000)
        except OSError:
            poller.poll(self.sample_s * 1000)

    def _under_voltage(self) -> bool | None:
        alarm = self._sensor(VOLTAGE_SENSOR, UNDER_VOLTAGE)
        now = self._text(alarm) if alarm else None
        if now == "1" and not self._was_weak:
            self._was_weak = True
            with contextlib.suppress(OSError):
                self._latch.parent.mkdir(parents=True, exist_ok=True)
                self._latch.write_text(self._boot_id())
        if self._was_weak:
            return True
        return None if now is None else False

    def _latch_is_of_this_boot(self) -> bool:
        boot = self._boot_id()
        return bool(boot) and self._text(self._latch) == boot

    def _boot_id(self) -> str:
        return self._text("proc/sys/kernel/random/boot_id") or ""

    def _temperature_c(self) -> float | None:
        sensor = self._sensor(HEAT_SENSOR, "temp1_input")
        milli = self._text(sensor) if sensor else None
        return int(milli) / 1000 if milli and milli.lstrip("-").isdecimal() else None

    def _sensor(self, chip: str, file: str) -> Path | None:
        for name in sorted(self._root.glob("sys/class/hwmon/hwmon*/name")):
            if self._text(name) == chip and (name.parent / file).exists():
                return name.parent / file
        return None

    def _block_device(self, mount: Mount | None) -> tuple[Path | None, str]:
        """The disk's folder and the partition's name; `/dev/root` in mountinfo is no name."""
        if mount is None:
            return None, ""
        try:
            found = (self._root / "sys/dev/block" / mount.device).resolve(strict=True)
        except OSError:
            return None, ""
        return (found.parent if (found / "partition").exists() else found), found.name

    def _text(self, path: Path | str) -> str | None:
        try:
            return (self._root / path).read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None


def mount_of(folder: Path, mountinfo: str) -> Mount | None:
    """What holds a folder, by proc(5)'s mountinfo: the last mounted of the longest mount points above it."""
    found, length = None, -1
    for line in mountinfo.splitlines():
        mounted, _, file_system = line.partition(" - ")
        fields, last = mounted.split(), file_system.split()
        if len(fields) < 6 or len(last) < 3:  # noqa: PLR2004 - proc(5): six before the dash, three after it
            continue
        point = Path(fields[4].replace("\\040", " "))
        if folder.is_relative_to(point) and len(point.parts) >= length:
            flags = {*fields[5].split(","), *last[2].split(",")}
            found = Mount(device=fields[2], is_read_only="ro" in flags)
            length = len(point.parts)
    return found


def life_used_pct(life_time: str) -> int | None:
    """EMMC's `life_time`: two kinds of cells, each 1 (up to 10 % used) to 11 (beyond its life); 0: not told."""
    steps = [_hex(word) for word in life_time.split()]
    worst = max(steps, default=0)
    return min(worst, BEYOND_LIFE) * LIFE_STEP_PCT if worst else None


def _hex(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0
