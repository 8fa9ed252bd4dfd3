"""What the web side refuses on its own: callers who may not, bodies that do not fit."""

from __future__ import annotations

from hub.errors import HubError


class WebRefusal(HubError):  # noqa: N818 - what happened to the request
    """A refusal that only makes sense over HTTP."""

    def __init__(self, status: int, code: str, message_vi: str, message_en: str) -> None:
        super().__init__(code, message_vi, message_en)
        self.http_status = status


def not_signed_in() -> WebRefusal:
    """Nobody is known to be asking."""
    return WebRefusal(
        401,
        "not_signed_in",
        "Bạn chưa đăng nhập hoặc phiên làm việc đã hết. Hãy đăng nhập lại.",
        "You are not signed in, or the session has ended. Sign in again.",
    )


def wrong_password() -> WebRefusal:
    """Name or password is wrong; which of them is not told."""
    return WebRefusal(
        401,
        "wrong_password",
        "Tên đăng nhập hoặc mật khẩu không đúng.",
        "The name or the password is wrong.",
    )


def too_many_failures(wait_s: float) -> WebRefusal:
    """Somebody is guessing."""
    minutes = max(1, round(wait_s / 60))
    return WebRefusal(
        429,
        "too_many_failures",
        f"Đăng nhập sai quá nhiều lần. Hãy thử lại sau {minutes} phút.",
        f"Too many failed logins. Try again in {minutes} min.",
    )


def forged() -> WebRefusal:
    """A write that did not come from our page."""
    return WebRefusal(
        403,
        "forged",
        "Yêu cầu không đến từ trang này. Hãy tải lại trang rồi thử lại.",
        "The request did not come from this page. Reload it and try again.",
    )


def wrong_word(word: str) -> WebRefusal:
    """The word that shows that a person means it is not there."""
    return WebRefusal(
        400,
        "wrong_word",
        f"Chưa gửi. Để gửi, hãy gõ đúng chữ {word}.",
        f"Not sent. To send it, type the word {word}.",
    )


def no_file() -> WebRefusal:
    """A form without a file."""
    return WebRefusal(400, "no_file", "Hãy chọn một tệp âm thanh.", "Choose a sound file.")


def bad_form() -> WebRefusal:
    """Not multipart, or it broke off."""
    return WebRefusal(
        400,
        "bad_form",
        "Tệp tải lên bị gián đoạn. Hãy thử lại.",
        "The upload broke off. Try again.",
    )


def bad_request(detail: str) -> WebRefusal:
    """A body or parameter that does not fit."""
    return WebRefusal(
        400,
        "bad_request",
        f"Dữ liệu gửi lên không hợp lệ: {detail}",
        f"The request does not fit: {detail}",
    )


def no_such_sound() -> WebRefusal:
    """No sound under that hash."""
    return WebRefusal(404, "no_such_sound", "Không có tệp âm thanh này.", "There is no such sound.")
