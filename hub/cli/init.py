"""`loaxa-hub init`: a new hub in an empty state directory."""

from __future__ import annotations

import argparse
import os
import secrets
from contextlib import ExitStack, suppress
from pathlib import Path

from contract.ids import is_name
from hub import refusals
from hub.cli.passwords import given_or_made
from hub.cli.speak import say
from hub.clock import SystemClock
from hub.errors import Conflict
from hub.keys import make_keys
from hub.operations.people import People
from hub.refusals import cannot_write
from hub.settings import (
    HttpSettings,
    MqttSettings,
    PlanSettings,
    Settings,
    load_settings,
    settings_text,
    split_address,
)
from hub.state_dir import StateDir, write_private
from hub.store.engine import open_store


async def init(wanted: argparse.Namespace) -> None:
    """Makes settings, keys, store, local token and the first user; tells each secret once.

    `hub.toml` comes last, when every secret is safe; whatever fails before leaves nothing behind.
    """
    state = StateDir(Path(wanted.state))
    _check_empty(state)
    settings = _settings(wanted)
    password, made = given_or_made(wanted.password_file)
    with ExitStack() as undo:
        _make_folders(state, undo)
        for path in _made_in(state):
            undo.callback(path.unlink, missing_ok=True)
        target = _claimed(wanted.recovery_key, undo)
        recovery = make_keys(state, settings.commune)
        _keep_recovery(recovery, target)
        write_private(state.local_token, f"{secrets.token_urlsafe(32)}\n".encode())
        await _first_user(state, settings, wanted.user, password)
        write_private(state.settings, settings_text(settings).encode())
        load_settings(state.settings)
        _tell(settings, state, wanted.user, password if made else None)
        undo.pop_all()


def _check_empty(state: StateDir) -> None:
    if any(path.exists() for path in (state.settings, state.signing_key, state.database)):
        raise Conflict(
            "hub_exists",
            f"{state.root} đã có hub; hãy chọn thư mục khác",
            f"there is a hub in {state.root} already; choose another directory",
        )


def _made_in(state: StateDir) -> tuple[Path, ...]:
    database = state.database
    beside = (database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm", "-journal"))
    return (
        state.settings,
        state.signing_key,
        state.recovery_public,
        state.local_token,
        database,
        *beside,
    )


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


def _make_folders(state: StateDir, undo: ExitStack) -> None:
    try:
        for folder in (state.root, state.media, state.broker, state.signing_key.parent):
            for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
                missing.mkdir()
                undo.callback(_remove_if_empty, missing)
        state.signing_key.parent.chmod(0o700)
        state.broker.chmod(0o700)
    except OSError as error:
        raise cannot_write(state.root, error) from error


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _claimed(out: str | None, undo: ExitStack) -> Path | None:
    """The recovery key's file, made empty: nobody else's, and writable."""
    if out is None:
        return None
    target = Path(out)
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise Conflict(
            "file_exists",
            f"{target} đã có; hãy chọn tệp khác cho khoá phục hồi",
            f"{target} exists already; choose another file for the recovery key",
        ) from error
    except OSError as error:
        raise cannot_write(target, error) from error
    undo.callback(target.unlink, missing_ok=True)
    return target


def _keep_recovery(line: str, target: Path | None) -> None:
    if target is None:
        say("Khoá phục hồi, chỉ hiện một lần: hãy chép lại và cất ngoài máy này.")
        say("Recovery key, shown only now: write it down and keep it off this machine.")
        say(f"  {line}")
        return
    try:
        write_private(target, f"{line}\n".encode())
    except OSError as error:
        raise cannot_write(target, error) from error
    say(f"Khoá phục hồi / recovery key: {target} (cất ngoài máy này / keep it off this machine)")


async def _first_user(state: StateDir, settings: Settings, name: str, password: str) -> None:
    store = open_store(settings.store.url, state.database)
    try:
        await People(store, SystemClock()).add(name, password, by="init")
    finally:
        store.close()


def _tell(settings: Settings, state: StateDir, user: str, made_up: str | None) -> None:
    password = f"   mật khẩu / password: {made_up}" if made_up else ""
    say(f"Người dùng / user: {user}{password}")
    say(f"Đã tạo hub của {settings.name or settings.commune} ở {state.root} — the hub is made")
    say(f"Chạy / run: loaxa-hub serve --state {state.root}")
