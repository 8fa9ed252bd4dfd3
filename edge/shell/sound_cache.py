"""Sounds on the card: named by their hash, held only once that hash was seen to be true."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from contract.ids import Sha256, is_sha256
from edge.shell.files import is_damage, make_folder, set_aside, sync_folder

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
QUOTA_BYTES = 4 * 1024**3
RESERVE_BYTES = 200 * 1024**2
"""Left free on the card beside a sound that is to come: the ledger and the system need room too."""
SCHEMA = "CREATE TABLE IF NOT EXISTS sound (sha256 TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, used INTEGER)"
SUFFIX = ".mka"


class SoundCache:
    """The folder of verified sounds, and a small rebuildable database of when each was verified.

    A file is hashed when it comes, and again right before it is played; the quick check at the start compares its size
    and time only, so that opening the cache costs next to nothing. What it is not sure of is not held until
    `look_into` has hashed it, which `edge.shell.start_check` does for all of them.

    Args:
        folder: Where the sounds are.
        database: What was verified; may be lost without harm.
        free_bytes: Says how much room the card has; None: as the system tells.
    """

    def __init__(
        self, folder: Path, database: Path, *, free_bytes: Callable[[], int] | None = None
    ) -> None:
        self._folder = folder
        self._free_bytes = free_bytes or (lambda: shutil.disk_usage(folder).free)
        self._keep: frozenset[Sha256] = frozenset()
        make_folder(folder)
        self._db = _open(database)
        stored = self._stored()
        self._held: frozenset[Sha256] = frozenset(
            sha256 for sha256, path in stored.items() if self._is_recorded(sha256, path)
        )
        self._unsure: frozenset[Sha256] = frozenset(stored) - self._held

    def close(self) -> None:
        """Lets go of the database."""
        self._db.close()

    def held(self) -> frozenset[Sha256]:
        """Sounds that may be played."""
        return self._held

    def unsure(self) -> frozenset[Sha256]:
        """Sounds that were on the card at the start and have not been looked into yet."""
        return self._unsure

    def path(self, sha256: Sha256) -> Path:
        """Where a sound is, or will be."""
        return self._folder / f"{sha256}{SUFFIX}"

    def _stored(self) -> dict[Sha256, Path]:
        return {sha256: self.path(sha256) for sha256 in sorted(stored_sounds(self._folder))}

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
                if not self._is_recorded(sha256, path):
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

    async def is_whole(self, sha256: Sha256) -> bool:
        """Hashes a sound once more, right before it is opened, in a thread; a wrong one is dropped.

        Size and time are not enough here: a dying card changes bytes and neither of them.
        """
        path = self.path(sha256)
        if path.is_file() and await asyncio.to_thread(self._hash_again, sha256, path):
            return True
        self._held -= {sha256}
        return False

    async def look_into(self, sha256: Sha256) -> bool:
        """Hashes a sound that nobody is sure of, in a thread; it is held from then on, or set aside."""
        is_true = await asyncio.to_thread(self._hash_again, sha256, self.path(sha256))
        if is_true and sha256 in self._unsure:  # nobody has removed it meanwhile
            self._held |= {sha256}
        self._unsure -= {sha256}
        return sha256 in self._held

    def adopt(self, staged: Path, sha256: Sha256) -> None:
        """Takes a finished download that is on the card and whose hash was verified."""
        path = self.path(sha256)
        staged.replace(path)
        sync_folder(self._folder)
        self._record(sha256, path)
        self._held |= {sha256}
        self._unsure -= {sha256}

    def evict(self, keep: frozenset[Sha256], quota_bytes: int = QUOTA_BYTES) -> None:
        """Removes what nobody needs and what was set aside, oldest first, until the rest fits."""
        self._keep = keep
        total = sum(path.stat().st_size for path in self._files())
        for path in self._unneeded():
            if total <= quota_bytes:
                return
            total -= path.stat().st_size
            self._remove(path)

    def make_room(self, size_bytes: int) -> None:
        """Removes what nobody needs, oldest first, until a sound of this size fits and the reserve is left."""
        for path in self._unneeded():
            if self._free_bytes() >= size_bytes + RESERVE_BYTES:
                return
            self._remove(path)

    def clear_out(self) -> None:
        """Removes all that nobody needs: the card has said that it is full."""
        for path in self._unneeded():
            self._remove(path)

    def _files(self) -> list[Path]:
        return [*self._folder.glob(f"*{SUFFIX}*")]

    def _unneeded(self) -> list[Path]:
        unneeded = [path for path in self._files() if Sha256(path.stem) not in self._keep]
        return sorted(unneeded, key=lambda path: path.stat().st_mtime_ns)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._held -= {Sha256(path.stem)}
        self._unsure -= {Sha256(path.stem)}


def stored_sounds(folder: Path) -> frozenset[Sha256]:
    """Sounds that a folder has by their names; none is looked into."""
    stems = (path.stem for path in folder.glob(f"*{SUFFIX}"))
    return frozenset(Sha256(stem) for stem in stems if is_sha256(stem))


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
            if not is_damage(
                error
            ):  # locked, or the card is full: what is on it must play all the same
                log.warning("%s cannot be used (%s): sounds are verified anew", path.name, error)
                return _open_in_memory()
            log.warning("%s is broken (%s) and is made anew", path.name, error)
            set_aside(path)
        else:
            return db
    return _open_in_memory()


def _open_in_memory() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    db.execute(SCHEMA)
    return db
