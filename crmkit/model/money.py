"""Amounts in the places of their currency: how many there are, what fits, how it is written."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from babel.numbers import list_currencies

#: No currency has more.
MOST_PLACES = 4
#: An amount is smaller than that, so that sums of millions of them are still exact.
TOO_LARGE = Decimal(10) ** 16

# CLDR, babel's source, says which digits people write in daily life: none for AFN, ALL, IQD, RSD
# and others. Amounts need what ISO 4217 says, so these three sets stand here.
_NO_PLACES = frozenset(
    [
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"),
        *("VND", "VUV", "XAF", "XOF", "XPF"),
        *("ADP", "BYR", "ESP", "ITL", "LUF", "MGF", "TMM", "TRL"),  # former ones
    ]
)
_THREE_PLACES = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_FOUR_PLACES = frozenset(("CLF", "UYW"))
#: Codes of ISO 4217 that name no money: none, and for tests.
_NOWHERE = frozenset({"XXX", "XTS"})


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies()) - _NOWHERE


@lru_cache(maxsize=512)
def find_currency_places(currency: str) -> int | None:
    """Answer how many places after the point amounts of a currency have.

    Args:
        currency: Code of three capital letters, such as "EUR"; former currencies count too.

    Returns:
        2 for most, 0 ("JPY"), 3 ("KWD"), and 4 for the two units of account CLF and UYW; None
        when there is no such currency.

    Source:
        ISO 4217, minor units.
    """
    if currency not in _currencies():
        return None
    if currency in _NO_PLACES:
        return 0
    if currency in _THREE_PLACES:
        return 3
    return 4 if currency in _FOUR_PLACES else 2


def places_or_two(currency: str) -> int:
    """Answer the places of a currency; 2 for a code that names none."""
    found = find_currency_places(currency)
    return 2 if found is None else found


def fit_amount(amount: Decimal, currency: str) -> Decimal | None:
    """Answer an amount with exactly the places of its currency; None when digits would be lost.

    Args:
        amount: Finite, below `TOO_LARGE`.
    """
    fitted = amount.quantize(Decimal(1).scaleb(-places_or_two(currency)))
    return fitted if fitted == amount else None


def amount_text(amount: Decimal, currency: str) -> str:
    """Write an amount as files and programs read it: "10.00" in EUR, "1000" in JPY.

    Digits that a currency does not have, from a table older than this rule, are not hidden.

    Args:
        currency: "" is not known; then the amount is written as it is stored.
    """
    if not currency or not amount.is_finite():
        return format(amount, "f")
    places = places_or_two(currency)
    text = format(amount, "f")
    whole, _point, rest = text.partition(".")
    if len(rest) == places:
        return text
    digits = rest.rstrip("0").ljust(places, "0")
    return f"{whole}.{digits}" if digits else whole
