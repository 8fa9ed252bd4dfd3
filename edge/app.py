"""The door of `loaxa-edge`: reads the command line and runs one command."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import select
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.agent import serve
from edge.shell import checking, commands
from edge.shell.config import ConfigErrors, load_config
from edge.shell.lock import AgentRunsError, on_duty
from hardware.board import BoardError, find_board
from hardware.simulated.wire import SOCKET_NAME

log = logging.getLogger("edge")


class CabinetMissingError(Exception):
    """The simulated cabinet does not run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder}: tủ mô phỏng chưa chạy — the simulated cabinet does not run; start it: "
            f"python -m hardware.simulated.cabinet --dir {folder} --cluster NAME"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code (2: a mistake in what was asked, said in one line)."""
    options = parser().parse_args(arguments)
    try:
        return _obey(options)
    except (ConfigErrors, BoardError, AgentRunsError, CabinetMissingError) as error:
        print(f"loaxa-edge: {error}", file=sys.stderr)  # noqa: T201 - the answer to a command
        return 2
    except PermissionError as error:
        print(f"loaxa-edge: không có quyền ghi / no permission: {error.filename}", file=sys.stderr)  # noqa: T201
        return 2
    except (OSError, sqlite3.OperationalError) as error:
        if isinstance(error, BrokenPipeError) and _is_read_no_further():
            return 1
        print(f"loaxa-edge: không đọc được / cannot be read: {error}", file=sys.stderr)  # noqa: T201
        return 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="loaxa-edge", description="Plays the commune's programme on one cluster."
    )
    verbs = top.add_subparsers(required=True, metavar="COMMAND")
    run = verbs.add_parser("run", help="run the agent (systemd does this)")
    run.add_argument(
        "--simulated", type=Path, metavar="CABINET", help="use the simulated cabinet in this folder"
    )
    run.set_defaults(command=_run)
    commands.add_parsers(verbs)
    checking.add_parser(verbs)
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, default=Path("/etc/loaxa/edge.toml"))
        verb.add_argument("--state", type=Path, default=Path("/var/lib/loaxa"))
    return top


def _obey(options: argparse.Namespace) -> int:
    code = int(options.command(options))
    sys.stdout.flush()
    return code


def _is_read_no_further() -> bool:
    """Whether whoever read along has enough (`| head`); what waits to be written then goes nowhere."""
    try:
        standard_out = sys.stdout.fileno()
    except OSError:  # it is no file: nobody can close it
        return False
    pipe = select.poll()
    pipe.register(standard_out, 0)
    if not any(event & select.POLLERR for _, event in pipe.poll(0)):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, standard_out)
    os.close(nowhere)
    return True


def _run(options: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    config = load_config(options.config)
    board = find_board(config.board)
    if options.simulated is not None and not (options.simulated / SOCKET_NAME).exists():
        raise CabinetMissingError(options.simulated)
    try:
        with on_duty(options.state):
            asyncio.run(serve(config, board, options.state, options.simulated))
    except OSError as error:
        log.critical("stopped: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
