"""Makes a backup: the database as it is at one instant, keys and settings in one archive, sounds beside it once."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from contract.ids import CommuneId
from hub.backup import refusals
from hub.backup.archive import (
    VERSION,
    FileMark,
    Manifest,
    SoundMark,
    copy_whole,
    mark_of,
    read_manifest,
    sync_folder,
    write_archive,
)
from hub.backup.database import MEMBER, copy_out, kind_of
from hub.core.backups import file_name, kept, made_at
from hub.errors import HubError
from hub.settings import Settings
from hub.state_dir import StateDir

log = logging.getLogger(__name__)

SOUNDS = "sounds"
LOCK = ".lock"
STAGING = ".making-"


@dataclass(frozen=True, kw_only=True)
class BackupDone:
    """A backup that was just made.

    Attributes:
        sounds: How many sounds lie beside it.
        missing: Sounds that the database names and the hub does not hold whole.
    """

    file: Path
    size_bytes: int
    sounds: int
    missing: tuple[str, ...]


def backup_folder(state: StateDir, settings: Settings, named: str = "") -> Path:
    """Where backups go.

    Raises:
        HubError: A folder that is named and not there: perhaps its disk is not plugged in.
    """
    text = named or settings.backup.folder
    folder = Path(text) if text else state.backups
    try:
        if not text:
            folder.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise refusals.folder_unusable(folder, "no such folder")
        (folder / SOUNDS).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise refusals.folder_unusable(folder, error.strerror or str(error)) from error
    return folder


def make_backup(
    state: StateDir, settings: Settings, folder: Path, sounds: Iterable[SoundMark], now: datetime
) -> BackupDone:
    """Makes a backup; blocking, and safe while the hub serves.

    Args:
        state: The hub's state directory.
        settings: Its settings.
        folder: Where to (`backup_folder`).
        sounds: What the database names, looked up once its copy is made.
        now: The backup's date.

    Raises:
        HubError: The database is broken, a tool is missing, or the folder takes nothing.
    """
    try:
        with _alone(folder), tempfile.TemporaryDirectory(prefix=STAGING, dir=folder) as staging:
            return _make(state, settings, folder, Path(staging), sounds, now)
    except OSError as error:
        raise refusals.folder_unusable(folder, error.strerror or str(error)) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time; what a killed one left is swept."""
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{STAGING}*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in (*folder.glob(".*.new"), *(folder / SOUNDS).glob(".*.new")):
            left.unlink(missing_ok=True)
        yield


def _make(
    state: StateDir,
    settings: Settings,
    folder: Path,
    staging: Path,
    sounds: Iterable[SoundMark],
    now: datetime,
) -> BackupDone:
    kind = kind_of(settings)
    database = staging / MEMBER[kind]
    copy_out(state, settings, database)
    files = {**_small_files(state), MEMBER[kind]: database}
    named = tuple(sounds)
    missing = tuple(one.sha256 for one in named if not _keep_sound(state.media, folder, one))
    marks: dict[str, FileMark] = {name: mark_of(path) for name, path in files.items()}
    manifest = Manifest(
        loaxa_hub_backup=VERSION,
        commune=settings.commune,
        made_at=now,
        store=kind,
        files=marks,
        sounds=named,
    )
    target = folder / file_name(settings.commune, now)
    write_archive(target, manifest, files)
    return BackupDone(
        file=target,
        size_bytes=target.stat().st_size,
        sounds=len(named) - len(missing),
        missing=missing,
    )


def _small_files(state: StateDir) -> dict[str, Path]:
    return {
        "hub.toml": state.settings,
        "signing.key": state.signing_key,
        "recovery.pub": state.recovery_public,
        "local.token": state.local_token,
    }


def _keep_sound(media: Path, folder: Path, sound: SoundMark) -> bool:
    """Lays a sound beside the backups unless it lies there; False when the hub does not hold it whole."""
    source, target = media / sound.sha256, folder / SOUNDS / sound.sha256
    if target.exists() and target.stat().st_size == sound.size_bytes:
        return True
    if not source.is_file() or mark_of(source).sha256 != sound.sha256:
        log.error("sound %s is not whole, and so in no backup", sound.sha256[:12])
        return False
    target.unlink(missing_ok=True)
    with suppress(OSError):  # another disk: a copy
        os.link(source, target)
        sync_folder(target.parent)
        return True
    return copy_whole(source, target, sound.sha256)


def tidy(folder: Path, commune: CommuneId, daily: int, weekly: int) -> None:
    """Removes backups whose turn is over, and sounds that no backup names any more."""
    dates = {path: made_at(path.name, commune) for path in folder.iterdir() if path.is_file()}
    ours = {path: at for path, at in dates.items() if at is not None}
    stay = kept(ours.values(), daily, weekly)
    for path in [path for path, at in ours.items() if at not in stay]:
        path.unlink()
        del ours[path]
    try:
        named = {one.sha256 for path in ours for one in read_manifest(path).sounds}
    except HubError as error:
        log.warning("sounds beside the backups are not tidied: %s", error)
        return
    if ours and set(ours) == set(folder.glob("*.tar.gz")):
        for sound in (folder / SOUNDS).iterdir():
            if sound.name not in named:
                sound.unlink()
