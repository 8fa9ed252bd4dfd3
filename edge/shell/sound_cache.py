"""Sounds on the card: named by their hash, held only once that hash was seen to be true."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from pathlib import Path

from contract.ids import Sha256, is_sha256
from edge.shell.files import set_aside, sync_folder

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
QUOTA_BYTES = 4 * 1024**3
SCHEMA = "CREATE TABLE IF NOT EXISTS sound (sha256 TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, used INTEGER)"
SUFFIX = ".mka"


class SoundCache:
    """The folder of verified sounds, and a small rebuildable database of when each was verified.

    A file is hashed when it comes, and again when its size or time has changed since; the quick check at the start
    compares those two only.

    Args:
        folder: Where the sounds are.
        database: What was verified; may be lost without harm.

    Attributes:
        damaged_at_start: Sounds that were there but wrong when the cache was opened.
    """

    def __init__(self, folder: Path, database: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._db = _open(database)
        stored = self._stored()
        self._held: frozenset[Sha256] = frozenset(
            sha256 for sha256, path in stored.items() if self._holds(sha256, path)
        )
        self.damaged_at_start: frozenset[Sha256] = frozenset(stored) - self._held

    def close(self) -> None:
        """Lets go of the database."""
        self._db.close()

    def held(self) -> frozenset[Sha256]:
        """Sounds that may be played."""
        return self._held

    def path(self, sha256: Sha256) -> Path:
        """Where a sound is, or will be."""
        return self._folder / f"{sha256}{SUFFIX}"

    def _stored(self) -> dict[Sha256, Path]:
        paths = sorted(self._folder.glob(f"*{SUFFIX}"))
        return {Sha256(path.stem): path for path in paths if is_sha256(path.stem)}

    def _holds(self, sha256: Sha256, path: Path) -> bool:
        return self._is_recorded(sha256, path) or self._hash_again(sha256, path)

    def _is_recorded(self, sha256: Sha256, path: Path) -> bool:
        facts = path.stat()
        try:
            row = self._db.execute(
                "SELECT size, mtime_ns FROM sound WHERE sha256 = ?", (sha256,)
            ).fetchone()
        except sqlite3.Error:
            return False
        return bool(row == (facts.st_size, facts.st_mtime_ns))

    def _hash_again(self, sha256: Sha256, path: Path) -> bool:
        try:
            if hash_file(path) == sha256:
                self._record(sha256, path)
                return True
            log.warning("sound %s is damaged; set aside as %s", sha256[:12], set_aside(path))
        except OSError as error:  # a bad sector must not end the agent
            log.warning("sound %s cannot be read: %s", sha256[:12], error)
        return False

    def _record(self, sha256: Sha256, path: Path) -> None:
        facts = path.stat()
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO sound VALUES (?, ?, ?, 0)",
                (sha256, facts.st_size, facts.st_mtime_ns),
            )
        except sqlite3.Error as error:
            log.warning("sound %s will be verified again: %s", sha256[:12], error)

    def is_whole(self, sha256: Sha256) -> bool:
        """Looks once more, right before a sound is opened; a file that changed is hashed, a wrong one is dropped."""
        path = self.path(sha256)
        if path.is_file() and self._holds(sha256, path):
            return True
        self._held -= {sha256}
        return False

    def adopt(self, staged: Path, sha256: Sha256) -> None:
        """Takes a finished download whose hash was verified while it came."""
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        path = self.path(sha256)
        staged.replace(path)
        sync_folder(self._folder)
        self._record(sha256, path)
        self._held |= {sha256}

    def evict(self, keep: frozenset[Sha256], quota_bytes: int = QUOTA_BYTES) -> None:
        """Removes what nobody needs and what was set aside, oldest first, until the rest fits."""
        files = sorted(self._folder.glob(f"*{SUFFIX}*"), key=lambda path: path.stat().st_mtime_ns)
        total = sum(path.stat().st_size for path in files)
        for path in files:
            if total <= quota_bytes:
                return
            if Sha256(path.stem) not in keep:
                total -= path.stat().st_size
                path.unlink()
                self._held -= {Sha256(path.stem)}


def hash_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _open(path: Path) -> sqlite3.Connection:
    for _ in range(2):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(SCHEMA)
        except sqlite3.DatabaseError as error:
            db.close()
            log.warning("%s is broken (%s) and is made anew", path.name, error)
            set_aside(path)
        else:
            return db
    raise sqlite3.DatabaseError(f"{path} cannot be made")
