"""Why an upload is refused, in words for the person who uploaded it."""

from __future__ import annotations


class IngestError(Exception):
    """An upload that cannot become a bulletin.

    Attributes:
        code: Short name of the reason, for programs.
        message_vi: What happened and what to do, in Vietnamese.
        message_en: The same in English.
    """

    def __init__(self, code: str, message_vi: str, message_en: str) -> None:
        super().__init__(f"{code}: {message_en}")
        self.code = code
        self.message_vi = message_vi
        self.message_en = message_en


def not_sound() -> IngestError:
    """The bytes hold no sound that can be read."""
    return IngestError(
        "not_sound",
        "Tệp này không phải tệp âm thanh đọc được. Hãy chọn tệp MP3, WAV, M4A, OGG, FLAC hoặc video có tiếng.",
        "This is not a readable sound file. Choose an MP3, WAV, M4A, OGG or FLAC file, or a video with sound.",
    )


def empty() -> IngestError:
    """No byte in it."""
    return IngestError(
        "empty",
        "Tệp này rỗng. Hãy ghi lại hoặc chọn tệp khác.",
        "The file is empty. Choose another.",
    )


def silent() -> IngestError:
    """Nothing that could be heard."""
    return IngestError(
        "silent",
        "Tệp này không có tiếng (im lặng từ đầu đến cuối). Hãy kiểm tra micro rồi ghi lại.",
        "The file is silent throughout. Check the microphone and record it again.",
    )


def too_short(limit_s: float) -> IngestError:
    """Shorter than any announcement."""
    return IngestError(
        "too_short",
        f"Âm thanh quá ngắn (dưới {limit_s:g} giây). Hãy chọn tệp khác.",
        f"The sound is too short (under {limit_s:g} seconds). Choose another file.",
    )


def too_long(limit_s: float) -> IngestError:
    """Longer than the hub takes."""
    minutes = round(limit_s / 60)
    return IngestError(
        "too_long",
        f"Âm thanh quá dài (quá {minutes} phút). Hãy chia thành nhiều bản tin ngắn hơn.",
        f"The sound is too long (over {minutes} minutes). Split it into shorter bulletins.",
    )


def too_large(limit_bytes: int) -> IngestError:
    """More bytes than the hub takes."""
    mib = limit_bytes / 2**20
    return IngestError(
        "too_large",
        f"Tệp quá lớn (quá {mib:g} MB). Hãy chọn tệp nhỏ hơn, ví dụ MP3.",
        f"The file is too large (over {mib:g} MB). Choose a smaller one, such as an MP3.",
    )


def cut_off(declared_s: float | None = None, decoded_s: float | None = None) -> IngestError:
    """The file ends before the sound does."""
    vi, en = "", ""
    if declared_s is not None and decoded_s is not None:
        vi = f": chỉ đọc được {decoded_s:.0f} trên {declared_s:.0f} giây"
        en = f": only {decoded_s:.0f} of {declared_s:.0f} seconds can be read"
    return IngestError(
        "cut_off",
        f"Tệp bị cắt cụt{vi}. Hãy sao chép hoặc tải lại tệp gốc rồi thử lại.",
        f"The file is cut off{en}. Copy or download the original again and retry.",
    )


def damaged() -> IngestError:
    """Parts of the sound cannot be decoded."""
    return IngestError(
        "damaged",
        "Tệp bị hỏng ở bên trong, phát ra sẽ bị vấp. Hãy dùng tệp gốc khác.",
        "The file is damaged inside and would stutter. Use another copy.",
    )


def took_too_long() -> IngestError:
    """A time limit struck."""
    return IngestError(
        "took_too_long",
        "Xử lý tệp quá lâu nên đã dừng. Hãy đổi tệp sang MP3 rồi thử lại.",
        "Reading the file took too long and was stopped. Convert it to MP3 and try again.",
    )


def no_tool(tool: str) -> IngestError:
    """The hub's machine lacks a program."""
    return IngestError(
        "no_tool",
        f"Máy chủ thiếu chương trình {tool}. Hãy báo kỹ thuật viên (apt install ffmpeg).",
        f"The hub lacks the program {tool}. Tell the technician (apt install ffmpeg).",
    )


def not_stored(why: str) -> IngestError:
    """The hub's disk would not take it."""
    return IngestError(
        "not_stored",
        f"Máy chủ không ghi được tệp ({why}). Hãy báo kỹ thuật viên kiểm tra ổ đĩa.",
        f"The hub could not store the file ({why}). Ask the technician to check the disk.",
    )
