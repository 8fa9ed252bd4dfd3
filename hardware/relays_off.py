"""Switches every relay of a board off and ends: what systemd runs whenever the agent has stopped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hardware.board import BoardError, find_board
from hardware.clock import SystemClock
from hardware.pin_error import PinError
from hardware.simulated.wire import SOCKET_NAME

ANSWER_S = 10.0


def main() -> int:
    """`python -m hardware.relays_off --board NAME [--simulated CABINET]`."""
    parser = argparse.ArgumentParser(prog="python -m hardware.relays_off")
    parser.add_argument("--board", required=True)
    parser.add_argument("--simulated", type=Path)
    options = parser.parse_args()
    try:
        board = find_board(options.board)
        if options.simulated:
            switch_off_simulated(options.simulated, [board.amplifier.name])
        else:
            _switch_off([(board.amplifier.gpio, board.amplifier.active_high)])
    except (BoardError, OSError) as error:
        sys.stderr.write(f"relays_off: {error}\n")
        return 1
    return 0


def _switch_off(pins: list[tuple[int, bool]]) -> None:
    """Claims each pin as an output at its off level; the level stays when the pin is let go."""
    import lgpio  # noqa: PLC0415 - only a Pi has it

    try:
        chip = lgpio.gpiochip_open(0)
        for gpio, active_high in pins:
            lgpio.gpio_claim_output(chip, gpio, 0 if active_high else 1)
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
