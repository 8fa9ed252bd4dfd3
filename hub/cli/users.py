"""`loaxa-hub user add`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.passwords import given_or_made
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.compose import compose
from hub.state_dir import StateDir


async def add(wanted: argparse.Namespace) -> None:
    """Makes an account; a password that was made up is told once."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        password, made = given_or_made(wanted.password_file)
        await parts.operations.people.add(wanted.name, password, by="local")
    finally:
        parts.store.close()
    told = f"   mật khẩu / password: {password}" if made else ""
    say(f"Người dùng / user: {wanted.name}{told}")
