"""Switches every relay of a board off and ends.

systemd runs it at boot, before each start of the agent, and whenever the agent has stopped, however it ended.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from hardware.board import BOARDS, Board, BoardError, RelayPin, find_board
from hardware.clock import SystemClock
from hardware.gpio_chip import find_header_chip
from hardware.pin_error import PinError
from hardware.simulated.wire import SOCKET_NAME

ANSWER_S = 10.0


def main() -> int:
    """`python -m hardware.relays_off --board NAME | --config FILE [--simulated CABINET]`."""
    parser = argparse.ArgumentParser(prog="python -m hardware.relays_off")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--board")
    which.add_argument("--config", type=Path, help="the cluster's configuration, which names it")
    parser.add_argument("--simulated", type=Path)
    options = parser.parse_args()
    try:
        pins = _pins([find_board(options.board)] if options.board else boards_of(options.config))
        if options.simulated:
            switch_off_simulated(options.simulated, [pin.name for pin in pins])
        else:
            _switch_off(pins)
    except (BoardError, OSError) as error:
        sys.stderr.write(f"relays_off: {error}\n")
        return 1
    return 0


def boards_of(config: Path) -> list[Board]:
    """The board that a configuration names; of one that cannot be used, every board.

    A mistake in a file must not leave an amplifier on.
    """
    try:
        return [find_board(str(tomllib.loads(config.read_text(encoding="utf-8"))["board"]))]
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"relays_off: {config}: {error}; the relays of every board go off\n")
        return [*BOARDS.values()]


def _pins(boards: Iterable[Board]) -> list[RelayPin]:
    return list(safe_pins([*boards]).values())


def safe_pins(boards: list[Board]) -> dict[int, RelayPin]:
    """Relay pins by number, without those that another of the boards reads or wires the other way round."""
    read = {pin.gpio for board in boards for pin in (board.arrester, board.surge_pulse)}
    relays = [relay for board in boards for relay in board.relays]
    return {
        pin.gpio: pin
        for pin in relays
        if pin.gpio not in read
        and all(other.active_high == pin.active_high for other in relays if other.gpio == pin.gpio)
    }


def _switch_off(pins: list[RelayPin]) -> None:
    """Claims each pin as an output at its off level; the level stays when the pin is let go."""
    import lgpio  # noqa: PLC0415 - only a Pi has it

    try:
        chip = lgpio.gpiochip_open(find_header_chip(lgpio))
        for pin in pins:
            lgpio.gpio_claim_output(chip, pin.gpio, 0 if pin.active_high else 1)
        lgpio.gpiochip_close(chip)
    except lgpio.error as error:
        raise PinError(f"GPIO: {error}") from error


def switch_off_simulated(folder: Path, names: list[str]) -> None:
    """The same on a simulated cabinet; returns once the cabinet has done it.

    Raises:
        OSError: The cabinet does not answer.
    """
    import json  # noqa: PLC0415 - not needed on a Pi
    import socket  # noqa: PLC0415 - not needed on a Pi

    from hardware.simulated.wire import hello  # noqa: PLC0415 - not needed on a Pi

    t_ns = SystemClock().epoch_ns()
    facts = [json.dumps({"t_ns": t_ns, "pin": name, "level": 0}).encode() + b"\n" for name in names]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_S)
        connection.connect(str(folder / SOCKET_NAME))
        connection.sendall(hello("pins") + b"".join(facts))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


if __name__ == "__main__":
    sys.exit(main())
