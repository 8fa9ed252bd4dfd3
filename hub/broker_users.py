"""Passwords in the form that Mosquitto keeps them in."""

from __future__ import annotations

import base64
import hashlib
import secrets

ITERATIONS = 101
SALT_BYTES = 12
KEY_BYTES = 64


def mosquitto_hash(password: str, salt: bytes | None = None) -> str:
    """PBKDF2-SHA512 as Mosquitto writes it. Few rounds do: passwords here are 32 random bytes."""
    salt = salt or secrets.token_bytes(SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, KEY_BYTES)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
