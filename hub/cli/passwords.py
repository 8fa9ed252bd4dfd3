"""Where a password comes from: a file, standard input, or made up."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from hub.errors import HubError


def given_or_made(source: str | None) -> tuple[str, bool]:
    """The password, and whether it was made up here and has to be told.

    Raises:
        HubError: The file cannot be read, or is empty.
    """
    if source is None:
        return secrets.token_urlsafe(9), True
    try:
        text = sys.stdin.readline() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HubError(
            "no_password",
            f"không đọc được tệp mật khẩu {source}: {error}",
            f"the password file {source} cannot be read: {error}",
        ) from error
    password = text.splitlines()[0] if text.strip() else ""
    return password, False
