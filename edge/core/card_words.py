"""What is on the card and what was fetched, in words for who stands at the cabinet. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from contract.model import ZONE
from edge.core.words import Language, say


class CardStatus(Struct, frozen=True, kw_only=True):
    """Figures of the card and of fetching.

    Attributes:
        sounds_mib: All sounds, with damaged ones that were set aside.
        aside: Damaged sounds that were set aside.
        all_read_since: Every held sound was read from end to end and found whole since then; None: not all of them yet.
        month_mib: Fetched this month.
        budget_mib: What may be fetched a month; None: no limit.
        rows_in_memory: Journal rows that the card has not taken.
    """

    free_mib: int
    sounds_mib: float
    quota_mib: int
    aside: int = 0
    all_read_since: datetime | None = None
    month_mib: float = 0.0
    budget_mib: int | None = None
    rows_in_memory: int = 0


def card_lines(card: CardStatus, language: Language) -> list[str]:
    """One fact a line."""
    lines = [
        say(language, "Thẻ nhớ: ", "Card: ") + room_words(card, language),
        say(language, "Đọc lại tệp trên thẻ: ", "Sounds on the card read again: ")
        + _read_words(card.all_read_since, language),
        say(language, "Dữ liệu tháng này: ", "Data this month: ") + data_words(card, language),
    ]
    if card.rows_in_memory:
        lines.append(
            say(
                language,
                f"Thẻ nhớ không ghi được: {card.rows_in_memory} dòng nhật ký chờ trong bộ nhớ, mất điện là mất",
                f"The card takes nothing: {card.rows_in_memory} journal rows wait in memory, lost with the power",
            )
        )
    return lines


def room_words(card: CardStatus, language: Language) -> str:
    """What is free, and what the sounds take."""
    words = say(
        language,
        f"còn trống {card.free_mib} MiB; tệp âm thanh {card.sounds_mib:.1f} / {card.quota_mib} MiB",
        f"{card.free_mib} MiB free; sounds {card.sounds_mib:.1f} / {card.quota_mib} MiB",
    )
    aside = say(language, f", {card.aside} tệp hỏng để riêng", f", {card.aside} damaged set aside")
    return words + (aside if card.aside else "")


def data_words(card: CardStatus, language: Language) -> str:
    """What was fetched, and of how much."""
    if card.budget_mib is None:
        return f"{card.month_mib:.1f} MiB" + say(language, ", không giới hạn", ", no limit")
    return f"{card.month_mib:.1f} / {card.budget_mib} MiB"


def _read_words(since: datetime | None, language: Language) -> str:
    if since is None:
        return say(language, "chưa hết một lượt", "not all of them yet")
    local = since.astimezone(ZoneInfo(ZONE))
    return say(language, "đủ, từ ", "all, since ") + f"{local:%H:%M %d-%m-%Y}"
