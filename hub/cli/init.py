"""`loaxa-hub init`: a new hub in an empty state directory."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from contract.ids import is_name
from hub import refusals
from hub.cli.passwords import given_or_made
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.compose import compose
from hub.errors import Conflict, HubError
from hub.keys import make_keys
from hub.settings import (
    HttpSettings,
    MqttSettings,
    PlanSettings,
    Settings,
    settings_text,
    split_address,
)
from hub.state_dir import StateDir, write_private


async def init(wanted: argparse.Namespace) -> None:
    """Makes settings, keys, store, local token and the first user; tells each secret once."""
    state = StateDir(Path(wanted.state))
    if state.settings.exists():
        raise Conflict(
            "hub_exists",
            f"{state.root} đã có hub; hãy chọn thư mục khác",
            f"there is a hub in {state.root} already; choose another directory",
        )
    settings = _settings(wanted)
    password, made = given_or_made(wanted.password_file)
    _make_folders(state)
    recovery = make_keys(state, settings.commune)
    write_private(state.local_token, f"{secrets.token_urlsafe(32)}\n".encode())
    write_private(state.settings, settings_text(settings).encode())
    try:
        await _first_user(state, wanted.user, password)
    except HubError:
        state.settings.unlink()
        raise
    say(f"Đã tạo hub của {settings.name or settings.commune} ở {state.root} — the hub is made")
    say(
        f"Người dùng / user: {wanted.user}"
        + (f"   mật khẩu / password: {password}" if made else "")
    )
    _tell_recovery(recovery, wanted.recovery_key)
    say(f"Chạy / run: loaxa-hub serve --state {state.root}")


def _settings(wanted: argparse.Namespace) -> Settings:
    if not is_name(wanted.commune):
        raise refusals.bad_name(wanted.commune)
    for address in (wanted.http, wanted.mqtt):
        split_address(address)
    plan = PlanSettings(quiet_hours=()) if wanted.no_quiet_hours else PlanSettings()
    return Settings(
        commune=wanted.commune,
        name=wanted.name or "",
        http=HttpSettings(address=wanted.http),
        mqtt=MqttSettings(address=wanted.mqtt),
        plan=plan,
    )


def _make_folders(state: StateDir) -> None:
    try:
        for folder in (state.root, state.media, state.broker, state.signing_key.parent):
            folder.mkdir(parents=True, exist_ok=True)
        state.signing_key.parent.chmod(0o700)
        state.broker.chmod(0o700)
    except OSError as error:
        raise HubError(
            "no_permission",
            f"không ghi được vào {state.root}: {error.strerror}",
            f"{state.root} cannot be written to: {error.strerror}",
        ) from error


async def _first_user(state: StateDir, name: str, password: str) -> None:
    parts = compose(state, SystemClock())
    try:
        await parts.operations.people.add(name, password, by="init")
    finally:
        parts.store.close()


def _tell_recovery(line: str, out: str | None) -> None:
    if out is not None:
        write_private(Path(out), f"{line}\n".encode())
        say(f"Khoá phục hồi / recovery key: {out} (cất ngoài máy này / keep it off this machine)")
        return
    say("Khoá phục hồi, chỉ hiện một lần: hãy chép lại và cất ngoài máy này.")
    say("Recovery key, shown only now: write it down and keep it off this machine.")
    say(f"  {line}")
