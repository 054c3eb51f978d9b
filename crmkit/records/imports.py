"""Imports a file in one transaction: set-based, with the rules, hooks and journal of every write.

Each distinct text is parsed once, each row decided, then `import_write` writes what was decided.
A dry run is the same code, rolled back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import allowed, check, predicate
from crmkit.errors import Veto
from crmkit.model.values import N_
from crmkit.plugin.events import SaveEvent
from crmkit.records.amounts import fit_amounts
from crmkit.records.import_plan import (
    ImportPlan,
    ImportReport,
    Refusal,
    check_plan,
    fill,
)
from crmkit.records.import_texts import Texts
from crmkit.records.import_write import Decided, write_decided
from crmkit.records.save import ask_problems, check_lifecycle, transition_of
from crmkit.records.second_person import needs_second
from crmkit.records.values import ValueProblem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile, CsvRow

    Progress = Callable[[int, int], Awaitable[None]]

_STEP = 250
_PREVIEW = 8
_NAMED = 50
#: References that say what a record is about, when no column names it.
_NAMING = frozenset({"company", "person"})


class _DryRunError(Exception):
    pass


async def dry_run(
    ctx: Context, plan: EntityPlan, file: CsvFile, wanted: ImportPlan
) -> ImportReport:
    """Say what an import would do, by doing it and rolling it back.

    What nobody can look at before it is rolled back is not written.
    """
    report: list[ImportReport] = []
    try:
        async with ctx.db.transaction():
            report.append(await run_import(ctx, plan, file, wanted, trial=True))
            raise _DryRunError  # noqa: TRY301 - the way out of a transaction that must not stay
    except _DryRunError:
        return report[0]


async def run_import(
    ctx: Context,
    plan: EntityPlan,
    file: CsvFile,
    wanted: ImportPlan,
    progress: Progress | None = None,
    *,
    trial: bool = False,
) -> ImportReport:
    """Create and update records from a file, all or nothing but for refused rows.

    Args:
        progress: Told (rows decided, all rows) now and then; writing follows the last row.
        trial: The caller rolls it back; traces of new records that no plugin sees stay out.

    Raises:
        ForbiddenError: The role may not import here.
        InvalidError: The plan does not fit the file or the entity.
    """
    check(ctx, plan, "import")
    ctx = replace(ctx, cause="import")
    check_plan(plan, wanted, file.columns)
    async with ctx.db.transaction():
        work = _Import(ctx, plan, file, wanted, trial=trial)
        await work.prepare()
        for number, row in enumerate(file.rows, 1):
            await work.take(row)
            if number % _STEP == 0:
                await asyncio.sleep(0)  # other people's pages are answered in between
                if progress is not None:
                    await progress(number, len(file.rows))
        if progress is not None:
            await progress(len(file.rows), len(file.rows))
        return await work.finish()


def may_import(ctx: Context, plan: EntityPlan) -> bool:
    """Say whether the reader may import into an entity."""
    return allowed(ctx, plan, "import") and allowed(ctx, plan, "create")


class _Import:
    """One import while it runs."""

    def __init__(
        self,
        ctx: Context,
        plan: EntityPlan,
        file: CsvFile,
        wanted: ImportPlan,
        *,
        trial: bool,
    ) -> None:
        self._ctx, self._plan, self._file, self._wanted = ctx, plan, file, wanted
        self._trial = trial
        self._texts = Texts(ctx, plan, file, wanted)
        self._places = {column: file.column(column) for column in wanted.map}
        self._required = [name for name, field in plan.fields.items() if field.required]
        self._may_create = False
        self._known: dict[str, dict[str, Any]] = {}
        self._teams: dict[int, int | None] = {}
        self._seen: set[str] = set()
        self._decided = Decided(
            refused=[
                Refusal(
                    row.line,
                    "",
                    "",
                    f"has {len(row.cells)} cells, the heading {len(file.columns)}",
                )
                for row in file.ragged
            ]
        )
        self._unchanged = self._repeated = 0
        self._preview: dict[str, list[int]] = {}

    async def prepare(self) -> None:
        """Parse each distinct text once, and look up references and known records."""
        await self._texts.read()
        self._decided.operation = self._texts.operation
        await self._find_known()
        rows = await self._ctx.db.rows("SELECT id, team FROM core_user")
        self._teams = {row["id"]: row["team"] for row in rows}

    def _field(self, name: str) -> Field:
        return self._plan.fields[name]

    def _key_of(self, row: CsvRow, values: dict[str, Any]) -> str:
        if self._wanted.external:
            return row.cells[self._file.column(self._wanted.external)].strip()
        if self._wanted.key:
            value = values.get(self._wanted.key)
            return "" if value in (None, "") else str(value).strip().casefold()
        return ""

    async def _find_known(self) -> None:
        plan, ctx, wanted = self._plan, self._ctx, self._wanted
        names = [*wanted.map.values(), *wanted.constants, *wanted.templates]
        names += [name for each in wanted.only_if.values() for name in each]
        names.append(plan.title)
        if plan.lifecycle is not None:
            names.append(plan.lifecycle.column)
        fields = ", ".join(
            f'{self._field(name).sql()} AS "{name}"' for name in dict.fromkeys(names)
        )
        may = predicate(ctx, plan, "edit", "t", 1)
        table = f'FROM "{plan.tablename}" t'
        if wanted.external:
            keys = await ctx.db.rows(
                f"SELECT t.id, x.key AS import_key {table} JOIN core_external x "
                "ON x.record = t.id WHERE x.entity = $1 AND x.source = $2 AND t.trashed_at IS NULL",
                plan.name,
                wanted.source,
            )
        elif wanted.key:
            # What one may not change is not looked at: its values must not leak through counts.
            key = self._field(wanted.key).sql()
            keys = await ctx.db.rows(
                f"SELECT t.id, {key}::text AS import_key {table} "
                f"WHERE t.trashed_at IS NULL AND {key}::text <> '' AND ({may.text})",
                *may.args,
            )
        else:
            return
        asked = self._asked_keys()
        folded = map(str.casefold, map(str.strip, [row["import_key"] for row in keys]))
        ids = dict(zip(folded, [row["id"] for row in keys], strict=True))
        if asked is not None:
            ids = {key: ids[key] for key in asked & ids.keys()}
        rows = await ctx.db.rows(
            f"SELECT t.id, t.version, {fields}, ({may.text}) AS import_may {table} "
            f"WHERE t.id = ANY(${len(may.args) + 1}::bigint[]) AND t.trashed_at IS NULL",
            *may.args,
            list(ids.values()),
        )
        found = {row["id"]: dict(row) for row in rows}
        self._known = {key: found[record] for key, record in ids.items() if record in found}

    def _asked_keys(self) -> set[str] | None:
        """Answer the folded keys of the file; None when they are only known row by row."""
        wanted = self._wanted
        if wanted.external:
            texts: Iterable[Any] = self._file.values(wanted.external)
        else:
            column = next((c for c, name in wanted.map.items() if name == wanted.key), None)
            if column is None or any(wanted.key in each for each in wanted.only_if.values()):
                return None
            texts = self._texts.parsed[column].values()
        return {str(text).strip().casefold() for text in texts}

    def _refuse(self, row: CsvRow, column: str, value: str, reason: str) -> None:
        self._decided.refused.append(Refusal(row.line, column, value[:200], reason))
        self._note("refuse", row)

    def _note(self, effect: str, row: CsvRow) -> None:
        lines = self._preview.setdefault(effect, [])
        if len(lines) < _PREVIEW:
            lines.append(row.line)

    async def take(self, row: CsvRow) -> None:
        """Decide what a row does."""
        later: list[tuple[str, str, str]] = []
        values, problem = self._values(row, later)
        if problem is not None:
            self._refuse(row, *problem)
            return
        key = self._key_of(row, values)
        external = self._wanted.external
        if external and not key:
            self._refuse(row, external, "", "has no number")
            return
        folded = key.casefold()
        if folded and folded in self._seen:
            if external:
                self._refuse(row, external, key, "stands twice in the file")
            else:
                self._repeated += 1
            return
        stored = self._known.get(folded) if folded else None
        if stored is not None and not stored["import_may"]:
            self._refuse(row, external, key, "is the number of a record you may not change")
        elif stored is not None:
            self._take_known(row, values, stored)
        elif self._wanted.mode == "update":
            self._refuse(row, "", key, "is not known, and only updates run")
        elif not await self._take_new(row, key, values):
            return
        self._seen.add(folded)
        self._decided.later += [(row, folded, *each) for each in later]

    def _values(
        self, row: CsvRow, later: list[tuple[str, str, str]]
    ) -> tuple[dict[str, Any], tuple[str, str, str] | None]:
        values: dict[str, Any] = dict(self._texts.constants)
        for column, name in self._wanted.map.items():
            text = row.cells[self._places[column]]
            value = self._texts.parsed[column][text]
            if isinstance(value, ValueProblem):
                if self._field(name).reference == self._plan.name:
                    # A record of the same file, perhaps further down: resolved at the end.
                    later.append((column, name, text))
                    continue
                return values, (column, text, str(value))
            values[name] = value
            if value in (None, "") and name in self._wanted.filled:
                return values, (column, text, "is empty, and such rows are left out")
        if self._wanted.templates or self._plan.title not in values:
            self._compose(row, values)
        lifecycle = self._plan.lifecycle
        if lifecycle is not None:
            values |= self._texts.only_if.get(str(values.get(lifecycle.column) or ""), {})
        return values, None

    def _compose(self, row: CsvRow, values: dict[str, Any]) -> None:
        """Fill fields made of several columns; a title that no column gives is one of them."""
        cells = {}
        for column, cell in zip(self._file.columns, row.cells, strict=True):
            name = self._wanted.map.get(column, "")
            meant = self._texts.misspelt.get(name, {}).get(cell, cell)
            cells[column] = self._wanted.aliases.get(name, {}).get(cell, meant)
        for name, template in self._wanted.templates.items():
            values[name] = fill(template, cells)[: self._field(name).max_length]
        if self._plan.title not in values:
            parts = [
                cells[column]
                for column, name in self._wanted.map.items()
                if name.startswith("custom.") or name in _NAMING
            ]
            title = " ".join(" ".join(parts).split())
            if title:
                values[self._plan.title] = title

    def _take_known(self, row: CsvRow, values: dict[str, Any], stored: dict[str, Any]) -> None:
        # An empty cell does not clear: the file may simply not know.
        changed = {
            name: value
            for name, value in values.items()
            if value not in (None, "") and value != stored.get(name)
        }
        if not changed or self._wanted.mode == "create":
            self._unchanged += 1
            self._note("same", row)
            return
        self._decided.changed.append((row, stored["id"], changed))
        self._note("update", row)

    async def _take_new(self, row: CsvRow, key: str, values: dict[str, Any]) -> bool:
        plan, ctx = self._plan, self._ctx
        if not self._may_create:
            check(ctx, plan, "create")
            self._may_create = True
        new = {name: value for name, value in values.items() if value is not None}
        if plan.lifecycle is not None and not new.get(plan.lifecycle.column):
            new[plan.lifecycle.column] = plan.lifecycle.initial
        new.setdefault("owner", ctx.user_id)
        if not await self._passes(row, "before_save", SaveEvent(ctx, plan, new)):
            return False
        if new["owner"] is not None and new.get("team") is None:
            new["team"] = self._teams.get(new["owner"])
        if "currency" in plan.fields and not new.get("currency"):
            new["currency"] = ctx.config.currency
        problems = {
            name: "is needed" for name in self._required if new.get(name) in (None, "")
        } | check_lifecycle(plan, new, {}, new)
        currency = str(new.get("currency") or ctx.config.currency)
        problems |= fit_amounts(ctx, plan, new, new, currency)
        if ctx.site.hooks.implementations("validate"):
            problems |= await ask_problems(SaveEvent(ctx, plan, new), new)
        if problems:
            name, problem = next(iter(problems.items()))
            self._refuse(row, self._column_of(name), "", problem)
            return False
        moved = transition_of(SaveEvent(ctx, plan, new), new)
        if moved and plan.lifecycle and needs_second(ctx, plan, moved.new, new):
            text = ctx.translate(N_("needs a second person; import it in an earlier state"))
            self._refuse(row, self._column_of(plan.lifecycle.column), moved.new, text)
            return False
        if moved is not None and not await self._passes(row, "before_transition", moved):
            return False
        self._decided.new.append((key, new))
        self._note("create", row)
        return True

    async def _passes(self, row: CsvRow, hook: str, event: object) -> bool:
        """Ask the plugins; the row of what one refuses is left out with its reason."""
        try:
            await self._ctx.site.hooks.run(hook, event)
        except Veto as veto:
            self._refuse(row, "", "", veto.message)
            return False
        return True

    def _column_of(self, name: str) -> str:
        """Answer the column that gives a field, else the field's label."""
        columns = (column for column, field in self._wanted.map.items() if field == name)
        return next(columns, self._field(name).label if name in self._plan.fields else name)

    async def finish(self) -> ImportReport:
        """Write what was decided and report."""
        known = {key: stored["id"] for key, stored in self._known.items()}
        written = await write_decided(
            self._ctx, self._plan, self._wanted, self._decided, known, trial=self._trial
        )
        columns = self._texts.columns()
        return ImportReport(
            written.created,
            written.updated,
            self._unchanged,
            tuple(sorted(self._decided.refused, key=lambda each: each.line)),
            written.operation,
            {column: each.empty for column, each in columns.items()},
            self._texts.misspelt,
            columns,
            self._repeated,
            {effect: tuple(lines) for effect, lines in self._preview.items()},
        )
