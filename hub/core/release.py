"""What shows that a person means an emergency: a word that no slip of the hand types, and a second factor. Pure."""

from __future__ import annotations

import base64
import binascii
import unicodedata
from datetime import datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from contract.command import Mode

WORDS = {Mode.LIVE: "KHẨN CẤP", Mode.DRILL: "DIỄN TẬP", Mode.TEST: "THỬ"}
STEP_S, DIGITS = 30, 6
SECRET_BYTES = 20
"""RFC 4226 recommends so many."""


def is_word(typed: str, mode: Mode) -> bool:
    """Whether a person has typed the word of a mode; accents, capitals and spaces do not matter."""
    return _plain(typed) == _plain(WORDS[mode])


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(c for c in bare if c.isalpha()).upper()


def step_of(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step whose code a person has typed; None: the code is wrong, or was used before.

    Args:
        secret: Shared with the person's phone, base 32.
        code: As typed.
        now: The hub's time.
        last_step: Of the code that was used last: no code holds twice (RFC 6238, 5.2).
    """
    typed = "".join(code.split())
    here = int(now.timestamp()) // STEP_S
    for step in (here, here - 1, here + 1):  # a phone's clock is seldom better
        if step > last_step and _holds(secret, typed, step):
            return step
    return None


def _holds(secret: str, typed: str, step: int) -> bool:
    try:
        totp = TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_S)  # noqa: S303 - what phones know (RFC 6238)
        totp.verify(typed.encode(), step * STEP_S)
    except (InvalidToken, binascii.Error, ValueError):
        return False
    return True


def enrolment_url(secret: str, user: str, commune: str) -> str:
    """What a phone's authenticator reads, as a QR code or typed."""
    return f"otpauth://totp/{quote(f'loaxa {commune}:{user}')}?secret={secret}&issuer=loaxa"


def new_secret(random_bytes: bytes) -> str:
    """A secret from `SECRET_BYTES` of randomness."""
    return base64.b32encode(random_bytes).decode()
