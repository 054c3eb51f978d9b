"""What happened: said once, heard by every plugin that listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from crmkit.model.context import Context


@dataclass(frozen=True)
class EventType:
    """Declares an event, so that others can choose it: `<plugin>.<entity>.<past participle>`.

    Attributes:
        label: English sentence, such as "A ticket was closed".
    """

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a record.

    Attributes:
        id: Idempotency key: the same event may arrive twice.
        name: Such as "crm.person.created".
        at: When, in UTC.
        data: What its declaration says; of `updated` the names of the fields as "fields", and of
            a record that moved through its lifecycle "from" and "to".
        by: Id of the user whose doing it was, None for the system.
    """

    ctx: Context
    id: str
    name: str
    at: datetime
    entity: str = ""
    record_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event as it was said, before anybody heard it."""

    name: str
    entity: str
    record_id: int | None
    data: dict[str, Any]
