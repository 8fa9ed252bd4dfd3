"""Words about the link, for a technician."""

from __future__ import annotations

from edge.core.words import Language, say


def span_words(seconds: float, language: Language) -> str:
    """A length of time, in its two largest units at most."""
    minutes = round(seconds) // 60
    if minutes == 0:
        return say(language, f"{seconds:.0f} giây", f"{seconds:.0f} s")
    days, hours = divmod(minutes // 60, 24)
    if days:
        return say(language, f"{days} ngày {hours} giờ", f"{days} d {hours} h")
    if hours:
        return say(language, f"{hours} giờ {minutes % 60} phút", f"{hours} h {minutes % 60} min")
    return say(language, f"{minutes} phút", f"{minutes} min")


def link_words(
    *, is_up: bool, down_s: float | None, cycled_s: float | None, cycles: int, language: Language
) -> str:
    """How the link is.

    Args:
        is_up: Whether it is there.
        down_s: For how long it has been away; None: nobody knows.
        cycled_s: How long ago the modem was cycled; None: not since the agent's start.
        cycles: How often since the link was last up.
        language: To say it in.
    """
    if is_up:
        said = say(language, "đã kết nối", "up")
    elif down_s is None:
        said = say(language, "mất kết nối", "down")
    else:
        span = span_words(down_s, language)
        said = say(language, f"mất kết nối {span}", f"down for {span}")
    if cycled_s is None:
        return said
    ago = span_words(cycled_s, language)
    often = say(language, f" {cycles} lần, lần cuối", f" {cycles} times, last") if cycles else ""
    return said + say(
        language, f"; đã ngắt điện modem{often} {ago} trước", f"; modem cycled{often} {ago} ago"
    )
