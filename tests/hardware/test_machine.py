from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hardware.machine import MIB, Machine, MachineFigures


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def figures(machine: Machine) -> MachineFigures:
    return machine.read()


def test_cpu_use_is_a_percentage(figures: MachineFigures) -> None:
    assert 0 <= figures.cpu_pct <= 100


def test_memory_is_in_mebibytes_and_less_than_there_is(figures: MachineFigures) -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    total_kib = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    assert 0 < figures.memory_free_mib < total_kib / 1024


def test_disk_is_in_mebibytes_of_the_storage_folder(
    figures: MachineFigures, tmp_path: Path
) -> None:
    usage = shutil.disk_usage(tmp_path)
    assert 0 <= figures.disk_free_mib <= usage.total / MIB
    assert figures.disk_free_mib == pytest.approx(usage.free / MIB, abs=2048), "others write too"


def test_uptime_is_in_seconds_since_the_machine_started(figures: MachineFigures) -> None:
    kernel_s = float(Path("/proc/uptime").read_text().split()[0])
    assert figures.uptime_s == pytest.approx(kernel_s, abs=300)


def test_link_counters_only_grow(machine: Machine) -> None:
    first, second = (machine.read() for _ in range(2))
    assert 0 <= first.sent_bytes <= second.sent_bytes
    assert 0 <= first.received_bytes <= second.received_bytes
