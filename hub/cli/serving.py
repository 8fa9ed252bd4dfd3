"""`loaxa-hub serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.speak import say
from hub.clock import SystemClock
from hub.serve import serve as run
from hub.state_dir import StateDir


async def serve(wanted: argparse.Namespace) -> None:
    """Serves until it is told to stop."""
    await run(StateDir(Path(wanted.state)), SystemClock(), say)
