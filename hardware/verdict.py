"""How a test says what it found: one line a part, in words of a technician."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Words(Struct, frozen=True):
    """One text in both languages."""

    vi: str
    en: str

    def say(self, *, english: bool) -> str:
        """The text in the language asked for."""
        return self.en if english else self.vi


NO_CABINET = Words("không có tủ mô phỏng trong thư mục này", "no simulated cabinet in this folder")


class Verdict(Struct, frozen=True, kw_only=True):
    """What was found of one part, and what to do when it does not hold."""

    part: Words
    holds: bool
    found: Words
    advice: Words | None = None


def good(part: Words, found: Words) -> Verdict:
    """The part holds."""
    return Verdict(part=part, holds=True, found=found)


def bad(part: Words, found: Words, advice: Words) -> Verdict:
    """The part does not hold, and this is what to do."""
    return Verdict(part=part, holds=False, found=found, advice=advice)


def line_of(verdict: Verdict, *, english: bool) -> str:
    """`đạt  Rơ-le amp: …` or `LỖI  Rơ-le amp: … → …`."""
    mark = Words("đạt", "ok") if verdict.holds else Words("LỖI", "FAULT")
    text = f"{mark.say(english=english):<5} {verdict.part.say(english=english)}: {verdict.found.say(english=english)}"
    return f"{text} → {verdict.advice.say(english=english)}" if verdict.advice else text


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 when every part holds, else 1."""
    return 0 if all(verdict.holds for verdict in verdicts) else 1
