"""Messages as bytes: JSON by msgspec, unknown fields ignored, sizes limited."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from contract.command import MAX_COMMAND_BYTES, Beacon, Command
from contract.journal import EventRow, ItemRow, JournalAck, JournalBatch
from contract.model import CONTRACT_VERSION, Desired
from contract.note import NoteRefused, SignerKey, VerifierKey, open_note, sign_note

Message = TypeVar("Message", bound=msgspec.Struct)
Signed = TypeVar("Signed", Desired, JournalAck, Command, Beacon)

MAX_DESIRED_BYTES = 256 * 1024
MAX_MESSAGE_BYTES = 64 * 1024
LARGEST: dict[type[msgspec.Struct], int] = {Command: MAX_COMMAND_BYTES, Beacon: MAX_COMMAND_BYTES}
"""Signed messages that are smaller than a plan; what is larger is refused before its signature is looked at."""


class _Versioned(msgspec.Struct):
    v: int = CONTRACT_VERSION


class Refused(ValueError):  # noqa: N818 - what happened to the message
    """A message that is not taken; its text says why, for the journal."""


def encode(message: msgspec.Struct) -> bytes:
    """A message as compact JSON."""
    return msgspec.json.encode(message)


def encode_batch(batch: JournalBatch) -> bytes:
    """Journal rows as compact JSON: a key that has its default is left out, as its reader takes that for it anyway.

    A month's rows shrink by a seventh, and every key that is there still has its name.
    """
    whole = msgspec.to_builtins(batch)
    whole["rows"] = [
        {key: value for key, value in row.items() if key not in usual or value != usual[key]}
        for row in whole["rows"]
        for usual in (_USUAL[row["row"]],)
    ]
    return msgspec.json.encode(whole)


def _defaults(kind: type[msgspec.Struct]) -> dict[str, Any]:
    fields = [field for field in msgspec.structs.fields(kind) if not field.required]
    return {field.encode_name: msgspec.to_builtins(field.default) for field in fields}


_USUAL = {"item": _defaults(ItemRow), "event": _defaults(EventRow)}
"""Kind of row to its defaults, as they stand in JSON."""


def decode(payload: bytes, kind: type[Message], *, max_bytes: int = MAX_MESSAGE_BYTES) -> Message:
    """Reads a message.

    Raises:
        Refused: Too large, not JSON, not of this kind, or of a newer contract.
    """
    if len(payload) > max_bytes:
        raise Refused(f"too large: {len(payload)} bytes, at most {max_bytes}")
    try:
        message = msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _refuse_newer(_version_of(payload))
        raise Refused(f"unreadable: {error}") from error
    _refuse_newer(getattr(message, "v", CONTRACT_VERSION))
    return message


def _version_of(payload: bytes) -> int:
    """What a message that cannot be read as what it should be says of its version."""
    try:
        return msgspec.json.decode(payload, type=_Versioned).v
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return CONTRACT_VERSION


def _refuse_newer(version: int) -> None:
    if version > CONTRACT_VERSION:
        raise Refused(
            f"contract version {version}, and this program knows {CONTRACT_VERSION}: update it"
        )


def sign(message: Desired | JournalAck | Command | Beacon, *signers: SignerKey) -> bytes:
    """A message as a signed note, indented so that a person can read it on the wire."""
    text = msgspec.json.format(msgspec.json.encode(message), indent=1).decode() + "\n"
    return sign_note(text, *signers)


def open_signed(note: bytes, kind: type[Signed], known: tuple[VerifierKey, ...]) -> Signed:
    """Verifies a signed note and reads its message.

    Raises:
        Refused: Too large, not signed by a known key, unreadable, or another kind of message.
    """
    most = LARGEST.get(kind, MAX_DESIRED_BYTES)
    if len(note) > most:
        raise Refused(f"too large: {len(note)} bytes, at most {most}")
    try:
        text, _ = open_note(note, known)
    except NoteRefused as error:
        raise Refused(f"signature: {error}") from error
    message = decode(text.encode(), kind, max_bytes=MAX_DESIRED_BYTES)
    if message.kind != kind.__struct_defaults__[1]:
        raise Refused(f"this is a {message.kind!r}")
    return message
