"""Imports a file in one transaction: set-based, with the rules, hooks and journal of every write.

New rows go in through COPY with ids drawn beforehand, so one pass writes the record, its journal,
stage history, external number and search row. A dry run is the same code, rolled back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import allowed, check
from crmkit.errors import CrmkitError, InvalidError, Veto
from crmkit.plugin.hookspecs import SaveEvent
from crmkit.records.import_plan import (
    ImportPlan,
    ImportReport,
    Refusal,
    check_plan,
    closest,
)
from crmkit.records.import_values import find_references, make_parser
from crmkit.records.journal import open_operation, write_search
from crmkit.records.query import plain
from crmkit.records.save import check_lifecycle, save_record, split_values
from crmkit.records.values import ValueProblem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.csv_file import CsvFile, CsvRow

    Progress = Callable[[int, int], Awaitable[None]]

_STEP = 1000


class _DryRunError(Exception):
    pass


async def dry_run(
    ctx: Context, plan: EntityPlan, file: CsvFile, wanted: ImportPlan
) -> ImportReport:
    """Say what an import would do, by doing it and rolling it back."""
    report: list[ImportReport] = []
    try:
        async with ctx.db.transaction():
            report.append(await run_import(ctx, plan, file, wanted))
            raise _DryRunError  # noqa: TRY301 - the way out of a transaction that must not stay
    except _DryRunError:
        return report[0]


async def run_import(
    ctx: Context,
    plan: EntityPlan,
    file: CsvFile,
    wanted: ImportPlan,
    progress: Progress | None = None,
) -> ImportReport:
    """Create and update records from a file, all or nothing but for refused rows.

    Args:
        progress: Told (rows done, all rows) now and then.

    Raises:
        ForbiddenError: The role may not import here.
        InvalidError: The plan does not fit the file or the entity.
    """
    check(ctx, plan, "import")
    ctx = replace(ctx, cause="import")
    check_plan(plan, wanted, file.columns)
    async with ctx.db.transaction():
        work = _Import(ctx, plan, file, wanted)
        await work.prepare()
        for number, row in enumerate(file.rows, 1):
            await work.take(row)
            if progress is not None and number % _STEP == 0:
                await progress(number, len(file.rows))
        report = await work.write()
    if progress is not None:
        await progress(len(file.rows), len(file.rows))
    return report


class _Import:
    """One import while it runs."""

    def __init__(self, ctx: Context, plan: EntityPlan, file: CsvFile, wanted: ImportPlan) -> None:
        self._ctx, self._plan, self._file, self._wanted = ctx, plan, file, wanted
        self._parsed: dict[str, dict[str, Any]] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._teams: dict[int, int | None] = {}
        self._new: list[tuple[str, dict[str, Any]]] = []
        self._later: list[tuple[CsvRow, str, str, str]] = []
        self._seen: set[str] = set()
        self._changed: list[tuple[CsvRow, dict[str, Any], dict[str, Any]]] = []
        self._refused = [
            Refusal(line, "", "", f"has {cells} cells, the heading {len(file.columns)}")
            for line, cells in file.ragged
        ]
        self._unchanged = 0
        self._empty: dict[str, int] = {}
        self._misspelt: dict[str, dict[str, str]] = {}
        self._constants: dict[str, Any] = {}
        self._only_if: dict[str, dict[str, Any]] = {}

    async def prepare(self) -> None:
        """Parse each distinct text once, and look up references and known records."""
        for column, name in self._wanted.map.items():
            texts = self._file.values(column)
            self._empty[column] = sum(1 for text in texts if not text.strip())
            self._parsed[column] = await self._parse(name, texts)
        for name, text in self._wanted.constants.items():
            self._constants[name] = (await self._parse(name, [text]))[text]
        for state, constants in self._wanted.only_if.items():
            self._only_if[state] = {
                name: (await self._parse(name, [text]))[text] for name, text in constants.items()
            }
        await self._find_known()
        rows = await self._ctx.db.rows("SELECT id, team FROM core_user")
        self._teams = {row["id"]: row["team"] for row in rows}

    async def _parse(self, name: str, texts: Sequence[str]) -> dict[str, Any]:
        field = self._plan.fields[name]
        aliases = self._wanted.aliases.get(name, {})
        distinct = dict.fromkeys(texts)
        if field.kind == "reference":
            prefix = self._wanted.prefixes.get(name, "")
            meant = {
                text: prefix + aliases.get(text, text).strip() if text.strip() else ""
                for text in distinct
            }
            found = await find_references(self._ctx, field, meant.values())
            return {
                text: None
                if not name_
                else found.get(name_, ValueProblem(f"names no {field.label.lower()} that is known"))
                for text, name_ in meant.items()
            }
        parse = make_parser(self._ctx, field, distinct, self._wanted.dates)
        values: dict[str, Any] = {}
        for text in distinct:
            meant_text = aliases.get(text) or self._read_as(name, text)
            try:
                values[text] = parse(meant_text)
            except ValueProblem as problem:
                values[text] = problem
        return values

    def _read_as(self, name: str, text: str) -> str:
        """Answer what a text of a choice means; a close spelling is noted in the report."""
        field = self._plan.fields[name]
        known = {choice.label.lower(): choice.label for choice in field.choices}
        stored = {choice.value.lower() for choice in field.choices}
        folded = text.strip().lower()
        if not known or not folded or folded in known or folded in stored:
            return text
        meant = closest(text, known)
        if meant is not None:
            self._misspelt.setdefault(name, {})[text] = meant
        return meant or text

    def _key_of(self, row: CsvRow, values: dict[str, Any]) -> str:
        if self._wanted.external:
            return row.cells[self._file.column(self._wanted.external)].strip()
        if self._wanted.key:
            value = values.get(self._wanted.key)
            return "" if value in (None, "") else str(value).strip().casefold()
        return ""

    async def _find_known(self) -> None:
        plan, ctx = self._plan, self._ctx
        names = [*self._wanted.map.values(), *self._wanted.constants, *self._wanted.templates]
        names += [name for each in self._wanted.only_if.values() for name in each]
        names.append(plan.title)
        if plan.lifecycle is not None:
            names.append(plan.lifecycle.column)
        fields = ", ".join(
            f'{plan.fields[name].sql()} AS "{name}"' for name in dict.fromkeys(names)
        )
        start = f'SELECT t.id, t.version, {fields}, %s AS import_key FROM "{plan.tablename}" t'  # noqa: S608 - checked names
        if self._wanted.external:
            rows = await ctx.db.rows(
                start % "x.key" + " JOIN core_external x ON x.record = t.id "
                "WHERE x.entity = $1 AND x.source = $2 AND t.trashed_at IS NULL",
                plan.name,
                self._wanted.source,
            )
        elif self._wanted.key:
            key = plan.fields[self._wanted.key].sql()
            rows = await ctx.db.rows(start % f"{key}::text" + " WHERE t.trashed_at IS NULL")
        else:
            rows = []
        self._known = {
            row["import_key"].strip().casefold(): dict(row) for row in rows if row["import_key"]
        }

    async def take(self, row: CsvRow) -> None:
        """Decide what a row does."""
        values, problem = self._values(row)
        if problem is not None:
            self._refused.append(problem)
            return
        key = self._key_of(row, values)
        if self._wanted.external and not key:
            self._refused.append(Refusal(row.line, self._wanted.external, "", "has no number"))
            return
        folded = key.casefold()
        if folded and folded in self._seen:
            if self._wanted.external:
                self._refused.append(
                    Refusal(row.line, self._wanted.external, key, "stands twice in the file")
                )
            return
        self._seen.add(folded)
        stored = self._known.get(folded) if folded else None
        if stored is not None:
            self._take_known(row, values, stored)
        elif self._wanted.mode == "update":
            self._refused.append(Refusal(row.line, "", key, "is not known, and only updates run"))
        else:
            await self._take_new(row, key, values)

    def _values(self, row: CsvRow) -> tuple[dict[str, Any], Refusal | None]:
        values: dict[str, Any] = dict(self._constants)
        for column, name in self._wanted.map.items():
            text = row.cells[self._file.column(column)]
            value = self._parsed[column][text]
            if isinstance(value, ValueProblem):
                if self._plan.fields[name].reference == self._plan.name:
                    # A record of the same file, perhaps further down: resolved at the end.
                    self._later.append((row, column, name, text))
                    continue
                return values, Refusal(row.line, column, text[:200], str(value))
            values[name] = value
        if self._wanted.templates or self._plan.title not in values:
            self._compose(row, values)
        lifecycle = self._plan.lifecycle
        if lifecycle is not None:
            values |= self._only_if.get(str(values.get(lifecycle.column) or ""), {})
        return values, None

    def _compose(self, row: CsvRow, values: dict[str, Any]) -> None:
        """Fill fields made of several columns; a title that no column gives is one of them."""
        cells = {}
        for column, cell in zip(self._file.columns, row.cells, strict=True):
            name = self._wanted.map.get(column, "")
            meant = self._misspelt.get(name, {}).get(cell, cell)
            cells[column] = self._wanted.aliases.get(name, {}).get(cell, meant)
        for name, template in self._wanted.templates.items():
            values[name] = " ".join(template.format_map(cells).split())
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
            return
        self._changed.append((row, stored, changed))

    async def _take_new(self, row: CsvRow, key: str, values: dict[str, Any]) -> None:
        plan, ctx = self._plan, self._ctx
        check(ctx, plan, "create")
        new = {name: value for name, value in values.items() if value is not None}
        if plan.lifecycle is not None and not new.get(plan.lifecycle.column):
            new[plan.lifecycle.column] = plan.lifecycle.states[0].name
        new.setdefault("owner", ctx.user_id)
        try:
            await ctx.site.hooks.run("before_save", SaveEvent(ctx, plan, new))
        except Veto as veto:
            self._refused.append(Refusal(row.line, "", "", veto.message))
            return
        if new["owner"] is not None and new.get("team") is None:
            new["team"] = self._teams.get(new["owner"])
        if "currency" in plan.fields and not new.get("currency"):
            new["currency"] = ctx.config.currency
        problems = {
            name: "is needed"
            for name, field in plan.fields.items()
            if field.required and new.get(name) in (None, "")
        } | check_lifecycle(plan, new, {}, new)
        if problems:
            name, problem = next(iter(problems.items()))
            self._refused.append(Refusal(row.line, name, "", problem))
            return
        self._new.append((key, new))

    async def write(self) -> ImportReport:
        """Write what was decided."""
        ctx, plan = self._ctx, self._plan
        if not (self._new or self._changed or self._later):
            return self._report(0, 0)
        operation = await open_operation(ctx, "import", plan.label)
        inner = ctx.within(operation, "import")
        ids = await self._write_new(inner, operation)
        updated = 0
        for row, stored, changed in self._changed:
            updated += await self._update(inner, row, stored["id"], changed)
        updated_later = await self._write_later(inner, ids)
        if not (ids or updated or updated_later):
            await ctx.db.execute("DELETE FROM core_operation WHERE id = $1", operation)
            operation = 0
        return self._report(len(ids), updated, operation)

    async def _update(self, ctx: Context, row: CsvRow, record: int, changed: dict[str, Any]) -> int:
        try:
            async with ctx.db.transaction():
                await save_record(ctx, self._plan, record, changed)
        except CrmkitError as error:
            reason = error.message
            if isinstance(error, InvalidError) and error.problems:
                name, problem = next(iter(error.problems.items()))
                reason = f"{name} {problem}"
            self._refused.append(Refusal(row.line, "", "", reason))
            return 0
        return 1

    async def _write_new(self, ctx: Context, operation: int) -> dict[str, int]:
        if not self._new:
            return {}
        plan, now = self._plan, ctx.now()
        rows = await ctx.db.rows(
            "SELECT nextval(pg_get_serial_sequence($1, 'id')) AS id FROM generate_series(1, $2)",
            plan.tablename,
            len(self._new),
        )
        ids = [row["id"] for row in rows]
        split = [split_values(values) for _, values in self._new]
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
        await self._write_traces(ctx, operation, ids)
        await write_search(ctx, plan, ids)
        return {key.casefold(): record for record, (key, _) in zip(ids, self._new, strict=True)}

    async def _write_traces(self, ctx: Context, operation: int, ids: list[int]) -> None:
        plan, now = self._plan, ctx.now()
        pairs = list(zip(ids, self._new, strict=True))
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
        if self._wanted.external:
            await ctx.db.copy_rows(
                "core_external",
                ["source", "key", "entity", "record"],
                [(self._wanted.source, key, plan.name, record) for record, (key, _) in pairs],
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

    async def _write_later(self, ctx: Context, ids: dict[str, int]) -> int:
        """Set references to records of the same file, now that all of them exist."""
        if not self._later:
            return 0
        field = self._plan.fields[self._later[0][2]]
        found = await find_references(ctx, field, [text for *_, text in self._later])
        done = 0
        for row, column, name, text in self._later:
            values, _ = self._values_without_later(row)
            key = self._key_of(row, values).casefold()
            record = ids.get(key) or (self._known.get(key) or {}).get("id")
            target = found.get(text.strip())
            if record is None:
                continue
            if target is None:
                self._refused.append(
                    Refusal(row.line, column, text, f"names no {field.label.lower()} that is known")
                )
                continue
            done += await self._update(ctx, row, record, {name: target})
        return done

    def _values_without_later(self, row: CsvRow) -> tuple[dict[str, Any], Refusal | None]:
        kept = list(self._later)
        try:
            return self._values(row)
        finally:
            self._later[:] = kept

    def _report(self, created: int, updated: int, operation: int = 0) -> ImportReport:
        refused = tuple(sorted(self._refused, key=lambda each: each.line))
        return ImportReport(
            created, updated, self._unchanged, refused, operation, self._empty, self._misspelt
        )


#: References that say what a record is about, when no column names it.
_NAMING = frozenset({"company", "person"})
_NULLABLE = frozenset({"number", "decimal", "money", "date", "datetime", "reference"})


def may_import(ctx: Context, plan: EntityPlan) -> bool:
    """Say whether the reader may import into an entity."""
    return allowed(ctx, plan, "import") and allowed(ctx, plan, "create")
