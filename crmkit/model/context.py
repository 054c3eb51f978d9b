"""Who acts, on what, and why: handed to every action, hook and read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from crmkit.model.job import JobOrder
from crmkit.model.notification import Telling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    import msgspec
    from piccolo.columns import Column
    from piccolo.columns.combination import Where
    from piccolo.table import Table

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.calendar import Calendar
    from crmkit.model.deadline import Followed
    from crmkit.model.event import Happened
    from crmkit.model.role import Role, Verb
    from crmkit.model.site import SiteLike


S = TypeVar("S", bound="msgspec.Struct")


def entity_name(entity: str | type[Table]) -> str:
    """Answer an entity's name, of its name or its table."""
    if isinstance(entity, str):
        return entity
    return str(entity._meta.tablename).replace("_", ".", 1)  # noqa: SLF001


def _present() -> datetime:
    # Looked up at each call, so that a test can move it for all that runs.
    return utc_now()


def utc_now() -> datetime:
    """Answer the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Principal:
    """The signed-in person.

    Attributes:
        teams: Own team, teams managed, and all below those.
        session_id: Of the session row; None for the command line.
        unread: How many notifications wait for the person, 100 at most.
        has_phone: Calls to a number of this person are told on its pages.
    """

    user_id: int | None
    name: str
    role: Role
    teams: tuple[int, ...] = ()
    language: str = "en"
    time_zone: str = "UTC"
    theme: str = "system"
    session_id: str | None = None
    unread: int = 0
    has_phone: bool = False


class Store(Protocol):
    """What reads and writes records for a Context, and queues work; the records layer is one."""

    async def get(
        self, ctx: Context, entity: str, record_id: int, verb: Verb, *, lock: bool
    ) -> dict[str, Any]:
        """Read a record."""

    async def create(self, ctx: Context, entity: str, values: dict[str, Any]) -> int:
        """Create a record."""

    async def save(
        self, ctx: Context, entity: str, record_id: int, values: dict[str, Any], version: int | None
    ) -> int:
        """Save a record."""

    async def derive(
        self, ctx: Context, entity: str, record_id: int, values: Mapping[str, Any]
    ) -> None:
        """Write what is computed from other values."""

    async def trash(self, ctx: Context, entity: str, record_id: int, version: int | None) -> None:
        """Move a record to the trash."""

    async def aggregate(
        self, ctx: Context, column: Column | None, entity: str, wheres: tuple[Where, ...]
    ) -> Any:  # noqa: ANN401 - a number of the column's type
        """Count records or add up a column of them."""

    async def rows(
        self, ctx: Context, entity: str, wheres: tuple[Where, ...], limit: int
    ) -> list[dict[str, Any]]:
        """Read records."""

    async def enqueue(self, ctx: Context, job: str, orders: Sequence[JobOrder]) -> list[int]:
        """Queue a job and answer the numbers of those that are new."""

    async def publish(
        self, ctx: Context, name: str, entity: str, record_id: int | None, data: Mapping[str, Any]
    ) -> None:
        """Say that something happened."""

    async def notify(self, ctx: Context, users: Iterable[int], telling: Telling) -> int:
        """Tell people something."""

    async def calendar(self, ctx: Context, team: int | None, user: int | None) -> Calendar:
        """Answer when a team or a person works."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a write or a read needs besides its arguments.

    Attributes:
        cause: What made it happen: page, api, import, command, job, undo, erase, merge (a record
            names the one that another became part of, or again that one).
        operation: Id of the operation that collects the changes; None opens one per save.
        clock: Answers the present moment in UTC; tests set it.
        translate: English text to the reader's language.
        store: What stands behind `get`, `create`, `save`, `enqueue`, `publish`, `calendar`.
        draw: Makes HTML of a template for `render`; None where no page is made.
        depth: How many events caused one another until this.
        gathered: Events and deadlines of work with many records, seen to together at its end; None
            sees to each.
        seen: What was read for the page that is being made, by (what, entity, record); None reads
            anew each time.
    """

    db: Database
    site: SiteLike
    config: Config
    principal: Principal
    cause: str = "page"
    operation: int | None = None
    clock: Callable[[], datetime] = _present
    translate: Callable[[str], str] = field(default=str)
    store: Store | None = None
    draw: Callable[[str, dict[str, Any]], Any] | None = None
    depth: int = 0
    gathered: list[Happened | Followed] | None = None
    seen: dict[tuple[str, str, int], Any] | None = None

    @property
    def _records(self) -> Store:
        if self.store is None:
            raise RuntimeError("This Context was made without a store of records.")
        return self.store

    async def get(
        self, entity: str | type[Table], record_id: int, verb: Verb = "read", *, lock: bool = False
    ) -> dict[str, Any]:
        """Read a record with all its fields; a reference `x` has its title in `x__title`.

        Args:
            entity: Such as "crm.person", or its table.
            verb: The right it is read for.
            lock: Lock the row until the transaction ends.

        Raises:
            NotFoundError: There is none, or the reader may not use the verb on it.
        """
        return await self._records.get(self, entity_name(entity), record_id, verb, lock=lock)

    async def create(self, entity: str | type[Table], /, **values: Any) -> int:  # noqa: ANN401
        """Create a record and answer its id: permission, rules, hooks and journal as everywhere.

        Raises:
            ForbiddenError: The role may not create these.
            InvalidError: Rules are broken; all problems at once.
        """
        return await self._records.create(self, entity_name(entity), values)

    async def save(
        self,
        entity: str | type[Table],
        record_id: int,
        /,
        *,
        version: int | None = None,
        **values: Any,  # noqa: ANN401 - by field
    ) -> int:
        """Save fields of a record and answer its new version.

        Args:
            version: As the form showed it; None relies on the row lock.

        Raises:
            NotFoundError: There is none, or it is not the writer's to edit.
            StaleVersionError: Somebody saved in between.
            InvalidError: Rules are broken; all problems at once.
        """
        return await self._records.save(self, entity_name(entity), record_id, values, version)

    async def trash(
        self, entity: str | type[Table], record_id: int, *, version: int | None = None
    ) -> None:
        """Move a record to the trash.

        Raises:
            NotFoundError: There is none, or it is not the writer's to delete.
        """
        await self._records.trash(self, entity_name(entity), record_id, version)

    async def derive(
        self,
        entity: str | type[Table],
        record_id: int,
        /,
        **values: Any,  # noqa: ANN401 - by column
    ) -> None:
        """Write what is computed from other values, such as the total of lines.

        What it is computed from was checked and recorded when it was saved; this makes no new
        version, so that nobody who has the record open is told of a change that is none of his.

        Args:
            entity: Such as "orders.order", or its table.
            record_id: Of the record.
            values: Of columns that the entity declares as `derived`.

        Raises:
            LookupError: A column is not declared so.
        """
        await self._records.derive(self, entity_name(entity), record_id, values)

    async def sum(self, column: Column, *wheres: Where) -> Decimal | int:
        """Add up a number of all records the reader may see: `ctx.sum(Points.amount, ...)`.

        Args:
            wheres: Conditions such as `Points.person == 42`; all must hold.

        Returns:
            0 when there is none; a Decimal for money and decimal numbers.
        """
        name = entity_name(column._meta.table)  # noqa: SLF001 - Piccolo has no public name
        found: Decimal | int = await self._records.aggregate(self, column, name, wheres)
        return found

    async def count(self, entity: str | type[Table], *wheres: Where) -> int:
        """Count the records the reader may see."""
        return int(await self._records.aggregate(self, None, entity_name(entity), wheres))

    async def rows(
        self, entity: str | type[Table], *wheres: Where, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Read records the reader may see, by id, with all columns of their table."""
        return await self._records.rows(self, entity_name(entity), wheres, limit)

    async def enqueue(
        self,
        job: str,
        args: Mapping[str, Any] | None = None,
        *,
        at: datetime | None = None,
        key: str = "",
        lane: str = "",
        priority: int = 0,
        max_attempts: int | None = None,
    ) -> int | None:
        """Queue a job; it stands or falls with the open transaction.

        `await ctx.enqueue("loyalty.expire", {"person": 3}, at=ctx.now() + timedelta(days=30))`

        Args:
            job: `<plugin>.<name>`.
            args: What its handler gets as `event.args`; as JSON can say it.
            at: Aware moment before which it is not run; None is at once.
            key: Of one key one job waits; queued again meanwhile, it stays one.
            lane: Jobs of one lane of a plugin run one at a time, in the order they were queued in.
                One that is tried again holds up those behind it, one that is dead does not.
            priority: The highest is run first.
            max_attempts: Default is the job's own.

        Returns:
            The number of the job; None when one of that key waits already.

        Raises:
            NotFoundError: No plugin that is on declares the job.
            InvalidError: JSON cannot say the arguments, or the moment has no zone.
        """
        order = JobOrder(
            args=args or {}, at=at, key=key, lane=lane, priority=priority,
            max_attempts=max_attempts,
        )  # fmt: skip
        made = await self._records.enqueue(self, job, [order])
        return made[0] if made else None

    async def publish(
        self,
        name: str,
        entity: str | type[Table] = "",
        record_id: int | None = None,
        **data: Any,  # noqa: ANN401 - as JSON can say it
    ) -> None:
        """Say that something happened; plugins that listen hear it after the commit.

        `await ctx.publish("loyalty.gift.given", "crm.person", 42, points=10)`

        Args:
            name: An event that a plugin declares in `events`.
            data: What the declaration says, as JSON can say it.

        Raises:
            NotFoundError: No plugin that is on declares it.
        """
        about = entity_name(entity) if entity else ""
        await self._records.publish(self, name, about, record_id, data)

    async def notify(  # noqa: PLR0913 - what is told, and how it is remembered
        self,
        users: Iterable[int],
        kind: str,
        text: str,
        *,
        values: Mapping[str, str] | None = None,
        entity: str | type[Table] = "",
        record_id: int | None = None,
        url: str = "",
        key: str = "",
    ) -> int:
        """Tell people something, each as he chose; it stands or falls with the transaction.

        Args:
            users: Ids; nobody is told of his own doing, unless he is the only one.
            kind: One that a plugin declares in `notifications`.
            text: English, with places such as {title}; translated when it is read.
            values: What stands in the places.
            key: Of one key a person is told once.

        Returns:
            How many are told, in the app or by mail.

        Raises:
            NotFoundError: No plugin that is on declares the kind.
        """
        about = entity_name(entity) if entity else ""
        telling = Telling(
            kind=kind, text=text, values=values or {}, url=url, entity=about, record_id=record_id,
            key=key,
        )  # fmt: skip
        return await self._records.notify(self, users, telling)

    async def enqueue_many(self, job: str, orders: Sequence[JobOrder]) -> int:
        """Queue a job many times by one statement, and answer how many are new.

        Raises:
            NotFoundError: No plugin that is on declares the job.
            InvalidError: JSON cannot say the arguments, or a moment has no zone.
        """
        return len(await self._records.enqueue(self, job, orders))

    async def calendar(self, team: int | None = None, user: int | None = None) -> Calendar:
        """Answer when a team or a person works, for the functions of the business clock.

        `add_business_time(ctx.now(), timedelta(hours=4), await ctx.calendar(user=7))` is a promise
        that holds: hours of the team, its holidays and the person's absences are in it.

        Args:
            team: Id of a team; None takes the person's. A team without a calendar of its own has
                that of the team above, else the site's default.
            user: Id of a person, whose absences close the calendar as well.

        Raises:
            InvalidError: A stored text can no longer be read; names the calendar.
        """
        return await self._records.calendar(self, team, user)

    def render(self, template: str, **values: Any) -> Any:  # noqa: ANN401 - Markup
        """Make HTML of a plugin's template, such as "loyalty/balance.html".

        Raises:
            RuntimeError: No page is being made: in a command or a job.
        """
        if self.draw is None:
            raise RuntimeError("`ctx.render` makes parts of pages; no page is being made.")
        return self.draw(template, values)

    def may(self, permission: str) -> bool:
        """Say whether the reader has a permission of a plugin: `ctx.may("loyalty.gift")`.

        Raises:
            LookupError: No plugin that is on declares it.
        """
        declared = {each.name for _plugin, each in self.site.contributions["permissions"]}
        if permission not in declared:
            raise LookupError(f"No plugin declares the permission `{permission}`.")
        return self.principal.role.grants(permission)

    def settings(self, kind: type[S]) -> S:
        """Answer a plugin's settings, as its `Settings` says, with what administrators changed."""
        found: S = self.site.settings(kind)
        return found

    def now(self) -> datetime:
        """Answer the present moment, aware, in UTC."""
        return self.clock()

    @property
    def user_id(self) -> int | None:
        """Id of the acting user, None for the system."""
        return self.principal.user_id

    @property
    def language(self) -> str:
        """Language of texts for the reader."""
        return self.principal.language or self.config.language

    @property
    def time_zone(self) -> ZoneInfo:
        """Zone in which the reader reads moments."""
        return ZoneInfo(self.principal.time_zone or self.config.time_zone)

    def within(self, operation: int, cause: str | None = None) -> Context:
        """Answer the same context, its changes collected in one operation."""
        return replace(self, operation=operation, cause=cause or self.cause)

    def for_page(self) -> Context:
        """Answer the same context for making one page: what its parts ask for is read once.

        What is written through it lets it forget what it read.
        """
        return replace(self, seen={})
