"""FFmpeg's programs as bounded child processes that can read the one file they are given and nothing else."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from hub.media import faults

CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,"
    "mpegts,ogg,tta,w64,wav,wv"
)
"""Containers that hold their own sound. Playlists (hls, concat, dash, ...) name other files or addresses, so they
are not read whatever the file is called."""

ERROR_LINE = re.compile(r"^(?:\[[^\]]+ @ [^\]]+\] )?\[(?:error|fatal|panic)\]", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a finished program said.

    Attributes:
        code: Its exit code.
        out: Standard output.
        log: Standard error, each line with its level in brackets.
    """

    code: int
    out: str
    log: str

    @property
    def errors(self) -> int:
        """Lines of the log that report an error."""
        return len(ERROR_LINE.findall(self.log))


def reading(source: Path) -> list[str]:
    """Options that open `source` and keep the file from naming anything else to open."""
    return ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS, "-i", f"file:{source}"]


async def ffprobe(*arguments: str, limit_s: float) -> Run:
    """Runs ffprobe.

    Raises:
        IngestError: It is missing or ran over `limit_s`.
    """
    return await _run(
        "ffprobe", "-hide_banner", "-loglevel", "repeat+level+info", *arguments, limit_s=limit_s
    )


async def ffmpeg(*arguments: str, limit_s: float) -> Run:
    """Runs ffmpeg without a terminal, overwriting its output.

    Raises:
        IngestError: It is missing or ran over `limit_s`.
    """
    quiet = ("-nostdin", "-hide_banner", "-nostats", "-y", "-loglevel", "repeat+level+info")
    return await _run("ffmpeg", *quiet, *arguments, limit_s=limit_s)


async def _run(program: str, *arguments: str, limit_s: float) -> Run:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise faults.no_tool(program) from error
    try:
        async with asyncio.timeout(limit_s):
            out, log = await process.communicate()
    except TimeoutError as error:
        raise faults.took_too_long() from error
    finally:
        await _end(process)
    return Run(
        code=process.returncode or 0,
        out=out.decode(errors="replace"),
        log=log.decode(errors="replace"),
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.communicate()
