"""What stands in somebody's calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, kw_only=True)
class CalendarItem:
    """Something with a moment or a day.

    Attributes:
        id: The same each time, and nobody else's of the plugin: "booking-7".
        begin: Aware moment; a plain date takes the whole day.
        end: Of the same kind; None is half an hour, or the one day. A last day is included.
        url: Local address of its page.
        changed: Aware moment of its last change.
        is_free: The person can be asked for something else meanwhile.
    """

    id: str
    title: str
    begin: datetime | date
    end: datetime | date | None = None
    text: str = ""
    url: str = ""
    changed: datetime | None = None
    is_free: bool = False

    def __post_init__(self) -> None:
        """Refuse what no calendar could show.

        Raises:
            ValueError: A moment has no zone, the end is of another kind or before the begin.
        """
        is_moment = isinstance(self.begin, datetime)
        for each in (self.begin, self.end, self.changed):
            if isinstance(each, datetime) and each.tzinfo is None:
                raise ValueError(f"`{self.id}`: the moment {each} has no zone.")
        if self.end is not None:
            if isinstance(self.end, datetime) is not is_moment:
                raise ValueError(f"`{self.id}`: begin and end are both moments or both days.")
            if self.end < self.begin:
                raise ValueError(f"`{self.id}`: it ends before it begins.")
