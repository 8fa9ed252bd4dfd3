"""Signed notes: text that a person can read, followed by Ed25519 signatures of exactly that text.

The format is C2SP signed-note (c2sp.org/signed-note): the text ends with a newline, then an empty line, then one line a
signature, `— <key name> <base64 of 4-byte key id and signature>`. Signatures by unknown keys are ignored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

ED25519 = b"\x01"
KEY_ID_BYTES = 4
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
DASH = "— "


class NoteRefused(ValueError):  # noqa: N818 - what happened to the note
    """The bytes are no note, or no known key has signed them."""


class VerifierKey(Struct, frozen=True, kw_only=True):
    """The public half of a signing key, with the name it signs under."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256 over name, newline, algorithm and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[
            :KEY_ID_BYTES
        ]

    def encode(self) -> str:
        """The key as one line: `<name>+<key id in hex>+<base64 of algorithm and key>`."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @staticmethod
    def decode(line: str) -> VerifierKey:
        """Reads what `encode` wrote.

        Raises:
            NoteRefused: The line is no Ed25519 verifier key, or its key id does not fit.
        """
        name, key_id, encoded = ([*line.strip().split("+", 2), "", ""])[:3]
        raw = _unbase64(encoded)
        key = VerifierKey(name=name, public=raw[1:])
        if (
            not is_key_name(name)
            or raw[:1] != ED25519
            or len(raw) != 1 + PUBLIC_BYTES
            or key.key_id.hex() != key_id
        ):
            raise NoteRefused(f"not a verifier key: {line[:60]!r}")
        return key


class SignerKey(Struct, frozen=True, kw_only=True):
    """A private signing key and the name it signs under."""

    name: str
    private: bytes

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        key = Ed25519PrivateKey.from_private_bytes(self.private)
        return VerifierKey(name=self.name, public=key.public_key().public_bytes_raw())


def is_key_name(name: str) -> bool:
    """Whether a key may bear this name: no white space, no plus."""
    return bool(name) and not any(c.isspace() or c == "+" for c in name)


def generate_key(name: str) -> SignerKey:
    """Makes a new signing key from the system's randomness."""
    if not is_key_name(name):
        raise NoteRefused(f"a key cannot be named {name!r}")
    return SignerKey(name=name, private=Ed25519PrivateKey.generate().private_bytes_raw())


def sign_note(text: str, *signers: SignerKey) -> bytes:
    """The note: `text` and one signature line a signer.

    Raises:
        NoteRefused: The text does not end with a newline.
    """
    if not text.endswith("\n"):
        raise NoteRefused("the text of a note ends with a newline")
    lines = [_signature_line(text.encode(), signer) for signer in signers]
    return (text + "\n" + "".join(lines)).encode()


def _signature_line(text: bytes, signer: SignerKey) -> str:
    signature = Ed25519PrivateKey.from_private_bytes(signer.private).sign(text)
    encoded = base64.b64encode(signer.verifier.key_id + signature).decode()
    return f"{DASH}{signer.name} {encoded}\n"


def open_note(note: bytes, known: Iterable[VerifierKey]) -> tuple[str, tuple[VerifierKey, ...]]:
    """The text of a note and the known keys that have signed it.

    Args:
        note: The bytes as they came.
        known: Keys whose signatures count; all others are ignored.

    Raises:
        NoteRefused: Not a note, a known key's signature does not hold, or no known key has signed.
    """
    text, signatures = _split(note)
    by_id = {(key.name, key.key_id): key for key in known}
    signed = tuple(key for line in signatures if (key := _check(text, line, by_id)) is not None)
    if not signed:
        raise NoteRefused("no key that is known here has signed it")
    return text, signed


def _split(note: bytes) -> tuple[str, list[str]]:
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise NoteRefused("not UTF-8") from error
    head, empty_line, tail = whole.rpartition("\n\n")
    if not empty_line or not tail.endswith("\n"):
        raise NoteRefused("no signature block")
    return head + "\n", tail[:-1].split("\n")


def _check(text: str, line: str, known: dict[tuple[str, bytes], VerifierKey]) -> VerifierKey | None:
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space or not is_key_name(name):
        raise NoteRefused("a line of the signature block is no signature")
    raw = _unbase64(encoded)
    key = known.get((name, raw[:KEY_ID_BYTES]))
    if key is None:
        return None
    if len(raw) != KEY_ID_BYTES + SIGNATURE_BYTES:
        raise NoteRefused(f"the signature of {name} has a wrong length")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[KEY_ID_BYTES:], text.encode())
    except InvalidSignature as error:
        raise NoteRefused(f"the signature of {name} does not fit the text") from error
    return key


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteRefused("not base64") from error
