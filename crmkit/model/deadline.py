"""By when something must have happened: how plugins declare it, and how it is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from crmkit.model.context import Context

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")

#: Whom a step tells: the one the deadline is set for, who stands in for an absent one, the manager
#: of the team, or the manager above.
Level = Literal["responsible", "deputy", "manager", "head"]
LEVELS: tuple[Level, ...] = ("responsible", "deputy", "manager", "head")


@dataclass(frozen=True, slots=True)
class Step:
    """One step up the ladder after a deadline has passed.

    Who is absent today, or may not sign in any more, is passed over: first for the deputy, then
    for the next manager up the teams, at the end for the administrators.

    Attributes:
        after: Since the deadline, in business time where the kind counts so; more than nothing.
        to: Whom it tells: a level of the ladder, or the id of a person.
        reassign: Give the record to that person as well.

    Raises:
        ValueError: The time is not positive, or there is no such level.
    """

    after: timedelta
    to: Level | int = "manager"
    reassign: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not be done later."""
        if self.after <= timedelta():
            raise ValueError(f"A step of a ladder comes after the deadline, not by {self.after}.")
        if not isinstance(self.to, int) and self.to not in LEVELS:
            raise ValueError(f"A ladder has no level `{self.to}`; there are {', '.join(LEVELS)}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineOrder:
    """A deadline that a record is to have.

    Attributes:
        record: Its id.
        due: Aware moment, or the business time from now on; None when there is none, or no more.
        is_met: With `due` None: what was due has happened.
        tell_at_due: Tell the responsible at the moment itself; else it only counts as missed then.
        warn_before: Instead of the kind's.
        ladder: Instead of the kind's.
        responsible: Id of the person who must see to it; None is the owner of the record.
        calendar: Id of the team whose calendar counts; None is the team of the responsible.
    """

    record: int
    due: datetime | timedelta | None
    is_met: bool = False
    tell_at_due: bool = True
    warn_before: Sequence[timedelta] | None = None
    ladder: Sequence[Step] | None = None
    responsible: int | None = None
    calendar: int | None = None


@dataclass(frozen=True)
class DeadlineKind:
    """What a plugin sets deadlines for: `<plugin>.<name>`, such as "crm.reminder".

    Attributes:
        name: Without the plugin's id, such as "reminder".
        label: English, in `N_()`, such as "First answer".
        warn_before: Times before the deadline at which the responsible is warned.
        ladder: Steps after it.
        business_time: Count the ladder, pauses and times instead of moments by the calendar.
        warn_in_business_time: The same of warnings; None is as `business_time`.
        counts_absences: Take no account of days on which the responsible is away: the deadline
            waits for that person. Without it the deputy sees to it in time.
        skips_past: A moment that is past when a record gets it is none: nobody wants to hear of
            each thing that was written down late. Without it that is told at once.
        entity: Name of the entity whose records have it by themselves, as `follow` says.
        fields: Of that entity; only when one of these changes it is asked again. Empty is any.
        follow: `async (ctx, ids)` answers the orders of these records as they are now; who is left
            out has none. Called once for many records, in the transaction of what was saved.

    Raises:
        ValueError: The name cannot be, a time is not positive, or of `entity` and `follow` one is
            missing.
    """

    name: str
    label: str
    warn_before: tuple[timedelta, ...] = ()
    ladder: tuple[Step, ...] = ()
    business_time: bool = True
    warn_in_business_time: bool | None = None
    counts_absences: bool = False
    skips_past: bool = False
    entity: str = ""
    fields: tuple[str, ...] = ()
    follow: Callable[[Context, Sequence[int]], Awaitable[Iterable[DeadlineOrder]]] | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be set later."""
        if not _NAME.match(self.name):
            raise ValueError(
                f"The deadline `{self.name}` needs a name of lower-case letters, digits and _, "
                "without the plugin's id."
            )
        if any(each <= timedelta() for each in self.warn_before):
            raise ValueError(f"The deadline `{self.name}` warns before it; use a positive time.")
        if bool(self.entity) != (self.follow is not None):
            raise ValueError(f"The deadline `{self.name}` needs both `entity` and `follow`.")


@dataclass(frozen=True, slots=True)
class Followed:
    """A record that was saved among many, whose deadlines are looked at when all of them are."""

    entity: str
    record: int
    kinds: tuple[str, ...]
