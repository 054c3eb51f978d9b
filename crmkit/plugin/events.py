"""What hooks are handed: one typed object each, so that it can gain attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


@dataclass(slots=True)
class SaveEvent:
    """A record about to be written, or just written; also one about to be trashed.

    Attributes:
        values: Field to new value; `before_save` may change it.
        before: Field to stored value; empty for a new record.
        record_id: None in `before_save` of a new record.
    """

    ctx: Context
    entity: EntityPlan
    values: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    record_id: int | None = None


@dataclass(slots=True)
class TransitionEvent:
    """A record moves from one state of its lifecycle to another.

    One that is made in a later state moves from the first; `record_id` is 0 before it is written.
    """

    ctx: Context
    entity: EntityPlan
    record_id: int
    old: str
    new: str
    record: dict[str, Any]


@dataclass(slots=True)
class MergeEvent:
    """Two records become one; `gone` is merged into `kept`."""

    ctx: Context
    entity: EntityPlan
    kept: int
    gone: int


@dataclass(slots=True)
class CopyEvent:
    """A record was made from another: a copy, or a conversion to another entity."""

    ctx: Context
    entity: EntityPlan
    record_id: int
    target: EntityPlan
    target_id: int


@dataclass(slots=True)
class QueryEvent:
    """Rows of an entity are about to be read.

    Attributes:
        alias: Of the entity's table in the statement.
        first: Number of the first free placeholder.
    """

    ctx: Context
    entity: EntityPlan
    verb: str
    alias: str
    first: int


@dataclass(slots=True)
class AccessEvent:
    """Somebody wants to use a verb on an entity, or on one record of it."""

    ctx: Context
    entity: EntityPlan
    verb: str
    record_id: int | None = None


@dataclass(slots=True)
class FormEvent:
    """A form for a new record opens; `values` is what is known so far."""

    ctx: Context
    entity: EntityPlan
    values: dict[str, Any]


@dataclass(slots=True)
class PageEvent:
    """Somebody opens a page.

    Attributes:
        scope: On the home page mine, team or all.
        entity: Of a list's or record's page.
        record_id: Of a record's page.
        page: home, list, record, form, search or settings.
        text: What was typed, for search.
        first: First day asked for, for calendars; `last` is in it.
    """

    ctx: Context
    scope: str = "mine"
    entity: EntityPlan | None = None
    record_id: int | None = None
    page: str = "home"
    text: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(slots=True)
class LifeEvent:
    """A plugin is installed, upgraded, switched or purged; `ctx` may do everything."""

    ctx: Context
    plugin: str
    from_version: str = ""


@dataclass(slots=True)
class PersonEvent:
    """Somebody's data is asked for or erased; `record_id` is of `entity`, such as "crm.person".

    An erasure is one operation in one transaction. What is saved with `ctx` in it leaves none of
    the old values in the history; `crmkit.erase_texts` empties records, also those in the trash.
    """

    ctx: Context
    entity: str
    record_id: int


@dataclass(slots=True)
class ErrorEvent:
    """Something failed that nobody expected."""

    where: str
    error: BaseException
    request_id: str = ""


@dataclass(slots=True)
class MessageEvent:
    """A message is about to leave, or has come in; `message` is the service's own value."""

    ctx: Context
    message: Any


@dataclass(slots=True)
class NumberEvent:
    """A document needs its number; drawn inside the transaction that issues it."""

    ctx: Context
    entity: EntityPlan
    record_id: int


@dataclass(slots=True)
class SignInEvent:
    """Somebody signs in: `proof` is the password typed with `name`, or what a plugin handed over.

    Asked when the password is not one that crmkit keeps, or `name` is "".
    """

    name: str
    proof: Any
    address: str = ""


@dataclass(slots=True)
class PeriodEvent:
    """A person and a span of days, both ends included; `deputy` for what is handed over.

    Attributes:
        deputy: Id of who takes it over; None in `load`.
        is_leaving: The person does not come back: everything passes, not only what is due in the
            span.
    """

    ctx: Context
    user_id: int
    first: date
    last: date
    deputy: int | None = None
    what: Sequence[str] = ()
    is_leaving: bool = False
