"""The form of a backup: a compressed tar whose first member says what the others must be."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from contract.ids import CommuneId, Sha256
from hub.backup import refusals

MANIFEST = "manifest.json"
VERSION = 1
MAX_MANIFEST_BYTES = 64 * 2**20
CHUNK_BYTES = 1 << 20
GZIP = b"\x1f\x8b"


class FileMark(Struct, frozen=True, kw_only=True):
    """What a file of the archive must be."""

    sha256: Sha256
    size_bytes: int


class SoundMark(Struct, frozen=True, kw_only=True):
    """A sound that the backup's database names."""

    sha256: Sha256
    size_bytes: int


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds.

    Attributes:
        store: `sqlite` or `postgresql`: what the database member is of.
        files: Members by name.
        sounds: Beside the archive, each under its hash in the folder `sounds`.
    """

    loaxa_hub_backup: int
    commune: CommuneId
    made_at: datetime
    store: str
    files: dict[str, FileMark]
    sounds: tuple[SoundMark, ...]


def mark_of(path: Path) -> FileMark:
    """What a file is now."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileMark(sha256=Sha256(digest), size_bytes=file.tell())


def write_archive(target: Path, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Writes an archive that only its owner may read, whole and on the disk, or none at all.

    It is read back and compared before it gets its name.
    """
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as raw:
            _write(raw, manifest, files)
            raw.flush()
            os.fsync(raw.fileno())
        read_manifest(fresh, verify=True)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(target.parent)


def _write(raw: IO[bytes], manifest: Manifest, files: Mapping[str, Path]) -> None:
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        text = msgspec.json.encode(manifest)
        tar.addfile(_member(MANIFEST, len(text)), io.BytesIO(text))
        for name, path in files.items():
            with path.open("rb") as file:
                tar.addfile(_member(name, path.stat().st_size), file)


def _member(name: str, size_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size_bytes
    member.mode = 0o600
    return member


def read_manifest(path: Path, *, verify: bool = False, into: Path | None = None) -> Manifest:
    """Reads an archive's manifest.

    Args:
        path: The archive.
        verify: Also read every member and compare it.
        into: Write the members into this folder, each under its name; verifies them too.

    Raises:
        HubError: It is no backup, damaged, or of a newer hub.
    """
    with path.open("rb") as file:
        if file.read(len(GZIP)) != GZIP:
            raise refusals.no_backup(path)
    try:
        with tarfile.open(path, mode="r:gz") as tar:
            manifest = _manifest(tar, path)
            if verify or into is not None:
                _read_members(tar, manifest, path, into)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise refusals.damaged(path, str(error)) from error
    return manifest


def _manifest(tar: tarfile.TarFile, path: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or first.size > MAX_MANIFEST_BYTES:
        raise refusals.no_backup(path)
    file = tar.extractfile(first)
    text = file.read() if file else b""
    try:
        version = msgspec.json.decode(text, type=_Version).loaxa_hub_backup
        if version > VERSION:
            raise refusals.newer_backup(path)
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refusals.damaged(path, str(error)) from error


class _Version(Struct):
    loaxa_hub_backup: int


def _read_members(tar: tarfile.TarFile, manifest: Manifest, path: Path, into: Path | None) -> None:
    missing = dict(manifest.files)
    while (member := tar.next()) is not None:
        expected = missing.pop(member.name, None)
        file = tar.extractfile(member) if member.isreg() else None
        if expected is None or file is None or member.size != expected.size_bytes:
            raise refusals.damaged(path, member.name)
        if _copied(file, into / member.name if into else None) != expected.sha256:
            raise refusals.damaged(path, member.name)
    if missing:
        raise refusals.damaged(path, f"{next(iter(missing))} is missing")


def _copied(file: IO[bytes], target: Path | None) -> str:
    """Reads a member to its end, into a file if one is named; its hash."""
    digest = hashlib.sha256()
    with _sink(target) as sink:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            sink.write(chunk)
        if target is not None:
            sink.flush()
            os.fsync(sink.fileno())
    return digest.hexdigest()


def _sink(target: Path | None) -> IO[bytes]:
    if target is None:
        return Path(os.devnull).open("wb")
    return os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_whole(source: Path, target: Path, sha256: str) -> bool:
    """Copies a file that is named by its hash, whole or not at all; False when the source is another."""
    fresh = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with source.open("rb") as file, fresh.open("wb") as copy:
            shutil.copyfileobj(file, copy, CHUNK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
        if mark_of(fresh).sha256 != sha256:
            return False
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return True
