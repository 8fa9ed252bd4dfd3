"""Keys on disk: the hub's signing key, and the public half of the recovery key that lies elsewhere."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from contract.ids import CommuneId
from contract.note import (
    ED25519,
    PUBLIC_BYTES,
    NoteRefused,
    SignerKey,
    VerifierKey,
    generate_key,
)
from hub.errors import HubError
from hub.state_dir import StateDir, write_private

PRIVATE = "PRIVATE+KEY+"


def make_keys(state: StateDir, commune: CommuneId) -> str:
    """Makes both keys; the recovery key's private line, which is kept nowhere here."""
    signing = generate_key(f"hub.{commune}")
    recovery = generate_key(f"recovery.{commune}")
    write_private(state.signing_key, (private_line(signing) + "\n").encode())
    write_private(state.recovery_public, (recovery.verifier.encode() + "\n").encode())
    return private_line(recovery)


def private_line(key: SignerKey) -> str:
    """A private key as one line: `PRIVATE+KEY+<name>+<key id in hex>+<base64 of algorithm and seed>`."""
    seed = base64.b64encode(ED25519 + key.private).decode()
    return f"{PRIVATE}{key.name}+{key.verifier.key_id.hex()}+{seed}"


def read_private(path: Path) -> SignerKey:
    """Reads a private key.

    Raises:
        HubError: The file is missing or is no key.
    """
    try:
        return _decode(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, NoteRefused) as error:
        raise HubError(
            "no_key",
            f"không đọc được khoá ký {path}: {error}",
            f"the signing key {path} cannot be read: {error}",
        ) from error


def read_recovery_public(path: Path) -> VerifierKey:
    """Reads the public half of the recovery key.

    Raises:
        HubError: The file is missing or is no key.
    """
    try:
        return VerifierKey.decode(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError, NoteRefused) as error:
        raise HubError(
            "no_key",
            f"không đọc được khoá phục hồi công khai {path}: {error}",
            f"the recovery key's public half {path} cannot be read: {error}",
        ) from error


def _decode(line: str) -> SignerKey:
    name, key_id, seed = ([*line.removeprefix(PRIVATE).split("+", 2), "", ""])[:3]
    try:
        raw = base64.b64decode(seed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteRefused("not base64") from error
    if not line.startswith(PRIVATE) or raw[:1] != ED25519 or len(raw) != 1 + PUBLIC_BYTES:
        raise NoteRefused("not an Ed25519 private key")
    key = SignerKey(name=name, private=raw[1:])
    if key.verifier.key_id.hex() != key_id:
        raise NoteRefused("its key id does not fit")
    return key
