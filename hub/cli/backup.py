"""`loaxa-hub backup` and `loaxa-hub restore`."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from hub.backup.restoring import restore as put_back
from hub.cli.speak import say, warn
from hub.clock import SystemClock
from hub.compose import compose
from hub.state_dir import StateDir

MIB = 2**20


async def backup(wanted: argparse.Namespace) -> None:
    """Makes a backup now; the hub may serve meanwhile."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        done = await parts.operations.backups.make(by="local", folder=wanted.to or "")
    finally:
        parts.store.close()
    size = f"{done.size_bytes / MIB:.1f} MiB"
    say(f"Đã sao lưu / backed up: {done.file} ({size}, {done.sounds} tệp âm thanh / sounds)")
    _warn_of_missing(len(done.missing))


async def restore(wanted: argparse.Namespace) -> None:
    """Puts a hub back from a backup."""
    state = StateDir(Path(wanted.state))
    done = await asyncio.to_thread(
        put_back, Path(wanted.file), state, over=wanted.over, now=SystemClock().now()
    )
    made_at = done.manifest.made_at
    say(f"Đã khôi phục / restored: {done.manifest.commune}, {made_at:%Y-%m-%d %H:%M} UTC")
    if done.replaced is not None:
        say(f"Hub cũ ở / the old hub lies in: {done.replaced}")
    _warn_of_missing(len(done.missing))
    say(f"Chạy / run: loaxa-hub serve --state {state.root}")


def _warn_of_missing(count: int) -> None:
    if count:
        warn(
            f"thiếu {count} tệp âm thanh; hãy tải lên lại",
            f"{count} sounds are missing; upload them again",
        )
