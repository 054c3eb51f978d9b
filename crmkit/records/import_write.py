"""Writes what an import decided: new rows by COPY, changes one by one, references last.

Ids are drawn beforehand, so one pass writes the record, its journal, stage history, external
number and search row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.errors import CrmkitError, InvalidError
from crmkit.plugin.events import SaveEvent
from crmkit.records.import_plan import ImportPlan, Refusal
from crmkit.records.import_values import find_references
from crmkit.records.journal import open_operation, write_search
from crmkit.records.query import plain
from crmkit.records.save import save_record, split_values, tell, transition_of
from crmkit.work.core_events import tell_of_core
from crmkit.work.deadline_follow import follow_records
from crmkit.work.events import gathering, gathering_one

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvRow

#: Letters of a record from which on its search row could be refused, far below where it is.
_LONG = 100_000
_NULLABLE = frozenset({"number", "decimal", "money", "date", "datetime", "reference"})


@dataclass
class Decided:
    """What the rows of a file come to.

    Attributes:
        new: Key and values of records to create.
        changed: Row, id of the record, and what changes.
        later: Row, key, column, field and text of references into the same file.
        operation: Collects everything; 0 until something needs it.
    """

    refused: list[Refusal]
    new: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changed: list[tuple[CsvRow, int, dict[str, Any]]] = field(default_factory=list)
    later: list[tuple[CsvRow, str, str, str, str]] = field(default_factory=list)
    operation: int = 0


class Written(msgspec.Struct, frozen=True):
    """What was written; operation 0 is nothing."""

    created: int
    updated: int
    operation: int


async def write_decided(
    ctx: Context,
    plan: EntityPlan,
    wanted: ImportPlan,
    decided: Decided,
    known: Mapping[str, int],
    *,
    trial: bool = False,
) -> Written:
    """Write it; rows that a rule refuses join `decided.refused`.

    Args:
        known: Folded key to the id of records that were there before.
        trial: It is rolled back; what only people would see of new records is not written.
    """
    made = decided.operation
    if not (made or decided.new or decided.changed or decided.later):
        return Written(0, 0, 0)
    operation = made or await open_operation(ctx, "import", plan.label)
    async with gathering(ctx.within(operation, "import")) as inner:
        writer = _Writer(inner, plan, wanted, decided, operation, trial=trial)
        ids = await writer.write_new()
        changed = {
            record
            for row, record, values in decided.changed
            if await writer.update(row, record, values)
        }
        changed |= await writer.write_later({**known, **ids})
    if not (made or ids or changed):
        await ctx.db.execute("DELETE FROM core_operation WHERE id = $1", operation)
        operation = 0
    return Written(len(decided.new), len(changed - set(ids.values())), operation)


class _Writer:
    """The statements of one import."""

    def __init__(
        self,
        ctx: Context,
        plan: EntityPlan,
        wanted: ImportPlan,
        decided: Decided,
        operation: int,
        *,
        trial: bool,
    ) -> None:
        self._ctx, self._plan, self._wanted = ctx, plan, wanted
        self._decided, self._operation = decided, operation
        #: A plugin that hears of a record may look at all of it, also in a trial.
        self._is_seen = not trial or self._hears_of_new()

    def _hears_of_new(self) -> bool:
        hooks = self._ctx.site.hooks
        return any(hooks.implementations(name) for name in ("after_save", "after_transition"))

    async def update(self, row: CsvRow, record: int, changed: dict[str, Any]) -> bool:
        """Change one record; False when a rule refuses."""
        ctx = self._ctx
        try:
            async with gathering_one(ctx), ctx.db.transaction():
                await save_record(ctx, self._plan, record, changed)
        except CrmkitError as error:
            reason = error.message
            if isinstance(error, InvalidError) and error.problems:
                name, problem = next(iter(error.problems.items()))
                reason = f"{name} {problem}"
            self._decided.refused.append(Refusal(row.line, "", "", reason))
            return False
        return True

    async def write_new(self) -> dict[str, int]:
        """Create all new records; answer folded key to id."""
        ctx, rows_new = self._ctx, self._decided.new
        if not rows_new:
            return {}
        rows = await ctx.db.rows(
            "SELECT nextval(s.name::regclass) AS id FROM (SELECT pg_get_serial_sequence($1, 'id') "
            "AS name OFFSET 0) s CROSS JOIN generate_series(1, $2)",
            self._plan.tablename,
            len(rows_new),
        )
        ids = [row["id"] for row in rows]
        async with ctx.db.cached_plans():
            await self._write_records(ids)
            await self._write_traces(ids)
            await write_search(ctx, self._plan, ids if self._is_seen else self._long(ids))
        if self._hears_of_new():
            for record, (_, values) in zip(ids, rows_new, strict=True):
                moved = transition_of(SaveEvent(ctx, self._plan, values), values)
                event = SaveEvent(ctx, self._plan, values, record_id=record)
                await ctx.site.hooks.run("after_save", event)
                if moved is not None:
                    moved.record_id = record
                    await ctx.site.hooks.run("after_transition", moved)
        await follow_records(ctx, self._plan.name, ids)
        for record, (_, values) in zip(ids, rows_new, strict=True):
            await tell(ctx, self._plan, "created", record)
            await tell_of_core(ctx, self._plan.name, record, {}, values)
        return {key.casefold(): record for record, (key, _) in zip(ids, rows_new, strict=True)}

    def _long(self, ids: list[int]) -> list[int]:
        """Answer the records whose text PostgreSQL may find too long to search, which must show."""
        return [
            record
            for record, (_, values) in zip(ids, self._decided.new, strict=True)
            if sum(len(value) for value in values.values() if isinstance(value, str)) > _LONG
        ]

    async def _write_records(self, ids: list[int]) -> None:
        ctx, plan = self._ctx, self._plan
        rows_new, now = self._decided.new, ctx.now()
        split = [split_values(values) for _, values in rows_new]
        names = list(dict.fromkeys(name for columns, _ in split for name in columns))
        empty = {
            name: None
            if plan.fields[name].kind in _NULLABLE
            else (False if plan.fields[name].kind == "checkbox" else "")
            for name in names
        }
        await ctx.db.copy_rows(
            plan.tablename,
            ["id", *names, "custom", "created_at", "created_by", "updated_at", "updated_by"],
            [
                (
                    record,
                    *(columns.get(name, empty[name]) for name in names),
                    custom,
                    now,
                    ctx.user_id,
                    now,
                    ctx.user_id,
                )
                for record, (columns, custom) in zip(ids, split, strict=True)
            ],
        )

    async def _write_traces(self, ids: list[int]) -> None:
        ctx, plan = self._ctx, self._plan
        pairs = list(zip(ids, self._decided.new, strict=True))
        if self._wanted.external:
            await ctx.db.copy_rows(
                "core_external",
                ["source", "key", "entity", "record"],
                [(self._wanted.source, key, plan.name, record) for record, (key, _) in pairs],
            )
        if self._is_seen:
            await self._write_history(pairs)

    async def _write_history(self, pairs: list[tuple[int, tuple[str, dict[str, Any]]]]) -> None:
        ctx, plan = self._ctx, self._plan
        now, operation = ctx.now(), self._operation
        await ctx.db.copy_rows(
            "core_journal",
            [
                "operation",
                "entity",
                "record",
                "action",
                "before",
                "after",
                "user_id",
                "at",
                "cause",
            ],
            [
                (
                    operation,
                    plan.name,
                    record,
                    "create",
                    {},
                    {
                        name: plain(value)
                        for name, value in values.items()
                        if value not in (None, "")
                    },
                    ctx.user_id,
                    now,
                    "import",
                )
                for record, (_, values) in pairs
            ],
        )
        lifecycle = plan.lifecycle
        if lifecycle is not None:
            chances = {state.name: state.probability for state in lifecycle.states}
            amount = plan.sums[0] if plan.sums else ""
            await ctx.db.copy_rows(
                "core_stage_history",
                ["entity", "record", "to_state", "at", "user_id", "amount", "probability"],
                [
                    (
                        plan.name,
                        record,
                        values[lifecycle.column],
                        now,
                        ctx.user_id,
                        values.get(amount),
                        chances.get(values[lifecycle.column]),
                    )
                    for record, (_, values) in pairs
                ],
            )

    async def write_later(self, ids: Mapping[str, int]) -> set[int]:
        """Set references to records of the same file; answer whose."""
        done: set[int] = set()
        for name in dict.fromkeys(each[3] for each in self._decided.later):
            target = self._plan.fields[name]
            mine = [each for each in self._decided.later if each[3] == name]
            found = await find_references(self._ctx, target, [each[4] for each in mine])
            for row, key, column, _, text in mine:
                record, meant = ids.get(key), found.ids.get(text.strip())
                if record is None or meant is None:
                    reason = (
                        "names no record that is known; the rest was written"
                        if record is not None
                        else "cannot be linked without a key; choose what rows are known by"
                    )
                    self._decided.refused.append(
                        Refusal(row.line, column, text, reason, written=True)
                    )
                    continue
                if await self.update(row, record, {name: meant}):
                    done.add(record)
        return done
