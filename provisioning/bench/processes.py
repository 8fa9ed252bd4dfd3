"""Children of the rig: each in a process group of its own, each ends when the rig ends, however it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from provisioning.bench.errors import BenchError

STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
TOOLS = {
    "setpriv": "util-linux",
    "mosquitto": "mosquitto",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "espeak-ng": "espeak-ng",
}
Found = TypeVar("Found")


def check_tools() -> None:
    """Says which Debian packages are missing.

    Raises:
        BenchError: Some are; the line says how to install them.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({TOOLS[tool] for tool in TOOLS if shutil.which(tool, path=path) is None})
    if missing:
        raise BenchError(f"missing: {', '.join(missing)}; run: apt-get install {' '.join(missing)}")


def python_module(module: str, *arguments: str | Path) -> list[str]:
    """The command line of one of our programs."""
    return [sys.executable, "-m", module, *(str(one) for one in arguments)]


class Child:
    """One running program with its log.

    Args:
        name: What people call it.
        log: File that takes what it says, appended.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self._name = name
        self._command = [*command]
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process_id(self) -> int | None:
        """Its process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def start(self) -> None:
        """Starts it; SIGTERM reaches it when the rig dies.

        Raises:
            BenchError: It cannot be started.
        """
        try:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    "setpriv", "--pdeathsig", "TERM", *self._command,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    process_group=0,
                )  # fmt: skip
        except OSError as error:
            raise BenchError(f"{self._name} does not start: {error}") from error

    def check(self) -> None:
        """Raises when it has ended by itself.

        Raises:
            BenchError: With the last line that it said.
        """
        if self._process is not None and self._process.returncode is not None:
            code = self._process.returncode
            raise BenchError(
                f"{self._name} ended ({code}): {last_line(self._log)} (see {self._log})"
            )

    async def kill_group(self) -> None:
        """SIGKILL to it and all its children, at once."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def kill(self) -> None:
        """SIGKILL to it alone."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL to its group if it does not end."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        await self.kill_group()


def last_line(path: Path) -> str:
    """The last line of a log that says something."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "nothing was said"
    return next((line.strip()[-300:] for line in reversed(lines) if line.strip()), "said nothing")


async def run_to_end(name: str, command: Sequence[str], *, timeout_s: float = 60.0) -> str:
    """Runs a short program; returns what it said.

    Raises:
        BenchError: It failed, with its last line; or it took too long.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise BenchError(f"{name}: cannot be run: {error}") from error
    try:
        said, _ = await asyncio.wait_for(process.communicate(), timeout_s)
    except TimeoutError as error:
        raise BenchError(f"{name}: did not end within {timeout_s:g} s") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    text = said.decode(errors="replace")
    if process.returncode:
        lines = [line for line in text.splitlines() if line.strip()]
        raise BenchError(f"{name}: {lines[-1] if lines else f'ended with {process.returncode}'}")
    return text


async def until(
    condition: Callable[[], Awaitable[Found | None]], what: str, *, timeout_s: float
) -> Found:
    """Waits until a condition gives something.

    Raises:
        BenchError: It did not within `timeout_s`.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not (found := await condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise BenchError(f"waited {timeout_s:.0f} s in vain for {what}")
        await asyncio.sleep(POLL_S)
    return found
