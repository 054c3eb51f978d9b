"""Reads and writes as a plugin asks for them on its Context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.records.aggregates import aggregate, read_rows
from crmkit.records.derived import derive_values
from crmkit.records.read import get_record
from crmkit.records.save import create_record, save_record, trash_record
from crmkit.work.calendars import calendar_of
from crmkit.work.events import publish
from crmkit.work.jobs import enqueue
from crmkit.work.notifications import notify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from piccolo.columns import Column
    from piccolo.columns.combination import Where

    from crmkit.model.calendar import Calendar
    from crmkit.model.context import Context
    from crmkit.model.job import JobOrder
    from crmkit.model.notification import Telling
    from crmkit.model.role import Verb


def _forget(ctx: Context) -> None:
    if ctx.seen is not None:
        ctx.seen.clear()


class RecordStore:
    """The functions behind `ctx.get`, `ctx.create`, `ctx.save`, `ctx.trash`, `ctx.enqueue`."""

    async def get(
        self, ctx: Context, entity: str, record_id: int, verb: Verb, *, lock: bool
    ) -> dict[str, Any]:
        """Read a record."""
        return await get_record(ctx, ctx.site.entity(entity), record_id, verb, lock=lock)

    async def create(self, ctx: Context, entity: str, values: dict[str, Any]) -> int:
        """Create a record."""
        _forget(ctx)
        return await create_record(ctx, ctx.site.entity(entity), values)

    async def save(
        self, ctx: Context, entity: str, record_id: int, values: dict[str, Any], version: int | None
    ) -> int:
        """Save a record."""
        _forget(ctx)
        return await save_record(ctx, ctx.site.entity(entity), record_id, values, version)

    async def derive(
        self, ctx: Context, entity: str, record_id: int, values: Mapping[str, Any]
    ) -> None:
        """Write what is computed from other values."""
        _forget(ctx)
        await derive_values(ctx, ctx.site.entity(entity), record_id, values)

    async def trash(self, ctx: Context, entity: str, record_id: int, version: int | None) -> None:
        """Move a record to the trash."""
        _forget(ctx)
        await trash_record(ctx, ctx.site.entity(entity), record_id, version)

    async def aggregate(
        self, ctx: Context, column: Column | None, entity: str, wheres: tuple[Where, ...]
    ) -> Any:  # noqa: ANN401 - a number of the column's type
        """Count records or add up a column of them."""
        return await aggregate(ctx, ctx.site.entity(entity), column, wheres)

    async def rows(
        self, ctx: Context, entity: str, wheres: tuple[Where, ...], limit: int
    ) -> list[dict[str, Any]]:
        """Read records."""
        return await read_rows(ctx, ctx.site.entity(entity), wheres, limit)

    async def enqueue(self, ctx: Context, job: str, orders: Sequence[JobOrder]) -> list[int]:
        """Queue a job and answer the numbers of those that are new."""
        return await enqueue(ctx, job, orders)

    async def publish(
        self, ctx: Context, name: str, entity: str, record_id: int | None, data: Mapping[str, Any]
    ) -> None:
        """Say that something happened."""
        await publish(ctx, name, entity=entity, record_id=record_id, data=data)

    async def calendar(self, ctx: Context, team: int | None, user: int | None) -> Calendar:
        """Answer when a team or a person works."""
        return await calendar_of(ctx, team, user)

    async def notify(self, ctx: Context, users: Iterable[int], telling: Telling) -> int:
        """Tell people something."""
        return await notify(ctx, users, telling)
