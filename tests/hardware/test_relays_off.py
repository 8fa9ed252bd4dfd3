"""What it does to a cabinet whose agent was killed: see `test_simulated_pins.py`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

NO_PINS = not Path("/dev/gpiochip0").exists()


async def run(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hardware.relays_off", *arguments,
        stderr=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    _, error = await process.communicate()
    return process.returncode or 0, error.decode().splitlines()


async def test_a_wrong_board_is_one_line(tmp_path: Path) -> None:
    code, lines = await run(tmp_path, "--board", "cabinet-v2")
    assert code == 1
    assert lines == [
        "relays_off: board: no board is called 'cabinet-v2', did you mean 'cabinet-v1'?"
    ]


async def test_a_folder_without_a_cabinet_is_one_line(tmp_path: Path) -> None:
    code, lines = await run(tmp_path, "--board", "fm-bridge", "--simulated", str(tmp_path))
    assert code == 1
    assert len(lines) == 1


@pytest.mark.skipif(not NO_PINS, reason="this machine has pins, which are not to be touched")
async def test_a_machine_without_pins_is_one_line(tmp_path: Path) -> None:
    code, lines = await run(tmp_path, "--board", "cabinet-v1")
    assert code == 1
    assert lines == ["relays_off: GPIO: 'can not open gpiochip'"]
