"""Daily windows as a person writes them: HH:MM-HH:MM."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from contract.model import DailyWindow

Window = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
"""HH:MM-HH:MM; it may cross midnight."""
MAX_DOWNLOAD_WINDOWS = 8
"""As many as a plan holds (`contract.model.Fetching`)."""


def is_never(text: str) -> bool:
    """Whether a window ends as it begins: nothing would ever lie in it."""
    start, _, end = text.partition("-")
    return start == end


def daily_windows(texts: Iterable[str]) -> tuple[DailyWindow, ...]:
    """Windows as a plan names them."""
    pairs = (text.split("-") for text in texts)
    return tuple(DailyWindow(start=start, end=end) for start, end in pairs)
