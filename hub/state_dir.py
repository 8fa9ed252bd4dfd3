"""Where things lie in a hub's state directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hub.errors import HubError


@dataclass(frozen=True)
class StateDir:
    """A hub's state directory and the names in it."""

    root: Path

    @property
    def settings(self) -> Path:
        """Settings a person may edit."""
        return self.root / "hub.toml"

    @property
    def signing_key(self) -> Path:
        """Private key that signs what commands a cluster."""
        return self.root / "keys" / "signing.key"

    @property
    def recovery_public(self) -> Path:
        """Public half of the offline recovery key."""
        return self.root / "keys" / "recovery.pub"

    @property
    def database(self) -> Path:
        """SQLite file, unless the settings name another store."""
        return self.root / "hub.db"

    @property
    def media(self) -> Path:
        """Sound files, each named by its SHA-256."""
        return self.root / "media"

    @property
    def local_token(self) -> Path:
        """Bearer token for programs on this machine."""
        return self.root / "local.token"

    @property
    def broker(self) -> Path:
        """Mosquitto's configuration, users and persistence."""
        return self.root / "broker"

    @property
    def backups(self) -> Path:
        """Backups, unless the settings name another folder."""
        return self.root / "backups"

    @property
    def replaced(self) -> Path:
        """Hubs that a restore put aside."""
        return self.root / "replaced"

    @property
    def lock(self) -> Path:
        """Held by the hub that serves; holds its process id."""
        return self.root / "hub.lock"

    def read_local_token(self) -> str:
        """The word of programs on this machine.

        Raises:
            HubError: It cannot be read.
        """
        try:
            return self.local_token.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise HubError(
                "no_local_token",
                f"không đọc được {self.local_token}: {why}",
                f"{self.local_token} cannot be read: {why}",
            ) from error


def write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner may read: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
