"""`loaxa-bench run-all`: every scenario of a folder, each in a process of its own, some of them side by side."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from provisioning.bench.errors import BenchError
from provisioning.bench.processes import STOP_TIMEOUT_S, python_module
from provisioning.bench.verbs import say


async def run_all(wanted: argparse.Namespace) -> int:
    """Runs every scenario of a folder: 0 when all held, else 1."""
    paths = sorted(wanted.folder.glob("*.toml"))
    if not paths:
        raise BenchError(f"{wanted.folder}: holds no scenario")
    turns = asyncio.Semaphore(wanted.at_once)
    failed: list[str] = []

    async def take_turn(number: int, path: Path) -> None:
        async with turns:
            say(f"--- {number} of {len(paths)}: {path.stem}")
            if await _run_one(path, wanted.out / path.stem, say):
                failed.append(path.stem)

    # The longest begin first, so that none of them is left to run alone at the end.
    in_order = sorted(paths, key=_duration_s, reverse=True)
    async with asyncio.TaskGroup() as tasks:
        for number, path in enumerate(in_order, 1):
            tasks.create_task(take_turn(number, path))
    say(f"{len(paths) - len(failed)} of {len(paths)} scenarios held")
    if failed:
        say(f"DID NOT HOLD: {', '.join(sorted(failed))}")
    return 1 if failed else 0


def _duration_s(path: Path) -> float:
    """How long it plays; 0 of a file that the run itself will refuse."""
    with suppress(OSError, ValueError):
        duration_s = tomllib.loads(path.read_text(encoding="utf-8")).get("duration_s", 0)
        return float(duration_s) if isinstance(duration_s, int | float) else 0.0
    return 0.0


async def _run_one(path: Path, out: Path, tell: Callable[[str], None]) -> int:
    """One scenario to its end, each of its lines under its name; its exit code."""
    command = python_module("provisioning.bench.app", "run", path, "--out", out)
    process = await asyncio.create_subprocess_exec(
        "setpriv", "--pdeathsig", "TERM", *command,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        process_group=0,
    )  # fmt: skip
    try:
        if process.stdout is not None:
            async for line in process.stdout:
                tell(f"{path.stem}: {line.decode(errors='replace').rstrip()}")
        return await process.wait()
    finally:
        if process.returncode is None:  # it ends its rig in order
            process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(3 * STOP_TIMEOUT_S):
                    await process.wait()
