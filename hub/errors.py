"""What a person is told when the hub cannot do what was asked: one line, in Vietnamese and English."""

from __future__ import annotations


class HubError(Exception):
    """A refusal that a person can act on.

    Attributes:
        code: Stable name of the refusal, for programs.
        message_vi: What to do, in Vietnamese.
        message_en: The same in English.
        http_status: How the API says it.
    """

    http_status = 400

    def __init__(self, code: str, message_vi: str, message_en: str) -> None:
        super().__init__(f"{message_vi} — {message_en}")
        self.code = code
        self.message_vi = message_vi
        self.message_en = message_en


class NotFound(HubError):  # noqa: N818 - read aloud it says what happened
    """Nothing here bears that name."""

    http_status = 404


class Conflict(HubError):  # noqa: N818 - read aloud it says what happened
    """It collides with what is there already."""

    http_status = 409
