"""Translations that plugins bring: `locale/<language>/LC_MESSAGES/<id>.po` in their folders.

They are read as they are, so an author needs no tool that compiles them.
"""

from __future__ import annotations

import gettext
from io import BytesIO
from typing import TYPE_CHECKING

from babel.core import UnknownLocaleError
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from crmkit.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path


def read_texts(plugin: str, folder: Path) -> dict[str, gettext.NullTranslations]:
    """Read the translations of a plugin.

    Returns:
        Language, such as "ru", to catalogue.

    Raises:
        PluginError: A file is no PO file; names file and line.
    """
    found: dict[str, gettext.NullTranslations] = {}
    for path in sorted(folder.glob(f"locale/*/LC_MESSAGES/{plugin}.po")):
        language = path.parts[-3]
        try:
            with path.open("rb") as file:
                catalogue = read_po(file, locale=language, abort_invalid=True)
            compiled = BytesIO()
            write_mo(compiled, catalogue)
            compiled.seek(0)
            found[language] = gettext.GNUTranslations(compiled)
        except PoFileError as error:
            place = f"{path}:{(error.lineno or 0) + 1}"
            raise PluginError(f"{place}: {error}: {error.line.strip()[:80]}") from error
        except (UnknownLocaleError, ValueError, OSError) as error:
            raise PluginError(f"{path}: {error}") from error
    return found
