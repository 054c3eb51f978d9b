"""A number, declared once: a figure on the home page, the list behind it, a value of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from piccolo.columns import Column


@dataclass(frozen=True)
class Metric:
    """Counts records of one entity, or adds up a number of them, as far as the reader sees them.

    Attributes:
        name: Letters, digits and `_`; the whole name is `<plugin>.<name>`.
        label: English noun phrase, such as "Won this month".
        entity: Such as "crm.opportunity".
        filters: (field, operator, value) as in the address of a list; all must hold. A value may
            be `today`, `tomorrow`, `week` (its Monday), `next_week`, `month` (its first day) or
            `year` for dates, in the reader's zone, and `now` for moments; `from` includes the day,
            `over` does not.
        measure: Column to add up; None counts records.
        better: Whether more or less is good news; "" is neither.
    """

    name: str
    label: str
    entity: str
    filters: Sequence[tuple[str, str, str]] = ()
    measure: Column | None = None
    better: Literal["more", "less", ""] = ""
    help: str = ""


@dataclass(frozen=True)
class Widget:
    """A metric shown on a page.

    Attributes:
        metric: Whole name of the metric, `<plugin>.<name>`.
        slot: home or dashboard.
        order: Smaller comes first.
    """

    metric: str
    slot: str = "home"
    order: int = 50
