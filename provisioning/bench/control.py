"""How another terminal speaks with a running `up`: one Unix socket, one JSON line each way."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from provisioning.bench.errors import BenchError
from provisioning.bench.link import Link

SOCKET = "control.sock"
MAX_PATH = 100
SLOW_BYTES_PER_S = 2_000.0
SLOW_LATENCY_MS = 800.0


async def link(wanted: argparse.Namespace) -> int:
    """`loaxa-bench link CLUSTER down|up|slow`."""
    answer = await _ask(wanted.dir, {"cluster": wanted.cluster, "state": wanted.state})
    if "error" in answer:
        raise BenchError(answer["error"])
    sys.stdout.write(answer["said"] + "\n")
    return 0


async def _ask(folder: Path, question: dict[str, str]) -> dict[str, Any]:
    try:
        reader, writer = await asyncio.open_unix_connection(_path(folder))
    except OSError as error:
        raise BenchError(
            f"no rig runs in {folder} ({error.strerror}); start it with: make bench"
        ) from error
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    answer: dict[str, Any] = json.loads(line or b'{"error": "the rig did not answer"}')
    return answer


async def is_running(folder: Path) -> bool:
    """Whether a rig runs in this folder."""
    try:
        _, writer = await asyncio.open_unix_connection(_path(folder))
    except OSError:
        return False
    writer.close()
    return True


@asynccontextmanager
async def listening(
    folder: Path, links: dict[str, Link], say: Callable[[str], None]
) -> AsyncIterator[None]:
    """Answers for as long as the context lasts."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            serving.add(task)
            task.add_done_callback(serving.discard)
        # What is wrong with one terminal, or the end of the rig, is no error of the rig.
        with suppress(OSError, ValueError, asyncio.CancelledError):
            if server.is_serving() and (line := await reader.readline()):
                answer = change(line, links)
                if "said" in answer:
                    say(answer["said"])
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    path = _path(folder)
    await asyncio.to_thread(Path(path).unlink, missing_ok=True)
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        for task in [*serving]:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()
        await asyncio.to_thread(Path(path).unlink, missing_ok=True)


def change(line: bytes, links: dict[str, Link]) -> dict[str, str]:
    """Does what a line asks for; the answer says what was done, or what is wrong."""
    try:
        asked = json.loads(line)
        name, state = str(asked["cluster"]), str(asked["state"])
    except (ValueError, KeyError, TypeError):
        return {"error": "the rig did not understand"}
    names = [*links] if name == "all" else [name]
    if name != "all" and name not in links:
        return {"error": f"there is no cluster {name!r} (there are: {', '.join(links)})"}
    for one in names:
        match state:
            case "down":
                links[one].cut()
            case "up":
                links[one].restore()
            case "slow":
                links[one].slow(latency_ms=SLOW_LATENCY_MS, bytes_per_s=SLOW_BYTES_PER_S)
            case _:
                return {"error": f"a link can be down, up or slow, not {state!r}"}
    return {"said": f"{name}: link {state}"}


def _path(folder: Path) -> str:
    path = min(str((folder / SOCKET).absolute()), os.path.relpath(folder / SOCKET), key=len)
    if len(path) > MAX_PATH:
        raise BenchError(f"{folder}: the path is too long for a Unix socket; choose a shorter one")
    return path
