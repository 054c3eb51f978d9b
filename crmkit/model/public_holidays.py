"""Public holidays of countries and their parts, from the package `holidays`.

The package takes 26 MB once countries are loaded, so it is imported when a calendar first asks.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from babel import Locale

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

_MATCH = 0.6


@lru_cache(maxsize=1)
def countries() -> Mapping[str, tuple[str, ...]]:
    """Answer the code of each known country (ISO 3166-1) to the codes of its parts."""
    import holidays  # noqa: PLC0415 - heavy

    known = holidays.list_supported_countries(include_aliases=False)
    return MappingProxyType({code: tuple(parts) for code, parts in sorted(known.items())})


@lru_cache(maxsize=512)
def public_holidays(
    country: str, region: str, first: int, last: int, language: str = ""
) -> Mapping[date, str]:
    """Answer the public holidays of some years with their names, by day.

    Args:
        country: Code; one that is not known has no holidays, and "" has none either.
        region: Code of a part of it; "" or an unknown one is the country as a whole.
        first: Year to begin with.
        last: Year to end with, included.
        language: Of the names, where the package has it; else the country's own.
    """
    if not country or country not in countries():
        return MappingProxyType({})
    import holidays  # noqa: PLC0415 - heavy

    known = region if region in countries()[country] else None
    wanted: dict[str, Any] = {"subdiv": known, "years": range(first, last + 1)}
    own = holidays.country_holidays(country, subdiv=known)
    spoken = [each for each in own.supported_languages if _speaks(each, language)]
    # Left out, it would be the language of the machine.
    wanted["language"] = spoken[0] if spoken else own.default_language
    return MappingProxyType(dict(sorted(holidays.country_holidays(country, **wanted).items())))


def _speaks(supported: str, language: str) -> bool:
    return bool(language) and supported.partition("_")[0] == language


def country_name(code: str, language: str = "en") -> str:
    """Answer the name of a country, such as Germany for DE; the code when it has none."""
    return str(Locale.parse(language or "en").territories.get(code, code))


def find_country(text: str) -> str:
    """Answer the code that a code or an English or Russian name means, "" when it means none."""
    code = text.strip().upper()
    return code if code in countries() else _names().get(text.strip().casefold(), "")


def nearest_country(text: str) -> str:
    """Answer the known country most like a text, as "DE (Germany)"; "" when none is."""
    found = difflib.get_close_matches(text.strip().casefold(), list(_names()), 1, _MATCH)
    code = _names()[found[0]] if found else ""
    return f"{code} ({country_name(code)})" if code else ""


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    """Answer each name and code of a country, case folded, to its code."""
    return MappingProxyType(
        {
            name.casefold(): code
            for code in countries()
            for name in (country_name(code), country_name(code, "ru"), code)
        }
    )


def find_region(country: str, text: str) -> str:
    """Answer the code of a part of a country that a code or a name means, "" for none."""
    wanted = text.strip().casefold()
    by_name = _regions(country)
    return by_name.get(wanted, "")


def nearest_regions(country: str, text: str) -> str:
    """Answer the part of a country most like a text, else the first of them; "" without parts."""
    by_name = _regions(country)
    found = difflib.get_close_matches(text.strip().casefold(), list(by_name), 1, _MATCH)
    if found:
        return by_name[found[0]]
    return ", ".join(countries().get(country, ())[:8])


@lru_cache(maxsize=64)
def _regions(country: str) -> Mapping[str, str]:
    codes = countries().get(country, ())
    if not codes:
        return MappingProxyType({})
    import holidays  # noqa: PLC0415 - heavy

    aliases = holidays.country_holidays(country).get_subdivision_aliases()
    names = {name.casefold(): code for code, other in aliases.items() for name in other}
    return MappingProxyType(names | {code.casefold(): code for code in codes})
