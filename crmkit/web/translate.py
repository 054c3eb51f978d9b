"""English texts to the reader's language, from compiled catalogues in crmkit/locale."""

from __future__ import annotations

import gettext
from contextvars import ContextVar
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "locale"

#: Language of the text being made; set by the guard for each request.
language: ContextVar[str] = ContextVar("crmkit_language", default="en")


@cache
def catalogue(code: str) -> gettext.NullTranslations:
    """Answer the catalogue of a language; English, the language of the sources, has none."""
    return gettext.translation("crmkit", _FOLDER, [code], fallback=True)


def _(text: str) -> str:
    """Translate into the language in force."""
    return catalogue(language.get()).gettext(text) if text else ""


def ngettext(one: str, many: str, number: int) -> str:
    """Translate a text that depends on a number."""
    return catalogue(language.get()).ngettext(one, many, number)
