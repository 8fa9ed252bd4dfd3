"""Texts in Vietnamese and English: gettext's catalogues, read as they are written (no build step)."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

Say = Callable[[str], str]
"""A text of the code in the reader's language."""


class Language(StrEnum):
    """Languages of the page, the default first."""

    VI = "vi"
    EN = "en"


@dataclass(frozen=True, kw_only=True)
class Texts:
    """All texts in one language."""

    language: Language
    translations: Translations

    def say(self, text: str) -> str:
        """The text in this language."""
        return self.translations.gettext(text)


def mark(text: str) -> str:
    """Marks a text for translation where it stands, to be said later."""
    return text


def load_texts(locale_dir: Path) -> dict[Language, Texts]:
    """Reads the catalogues."""
    return {language: _load(locale_dir, language) for language in Language}


def _load(locale_dir: Path, language: Language) -> Texts:
    with (locale_dir / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Texts(language=language, translations=Translations(compiled))
