"""`loaxa-hub user add` and `user totp`."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub.cli.passwords import given_or_made
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.compose import compose
from hub.core.release import enrolment_url
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


async def totp(wanted: argparse.Namespace) -> None:
    """Gives a person a second factor for the emergency button; it is told once."""
    parts = compose(StateDir(Path(wanted.state)), SystemClock())
    try:
        secret = await parts.operations.people.give_second_factor(wanted.name, by="local")
    finally:
        parts.store.close()
    url = enrolment_url(secret, wanted.name, parts.settings.commune)
    say("Nhập vào ứng dụng xác thực trên điện thoại, chỉ hiện một lần:")
    say("Type it into the phone's authenticator, shown only now:")
    say(f"  {secret}")
    say(f"  {url}")
