"""Words that a technician reads for what the cluster decides, in Vietnamese and English."""

from __future__ import annotations

from enum import StrEnum

from contract.journal import Outcome, Reason
from contract.ports import ClockTrust
from edge.core.clock_trust import Doubt


class Language(StrEnum):
    """Language of a command's answer."""

    VI = "vi"
    EN = "en"


def say(language: Language, vi: str, en: str) -> str:
    """The text in the language asked for."""
    return vi if language is Language.VI else en


def reason_words(reason: Reason, language: Language) -> str:
    """Why an item played as it did, or did not."""
    return say(language, *_REASONS[reason])


def outcome_words(outcome: Outcome, language: Language) -> str:
    """What became of an item."""
    return say(language, *_OUTCOMES[outcome])


def doubt_words(doubt: Doubt, language: Language) -> str:
    """Why the time is not believed further, and what to do; empty: there is nothing to say."""
    return say(language, *_DOUBTS[doubt])


def agent_down_words(language: Language) -> str:
    """That no agent runs, and how to start it."""
    return say(
        language,
        "Chương trình trên cụm loa chưa chạy. Hãy chạy: systemctl start loaxa-edge",
        "The agent is not running. Start it: systemctl start loaxa-edge",
    )


def trust_words(trust: ClockTrust, language: Language) -> str:
    """How the clock came by its time."""
    return say(language, *_TRUST[trust])


_REASONS = {
    Reason.PLANNED: ("đúng lịch", "as planned"),
    Reason.JOINED_LATE: ("vào giữa chừng vì bắt đầu muộn", "joined in progress, started late"),
    Reason.WAITED: ("chờ bản tin trước phát xong", "waited for the item before it"),
    Reason.NO_FILE: ("thiếu tệp âm thanh", "the sound file is not on the card"),
    Reason.LATE_LIMIT: ("đã quá giờ cho phép phát muộn", "past its late limit"),
    Reason.WAITED_TOO_LONG: ("phải chờ quá lâu", "had to wait too long"),
    Reason.CLOCK_UNTRUSTED: ("đồng hồ chưa đúng", "the clock was not trusted"),
    Reason.AGENT_DOWN: ("cụm loa không hoạt động lúc đó", "the cluster was not running"),
    Reason.PLAN_LATE: ("lịch phát đến muộn", "the plan came too late"),
    Reason.STOPPED: ("người vận hành dừng phát", "stopped by the operator"),
    Reason.CANCELLED: ("lịch đã bị huỷ hoặc thay đổi", "the slot was cancelled or changed"),
    Reason.QUIET_HOURS: ("giờ yên tĩnh", "quiet hours"),
    Reason.PLAYER_FAILED: ("trình phát âm thanh gặp lỗi", "the player failed"),
    Reason.SILENT: ("máy phát mà không có tiếng", "it played, but nothing was to be heard"),
    Reason.AMPLIFIER_SILENT: ("tăng âm không bật được", "the amplifier did not come on"),
    Reason.MAINTENANCE: ("đang bảo trì", "maintenance"),
    Reason.EXPIRED: ("hết hiệu lực", "no longer valid"),
    Reason.INTERRUPTED: ("bị chen ngang", "interrupted"),
    Reason.OTHER: ("lý do khác", "another reason"),
}

_OUTCOMES = {
    Outcome.COMPLETED: ("phát thành công", "completed"),
    Outcome.PARTIAL: ("phát một phần", "partial"),
    Outcome.NOT_AIRED: ("không phát", "not aired"),
}

_TRUST = {
    ClockTrust.SYNCHRONISED: ("đồng hồ đã đồng bộ qua mạng", "clock synchronised by network"),
    ClockTrust.RTC: ("đồng hồ theo RTC", "clock from the RTC"),
    ClockTrust.CELL: ("đồng hồ theo mạng di động", "clock from the cell network"),
    ClockTrust.LAST_SAVED: (
        "đồng hồ chỉ là giờ lưu lần cuối, chưa đúng",
        "clock is only the last saved time",
    ),
    ClockTrust.UNKNOWN: ("đồng hồ chưa đúng", "clock is not known"),
}

_DOUBTS = {
    Doubt.NONE: ("", ""),
    Doubt.HELD: (
        "đã lâu không có giờ mạng, máy tự giữ giờ (tin được 30 ngày); kiểm tra sóng 4G",
        "no network time for long, the machine keeps time by itself (good for 30 days); check the 4G signal",
    ),
    Doubt.NOT_VOUCHED: (
        "từ lúc bật máy chưa có gì xác nhận giờ: chờ mạng 4G, hoặc lắp đồng hồ RTC; xem: timedatectl",
        "nothing has confirmed the time since the start: wait for 4G, or fit an RTC; see timedatectl",
    ),
    Doubt.BEHIND_SAVED: (
        "giờ lùi so với giờ đúng đã lưu nên chắc chắn sai: kiểm tra pin RTC (CR2032), chờ mạng 4G để lấy lại giờ",
        "it is behind a time that was right before, so certainly wrong: check the RTC's battery (CR2032), wait for 4G",
    ),
    Doubt.BEFORE_RELEASE: (
        "giờ còn trước ngày phát hành phần mềm nên chắc chắn sai: thay pin RTC (CR2032), chờ mạng 4G để lấy lại giờ",
        "it is earlier than this software, so certainly wrong: replace the RTC's battery (CR2032), wait for 4G",
    ),
}
