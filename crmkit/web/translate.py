"""English texts to the reader's language: the catalogues of crmkit, then those of plugins."""

from __future__ import annotations

import copy
import gettext
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.plugin.site import Site

_FOLDER = Path(__file__).parent.parent / "locale"

#: Of the text being made; set by the guard for each request.
catalogue_in_force: ContextVar[gettext.NullTranslations | None] = ContextVar(
    "crmkit_catalogue", default=None
)


def catalogue(code: str, site: Site | None = None) -> gettext.NullTranslations:
    """Answer the catalogue of a language; English, the language of the sources, has none.

    Args:
        site: Its plugins' texts are looked for after those of crmkit.
    """
    found = gettext.translation("crmkit", _FOLDER, [code], fallback=True)
    for texts in site.texts.values() if site is not None else ():
        if code in texts:
            # Of a copy: each catalogue keeps the one that follows it.
            found.add_fallback(copy.copy(texts[code]))
    return found


class Texts:
    """The catalogues of one Site, each made when the first reader needs it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._made: dict[str, gettext.NullTranslations] = {}

    def of(self, code: str) -> gettext.NullTranslations:
        """Answer the catalogue of a language."""
        if code not in self._made:
            self._made[code] = catalogue(code, self._site)
        return self._made[code]


def translating(language: str) -> Callable[[Site], Callable[[str], str]]:
    """Answer what gives a Site's translation into a language; that of the last Site is kept."""
    made: list[tuple[Site, Callable[[str], str]]] = []

    def of(site: Site) -> Callable[[str], str]:
        if not made or made[0][0] is not site:
            texts = catalogue(language, site)
            made[:] = [(site, lambda text: texts.gettext(text) if text else "")]
        return made[0][1]

    return of


def _(text: str) -> str:
    """Translate into the language in force."""
    found = catalogue_in_force.get()
    return found.gettext(text) if found is not None and text else text


def pgettext(context: str, text: str) -> str:
    """Translate a text that has another meaning elsewhere; the context says which one it has."""
    found = catalogue_in_force.get() or _ENGLISH
    return found.pgettext(context, text)


def ngettext(one: str, many: str, number: int) -> str:
    """Translate a text that depends on a number."""
    found = catalogue_in_force.get() or _ENGLISH
    return found.ngettext(one, many, number)


def printed(text: str, **values: object) -> Markup:
    """Translate a text of a template; the values put into it are escaped."""
    translated = Markup(_(text))  # noqa: S704 - of a template or a catalogue
    return translated % values if values else translated


def printed_plural(one: str, many: str, num: int, **values: object) -> Markup:
    """Translate a text of a template that depends on a number, its `%(num)s`."""
    translated = Markup(ngettext(one, many, num))  # noqa: S704 - of a template or a catalogue
    return translated % {"num": num, **values}


_ENGLISH = gettext.NullTranslations()
