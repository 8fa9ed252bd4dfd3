"""One suite for the kernel's files as a Pi has them, and for those of a simulated computer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hardware.health_sysfs import MachineHealth, life_used_pct, mount_of
from hardware.simulated.machine_files import MachineFiles

STATE = Path("/var/lib/loaxa")
PI_MOUNTS = """\
22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw
31 28 179:1 / /boot/firmware rw,relatime shared:30 - vfat /dev/mmcblk0p1 rw,fmask=0022
40 28 0:33 / /run rw,nosuid,nodev shared:11 - tmpfs tmpfs rw,size=92160k
"""
EVERYTHING = (
    "proc/self/mountinfo",
    "sys/fs/ext4/mmcblk0p2/errors_count",
    "sys/block/mmcblk0/device/life_time",
    "sys/block/mmcblk0/device/pre_eol_info",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm",
    "sys/class/hwmon/hwmon0/temp1_input",
)


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text + "\n")


def pi(root: Path) -> None:
    """A Pi 4 with an eMMC adapter, as its files read."""
    write(root, "proc/self/mountinfo", PI_MOUNTS)
    write(root, "proc/sys/kernel/random/boot_id", "5f2a6c3e-0000-4000-8000-1c2d3e4f5a6b")
    write(root, "sys/block/mmcblk0/mmcblk0p2/partition", "2")
    (root / "sys/dev/block").mkdir(parents=True)
    (root / "sys/dev/block/179:2").symlink_to("../../block/mmcblk0/mmcblk0p2")
    write(root, "sys/block/mmcblk0/device/life_time", "0x01 0x02")
    write(root, "sys/block/mmcblk0/device/pre_eol_info", "0x01")
    write(root, "sys/fs/ext4/mmcblk0p2/errors_count", "0")
    write(root, "sys/class/hwmon/hwmon0/name", "cpu_thermal")
    write(root, "sys/class/hwmon/hwmon0/temp1_input", "48312")
    write(root, "sys/class/hwmon/hwmon1/name", "rpi_volt")
    write(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0")


def twin(root: Path) -> None:
    MachineFiles(root).lay_out()


@pytest.fixture(params=[pi, twin])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    lay_out: Callable[[Path], None] = request.param
    lay_out(tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def sensor(root: Path, tmp_path: Path) -> MachineHealth:
    return MachineHealth(STATE, tmp_path / "run", root, sample_s=0.01)


def test_a_healthy_computer(sensor: MachineHealth) -> None:
    health = sensor.read()
    assert (health.filesystem_errors, health.is_read_only, health.reserve) == (0, False, 1)
    assert health.under_voltage is False
    assert health.life_used_pct in (10, 20)
    assert 40 < (health.temperature_c or 0) < 60


def test_folders_may_be_named_from_where_one_stands(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    health = MachineHealth(STATE, Path("run"), Path("root")).read()
    assert None not in (health.temperature_c, health.under_voltage, health.filesystem_errors)


def test_what_the_kernel_counts_and_measures_is_read(root: Path, sensor: MachineHealth) -> None:
    write(root, "sys/fs/ext4/mmcblk0p2/errors_count", "17")
    write(root, "sys/block/mmcblk0/device/life_time", "0x02 0x09")
    write(root, "sys/block/mmcblk0/device/pre_eol_info", "0x03")
    write(root, "sys/class/hwmon/hwmon0/temp1_input", "81000")
    health = sensor.read()
    assert (health.filesystem_errors, health.life_used_pct, health.reserve) == (17, 90, 3)
    assert health.temperature_c == 81.0


@pytest.mark.parametrize("old", ["rw,noatime shared:1", "/dev/root rw"])
def test_a_remount_shows_in_the_mounts_flags_or_in_the_file_systems(
    root: Path, sensor: MachineHealth, old: str
) -> None:
    text = (root / "proc/self/mountinfo").read_text().strip()
    assert old in text
    write(root, "proc/self/mountinfo", text.replace(old, old.replace("rw", "ro")))
    assert sensor.read().is_read_only is True


def test_a_moment_of_under_voltage_stays_until_the_machine_starts_anew(
    root: Path, sensor: MachineHealth, tmp_path: Path
) -> None:
    alarm, boot = "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "proc/sys/kernel/random/boot_id"
    write(root, alarm, "1")
    assert sensor.read().under_voltage is True
    write(root, alarm, "0")
    assert sensor.read().under_voltage is True
    after_a_restart_of_the_agent = MachineHealth(STATE, tmp_path / "run", root)
    assert after_a_restart_of_the_agent.read().under_voltage is True
    write(root, boot, "another boot")
    after_a_restart_of_the_machine = MachineHealth(STATE, tmp_path / "run", root)
    assert after_a_restart_of_the_machine.read().under_voltage is False


def test_a_latch_that_cannot_be_kept_is_remembered_all_the_same(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sensor = MachineHealth(STATE, tmp_path / "file" / "run", root)
    write(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1")
    assert sensor.read().under_voltage is True
    write(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0")
    assert sensor.read().under_voltage is True


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("text", [None, "", "nonsense", "-", "0x", "\x00"])
def test_a_file_that_is_missing_or_nonsense_is_a_reading_that_is_not_there(
    root: Path, sensor: MachineHealth, name: str, text: str | None
) -> None:
    if text is None:
        (root / name).unlink()
    else:
        write(root, name, text)
    health = sensor.read()
    known = (health.is_read_only, health.temperature_c, health.under_voltage)
    assert sum(one is None for one in known) <= 1


def test_a_computer_that_is_no_pi_tells_nothing(tmp_path: Path) -> None:
    health = MachineHealth(STATE, tmp_path / "run", tmp_path / "nothing").read()
    assert set(health.__struct_fields__) == {
        name for name in health.__struct_fields__ if getattr(health, name) is None
    }


def test_this_computer_can_be_read(tmp_path: Path) -> None:
    assert MachineHealth(tmp_path, tmp_path / "run").read().is_read_only in (False, None)


def test_waiting_ends_by_itself(sensor: MachineHealth, root: Path) -> None:
    sensor.wait()
    shutil.rmtree(root)
    sensor.wait()


def test_the_longest_and_last_mount_above_a_folder_holds_it() -> None:
    own = "50 28 8:1 / /var/lib/loaxa ro,noatime - ext4 /dev/sda1 ro"
    over = "51 50 0:50 / /var/lib/loaxa rw - tmpfs tmpfs rw"
    assert mount_of(STATE, PI_MOUNTS) == mount_of(Path("/opt"), PI_MOUNTS)
    found = mount_of(STATE, f"{PI_MOUNTS}{own}\n")
    assert found is not None
    assert (found.device, found.is_read_only) == ("8:1", True)
    last = mount_of(STATE, f"{PI_MOUNTS}{own}\n{over}\n")
    assert last is not None
    assert last.device == "0:50"
    assert mount_of(STATE, "") is None
    beside = mount_of(Path("/var/lib/loaxa2"), f"{PI_MOUNTS}{own}\n")
    assert beside is not None
    assert beside.device == "179:2"


@pytest.mark.parametrize(
    ("life_time", "pct"),
    [("0x01 0x01", 10), ("0x03 0x08", 80), ("0x0b 0x01", 110), ("0x00 0x00", None), ("", None)],
)
def test_the_worse_of_both_kinds_of_cells_counts(life_time: str, pct: int | None) -> None:
    assert life_used_pct(life_time) == pct
