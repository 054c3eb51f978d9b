"""What breaks a rule of orders, as a text that can be translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RuleError(ValueError):
    """A rule of orders does not allow it.

    Attributes:
        text: English sentence with named places, marked for translation.
        values: Name of a place to what stands there: text, int, Decimal or date, not formatted.
    """

    def __init__(self, text: str, **values: object) -> None:
        super().__init__(text.format(**values))
        self.text = text
        self.values: Mapping[str, object] = values


class AmountError(RuleError):
    """A number does not fit: too many places, too large, not finite or of the wrong sign."""


class CurrencyError(RuleError):
    """No currency of ISO 4217."""


class PriceError(RuleError):
    """A price rule does not fit, or nothing gives a price."""


class UnitError(RuleError):
    """No unit that is known here."""


class UnrelatedUnitsError(UnitError):
    """Units that measure different things."""


class CountsError(RuleError):
    """The counts of a line contradict each other.

    Attributes:
        field: Name of the count that is wrong.
    """

    def __init__(self, field: str, text: str, **values: object) -> None:
        super().__init__(text, **values)
        self.field = field


class DocumentError(RuleError):
    """What was shown holds something that has no canonical form."""
