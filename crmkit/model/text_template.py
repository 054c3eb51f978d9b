"""Texts with places to fill: `Dear {{ person.name }}`, and nothing a template could run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from html import escape

from crmkit.errors import InvalidError

_PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*){0,5}", re.IGNORECASE)
_LONGEST = 1_000_000
_PLAIN = (str, int, Decimal, date)


def list_places(template: str) -> list[str]:
    """List the names a template wants, in the order they stand, each once."""
    return list(dict.fromkeys(found[1] for found in _PLACE.finditer(template)))


def render_text(template: str, values: Mapping[str, object], *, html: bool = False) -> str:
    """Fill a template.

    A name goes through mappings only, never through attributes, and what is filled in is never
    read again; so neither a template nor a value can reach anything else.

    Args:
        template: With `{{ name }}` and `{{ person.name }}`.
        values: Name to a text, a number, a date, None (empty), or a mapping of those. Dates and
            money are formatted by the caller, who knows the reader's language.
        html: Escape the values for HTML.

    Raises:
        InvalidError: All names that nothing is known of, or a result over a million characters.
    """
    problems: dict[str, str] = {}
    filled: dict[str, str] = {}
    for name in list_places(template):
        try:
            filled[name] = _look_up(name, values)
        except KeyError as error:
            problems[name] = str(error.args[0])
    if problems:
        told = "; ".join(f"`{{{{ {name[:60]} }}}}` {text}" for name, text in problems.items())
        raise InvalidError(f"The template cannot be filled: {told}.", problems)
    shown = {name: escape(text) for name, text in filled.items()} if html else filled
    # Counted first: a thousand places for a long value would fill the memory.
    size = sum(len(shown[found[1]]) for found in _PLACE.finditer(template))
    if len(template) + size > _LONGEST:
        raise InvalidError("The text would be longer than a million characters; shorten it.")
    return _PLACE.sub(lambda found: shown[found[1]], template)


def _look_up(name: str, values: Mapping[str, object]) -> str:
    if not _NAME.fullmatch(name):
        raise KeyError("is no name; only names and dots may stand there")
    found: object = values
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise KeyError(_unknown(name, part, found))
        found = found[part]
    if found is None:
        return ""
    if isinstance(found, Mapping):
        raise KeyError("is a group; name one of: " + ", ".join(sorted(map(str, found))[:20]))
    if not isinstance(found, _PLAIN):
        raise KeyError("is no text, number or date")
    return str(found)


def _unknown(name: str, part: str, found: object) -> str:
    """Say that a part of a name is unknown, and which one may be meant."""
    if not isinstance(found, Mapping) or not found:
        return "is unknown"
    known = sorted(map(str, found))
    near = difflib.get_close_matches(part.lower(), known, 1)
    hint = ""
    if near:
        parts = name.split(".")
        parts[parts.index(part)] = near[0]
        hint = f"did you mean `{{{{ {'.'.join(parts)} }}}}`? "
    return f"is unknown; {hint}there are: {', '.join(known[:20])}"
