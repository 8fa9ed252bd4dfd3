"""Sounds on the card: named by their hash, held only once that hash was seen to be true."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from contract.ids import Sha256, is_sha256
from edge.shell.files import (
    bring_leftovers,
    is_damage,
    make_folder,
    set_aside,
    sync_folder,
)
from edge.shell.reserve import free_room

log = logging.getLogger(__name__)

CHUNK = 256 * 1024
MIB = 1024**2
QUOTA_BYTES = 4096 * MIB
RESERVE_BYTES = 200 * MIB
"""Left free on the card beside a sound that is to come: the ledger and the system need room too."""
MOST_ASIDE = 8
"""So many damaged sounds are kept for who wants to know what the card did."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS verified (sha256 TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, read_at TEXT)
"""
SUFFIX = ".mka"


class CacheFigures(Struct, frozen=True, kw_only=True):
    """How much there is.

    Attributes:
        bytes: All sounds together, with those set aside.
        aside: Damaged sounds that were set aside.
        all_read_since: Every held sound was read from end to end and found whole since then; None: not all of them yet.
    """

    bytes: int
    free_bytes: int
    quota_bytes: int
    aside: int
    all_read_since: datetime | None


class SoundCache:
    """The folder of verified sounds, and a small rebuildable database of when each was verified.

    A file is hashed when it comes, and again right before it is played; the quick check at the start compares its size
    and time only, so that opening the cache costs next to nothing. What it is not sure of is not held until
    `look_into` has hashed it, which `edge.shell.start_check` does for all of them.

    Args:
        folder: Where the sounds are.
        database: What was verified; may be lost without harm.
        quota_bytes: What all of them may take; what is needed is kept beyond it.
        reserve_bytes: Left free on the card beside a sound that is to come.
        free_bytes: Says how much room the card has; None: as the system tells.
    """

    def __init__(
        self,
        folder: Path,
        database: Path,
        *,
        quota_bytes: int = QUOTA_BYTES,
        reserve_bytes: int = RESERVE_BYTES,
        free_bytes: Callable[[], int] | None = None,
    ) -> None:
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._reserve_bytes = reserve_bytes
        self._free_bytes = free_bytes or (lambda: free_room(folder))
        self._keep: frozenset[Sha256] = frozenset()
        make_folder(folder)
        bring_leftovers(folder)
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
                "SELECT size, mtime_ns FROM verified WHERE sha256 = ?", (sha256,)
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
            self._quarantine(path, "is damaged")
        except OSError as error:  # a bad sector must not end the agent
            self._quarantine(path, f"cannot be read ({error.strerror})")
        return False

    def _quarantine(self, path: Path, why: str) -> None:
        """Moves a sound aside: it is no sound any more, and the first to go where room is short."""
        try:
            log.warning("sound %s %s; set aside as %s", path.stem[:12], why, set_aside(path))
            for old in self._aside()[:-MOST_ASIDE]:
                old.unlink(missing_ok=True)
        except OSError as error:
            log.warning("sound %s %s and cannot be set aside: %s", path.stem[:12], why, error)

    def _aside(self) -> list[Path]:
        """Damaged sounds, oldest first."""
        return sorted(self._folder.glob(f"*{SUFFIX}.broken-*"), key=_age)

    def _record(self, sha256: Sha256, path: Path) -> None:
        facts = path.stat()
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO verified VALUES (?, ?, ?, NULL)",
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
        """Takes a finished download that is on the card and whose hash was verified; its name is not yet."""
        path = self.path(sha256)
        staged.replace(path)
        self._record(sha256, path)
        self._held |= {sha256}
        self._unsure -= {sha256}

    def bring_names(self) -> None:
        """Brings the names of what was adopted to the card; may take as long as the card wants."""
        sync_folder(self._folder)

    def longest_unread(self) -> tuple[Sha256, datetime | None] | None:
        """The held sound that was longest not read from end to end, and when it last was; None: none is held."""
        try:
            found = dict(self._db.execute("SELECT sha256, read_at FROM verified"))
        except sqlite3.Error:
            found = {}
        oldest = min(self._held, key=lambda one: (found.get(one) or "", one), default=None)
        if oldest is None:
            return None
        read_at = found.get(oldest)
        return oldest, datetime.fromisoformat(read_at) if read_at else None

    def was_read(self, sha256: Sha256, at: datetime) -> None:
        """A held sound was read from end to end and is whole."""
        values = (at.astimezone(UTC).isoformat(timespec="seconds"), sha256)
        try:
            self._db.execute("UPDATE verified SET read_at = ? WHERE sha256 = ?", values)
        except sqlite3.Error as error:
            log.warning("sound %s will be read again: %s", sha256[:12], error)

    def figures(self) -> CacheFigures:
        """How much there is."""
        oldest = self.longest_unread()
        return CacheFigures(
            bytes=sum(_size(path) for path in self._files()),
            free_bytes=self._free_bytes(),
            quota_bytes=self._quota_bytes,
            aside=len(self._aside()),
            all_read_since=oldest[1] if oldest else None,
        )

    def evict(self, keep: frozenset[Sha256], quota_bytes: int | None = None) -> None:
        """Removes what was set aside and what nobody needs, oldest first, until the rest fits.

        Args:
            keep: What a plan needs or the player holds; never removed, until the next call says otherwise. An emergency
                pack that is to stay on the card belongs in here.
            quota_bytes: What all may take; None: as the cache was made.
        """
        self._keep = keep
        quota_bytes = self._quota_bytes if quota_bytes is None else quota_bytes
        total = sum(_size(path) for path in self._files())
        for path in self._unneeded():
            if total <= quota_bytes:
                return
            total -= _size(path)
            self._remove(path)

    def make_room(self, size_bytes: int) -> None:
        """Removes what nobody needs, oldest first, until a sound of this size fits and the reserve is left."""
        for path in self._unneeded():
            if self._free_bytes() >= size_bytes + self._reserve_bytes:
                return
            self._remove(path)

    def clear_out(self) -> None:
        """Removes all that nobody needs: the card has said that it is full."""
        for path in self._unneeded():
            self._remove(path)

    def _files(self) -> list[Path]:
        return [*self._folder.glob(f"*{SUFFIX}*")]

    def _unneeded(self) -> list[Path]:
        """What may go, and what goes first."""
        sounds = [path for path in self._folder.glob(f"*{SUFFIX}") if path.stem not in self._keep]
        return [*self._aside(), *sorted(sounds, key=_age)]

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._held -= {Sha256(path.stem)}
        self._unsure -= {Sha256(path.stem)}


def _age(path: Path) -> tuple[int, str]:
    """Sorts the oldest first; what a thread has just moved aside is no more."""
    try:
        return path.stat().st_mtime_ns, path.name
    except FileNotFoundError:
        return 0, path.name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


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
