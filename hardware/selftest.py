"""Tests a cabinet part by part. It clicks the relay and sounds a tone: not while people sleep."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from hardware.board import Board, BoardError, find_board
from hardware.devices import open_devices, open_health
from hardware.judging import (
    judge_arrester,
    judge_clock,
    judge_machine,
    judge_pins,
    judge_pulse,
    judge_relay,
    judge_sound,
    judge_temperature,
)
from hardware.machine import Machine
from hardware.pin_error import PinError
from hardware.probing import Event, Prober
from hardware.verdict import NO_CABINET, Verdict, Words, exit_code, line_of

NOISE = Words(
    "CẢNH BÁO: phép thử này đóng rơ-le tăng âm và phát một tiếng bíp ra loa. Hãy chạy lại với --yes.",
    "WARNING: this test closes the amplifier's relay and sounds a beep. Run it again with --yes.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tests; 0: all parts hold, 1: one does not, 2: a mistake in what was asked."""
    options = _parser().parse_args(arguments)
    try:
        board = find_board(options.board)
    except BoardError as error:
        return _mistake(str(error))
    if options.simulated is None and not options.yes:
        return _mistake(NOISE.say(english=options.english))
    try:
        return asyncio.run(_test(board, options.simulated, english=options.english))
    except OSError as error:
        trouble = (
            str(error) if options.simulated is None else NO_CABINET.say(english=options.english)
        )
        return _mistake(f"{options.simulated or board.name}: {trouble}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hardware.selftest", description=__doc__)
    parser.add_argument("--board", default="cabinet-v1", help="cabinet-v1 or fm-bridge")
    parser.add_argument(
        "--simulated",
        type=Path,
        metavar="CABINET",
        help="test the simulated cabinet in this folder",
    )
    parser.add_argument("--yes", action="store_true", help="yes, it may click and beep")
    parser.add_argument("--english", action="store_true", help="answer in English")
    return parser


def _mistake(text: str) -> int:
    sys.stderr.write(f"selftest: {text}\n")
    return 2


async def _test(board: Board, simulated: Path | None, *, english: bool) -> int:
    verdicts = []
    async for verdict in examine(board, simulated):
        verdicts.append(verdict)
        sys.stdout.write(line_of(verdict, english=english) + "\n")
        sys.stdout.flush()
    return exit_code(verdicts)


async def examine(board: Board, simulated: Path | None) -> AsyncIterator[Verdict]:
    """Every part of a cabinet, as it is read.

    Raises:
        OSError: There is no simulated cabinet in that folder.
    """
    events: asyncio.Queue[Event] = asyncio.Queue()
    try:
        async with open_devices(board, simulated=simulated, on_event=events.put_nowait) as devices:
            prober = Prober(devices, board, events)
            yield judge_relay(board.amplifier.name, await prober.click_relay())
            yield judge_arrester(await prober.read_arrester())
            yield judge_pulse(devices.surge.is_pulse_closed)
            yield judge_sound(await prober.play_tone())
            yield judge_clock(devices.clock.trust())
            for verdict in judge_machine(Machine(Path("/")).read()):
                yield verdict
            health = open_health(Path("/"), simulated=simulated).read()
            yield judge_temperature(health.temperature_c)
    except PinError as error:
        yield judge_pins(str(error))


if __name__ == "__main__":
    sys.exit(main())
