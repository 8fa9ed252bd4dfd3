"""Puts a hub back from a backup: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import create_engine, delete, inspect, make_url

from hub import lock
from hub.backup import refusals
from hub.backup.archive import Manifest, SoundMark, copy_whole, mark_of, read_manifest, sync_folder
from hub.backup.database import MEMBER, POSTGRESQL, put_back, sqlite_file, trouble_of
from hub.backup.making import SOUNDS
from hub.errors import HubError
from hub.keys import read_private, read_recovery_public
from hub.refusals import cannot_write
from hub.settings import Settings, load_settings
from hub.state_dir import StateDir
from hub.store import orders
from hub.store.engine import open_store
from hub.store.facts import raise_version_floor
from hub.store.people import note_audit
from hub.store.tables import login_session

STAGING = ".restoring"
BESIDE = ("", "-wal", "-shm", "-journal")
STAMP = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came of a restore.

    Attributes:
        missing: Sounds that neither the hub nor the backup's folder holds.
        replaced: Where the hub that was there before lies now.
    """

    manifest: Manifest
    missing: tuple[str, ...]
    replaced: Path | None


def restore(file: Path, state: StateDir, *, over: bool, now: datetime) -> Restored:
    """Puts a hub back.

    Everything is read and tried in a folder of its own first; then the files change places, `hub.toml`, without which
    there is no hub, last.

    Args:
        file: The backup.
        state: Where the hub goes.
        over: It may take the place of a hub, which is put aside.
        now: The date of the restore, above which plans are numbered from then on.

    Raises:
        HubError: No backup, a damaged one, or a hub that is there or runs.
    """
    manifest = read_manifest(file)
    _check_names(manifest, file)
    if state.settings.exists():
        _check_may_replace(state, manifest, over=over)
    try:
        with _staging(state) as staging, lock.held(state.lock):
            read_manifest(file, into=staging)
            settings = _check(staging, manifest, file)
            missing = _bring_sounds(manifest, file.parent / SOUNDS, state.media)
            _prepare_database(staging, settings, over=over, now=now)
            replaced = _change_places(staging, state, settings, now)
    except OSError as error:
        raise cannot_write(state.root, error) from error
    return Restored(manifest=manifest, missing=missing, replaced=replaced)


def _check_may_replace(state: StateDir, manifest: Manifest, *, over: bool) -> None:
    if not over:
        raise refusals.hub_there(state.root)
    try:
        here = load_settings(state.settings).commune
    except HubError:
        return  # settings that cannot be read are no reason to keep them
    if here != manifest.commune:
        raise refusals.foreign(manifest.commune, here)


def _check_names(manifest: Manifest, file: Path) -> None:
    wanted = {"hub.toml", "signing.key", "recovery.pub", "local.token"}
    if manifest.store not in MEMBER or set(manifest.files) != wanted | {MEMBER[manifest.store]}:
        raise refusals.damaged(file, "unknown files")


@contextmanager
def _staging(state: StateDir) -> Iterator[Path]:
    """A folder beside what it will become; a restore that fails leaves nothing that it made."""
    staging = state.root / STAGING
    with ExitStack() as undo:
        for folder in (*reversed(state.root.parents), state.root, state.media):
            if not folder.exists():
                undo.callback(_remove_if_empty, folder)
        undo.callback(_remove_lock, state)
        state.media.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        undo.pop_all()


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _remove_lock(state: StateDir) -> None:
    if not state.settings.exists():
        state.lock.unlink(missing_ok=True)


def _check(staging: Path, manifest: Manifest, file: Path) -> Settings:
    """Whether the files in it make a hub."""
    try:
        settings = load_settings(staging / "hub.toml")
        read_private(staging / "signing.key")
        read_recovery_public(staging / "recovery.pub")
    except HubError as error:
        raise refusals.damaged(file, error.message_en) from error
    database = staging / MEMBER[manifest.store]
    trouble = "" if manifest.store == POSTGRESQL else trouble_of(database)
    if trouble:
        raise refusals.damaged(file, trouble)
    return settings


def _bring_sounds(manifest: Manifest, beside: Path, media: Path) -> tuple[str, ...]:
    """Lays sounds where the hub looks for them; those that could not be found whole."""
    return tuple(one.sha256 for one in manifest.sounds if not _bring(one, beside, media))


def _bring(sound: SoundMark, beside: Path, media: Path) -> bool:
    target, source = media / sound.sha256, beside / sound.sha256
    if target.is_file() and mark_of(target).sha256 == sound.sha256:
        return True
    return source.is_file() and copy_whole(source, target, sound.sha256)


def _prepare_database(staging: Path, settings: Settings, *, over: bool, now: datetime) -> None:
    """Brings the database up to date, and tells it that it was put back."""
    dump = staging / MEMBER[POSTGRESQL]
    url = settings.store.url if dump.exists() else ""
    if dump.exists():
        if not over and _holds_a_hub(url):
            raise refusals.hub_there(Path(make_url(url).database or ""))
        put_back(dump, settings)
    store = open_store(url, staging / "hub.db")
    try:
        with store.writing() as connection:
            raise_version_floor(connection, now)
            orders.skip_to(connection, max(orders.newest_seq(connection), int(now.timestamp())))
            connection.execute(delete(login_session))
            note_audit(connection, now, "local", "hub.restore", "")
    finally:
        store.close()


def _holds_a_hub(url: str) -> bool:
    engine = create_engine(url)
    try:
        return inspect(engine).has_table("alembic_version")
    finally:
        engine.dispose()


def _change_places(
    staging: Path, state: StateDir, settings: Settings, now: datetime
) -> Path | None:
    """The old hub goes aside, the new one comes; whatever fails between is undone."""
    database = sqlite_file(state, settings)
    places = {
        staging / "signing.key": state.signing_key,
        staging / "recovery.pub": state.recovery_public,
        staging / "local.token": state.local_token,
        staging / "hub.db": database,
        staging / "hub.toml": state.settings,
    }
    old = [state.settings, *(one for one in places.values() if one != state.settings)]
    old += [database.with_name(database.name + end) for end in BESIDE[1:]]
    aside = state.replaced / f"{now:{STAMP}}"
    with ExitStack() as undo:
        for folder in (state.signing_key.parent, state.broker):
            folder.mkdir(mode=0o700, exist_ok=True)
        moved = [_moved(one, aside / one.name, undo) for one in old if one.exists()]
        for source, target in places.items():
            if source.exists():
                _moved(source, target, undo)
        for folder in {target.parent for target in places.values()}:
            sync_folder(folder)
        undo.pop_all()
    return aside if moved else None


def _moved(source: Path, target: Path, undo: ExitStack) -> Path:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.replace(source, target)  # noqa: PTH105 - both named, as it is undone the same way
    undo.callback(os.replace, target, source)
    return target
