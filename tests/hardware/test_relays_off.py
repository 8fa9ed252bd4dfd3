"""What it does to a cabinet whose agent was killed: see `test_simulated_pins.py`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from hardware.board import ARRESTER, BOARDS, CABINET, MODEM, RelayPin
from hardware.relays_off import boards_of, safe_pins

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
    assert lines == ["relays_off: GPIO: no chip of a Pi's header; there is: none"]


def test_the_configuration_names_the_board(tmp_path: Path) -> None:
    config = tmp_path / "edge.toml"
    config.write_text('commune = "binh-lu"\nboard = "fm-bridge"\n')
    assert [board.name for board in boards_of(config)] == ["fm-bridge"]


@pytest.mark.parametrize("text", [None, "board = ", "x = 1", 'board = "nobody-knows"'])
def test_a_configuration_that_cannot_be_used_leaves_no_relay_on(
    tmp_path: Path, text: str | None
) -> None:
    config = tmp_path / "edge.toml"
    if text is not None:
        config.write_text(text)
    assert boards_of(config) == [*BOARDS.values()]
    assert {pin.gpio for pin in safe_pins(boards_of(config)).values()} >= {CABINET.amplifier.gpio}


def test_a_pin_that_another_board_reads_or_wires_the_other_way_is_left_alone() -> None:
    reads_it = replace(CABINET, arrester=replace(ARRESTER, gpio=CABINET.amplifier.gpio))
    inverted = replace(
        CABINET, amplifier=RelayPin(name="amp", gpio=CABINET.amplifier.gpio, active_high=False)
    )
    assert safe_pins([CABINET, reads_it]) == {27: MODEM}
    assert safe_pins([CABINET, inverted]) == {27: MODEM}
    assert safe_pins([inverted]) == {22: inverted.amplifier, 27: MODEM}
