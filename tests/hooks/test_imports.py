"""An import writes the same whether plugins listen or not; a trial leaves out what nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

from crmkit.db.engine import Database
from crmkit.errors import Veto
from crmkit.plugin.hookspecs import Plugin
from crmkit.records.csv_file import read_csv
from crmkit.records.import_plan import ImportPlan
from crmkit.records.imports import dry_run, run_import
from crmkit.records.save import trash_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.model.context import Context
    from crmkit.plugin.events import SaveEvent, TransitionEvent
    from crmkit.records.csv_file import CsvFile
    from crmkit.records.import_plan import ImportReport

    Make = Callable[..., Awaitable[int]]
    With = Callable[..., Context]

_NUMBERED = ("crm_lead", "core_operation", "core_journal", "core_stage_history")
_TABLES = (*_NUMBERED, "core_external", "core_search")
_TIMES = "'at', 'created_at', 'updated_at', 'document'"
_WANTED = ImportPlan(
    {"name": "name", "email": "email", "company_name": "company_name"}, external="no"
)
_TEXT = """no,name,email,company_name
1,Anna,anna@kan.example,Kiel
2,Berta,no address,Kiel
3,Cäsar,"caesar@kan.example",=Köln
3,Cäsar,c@kan.example,Köln
4,,d@kan.example,Köln
5,Emil,,
"""
_AGAIN = _TEXT.replace("Anna,", "Anne,").replace("5,Emil", "6,Frieda,f@kan.example,Bonn\n5,Emil")


class _Listens(Plugin):
    def __init__(self) -> None:
        self.before: list[str] = []
        self.asked: list[str] = []
        self.after: list[tuple[str, int]] = []

    async def before_save(self, event: SaveEvent) -> None:
        self.before.append(event.values["name"])

    async def validate(self, event: SaveEvent) -> None:
        self.asked.append(event.values["name"])

    async def after_save(self, event: SaveEvent) -> None:
        left = await event.ctx.db.value(
            "SELECT (SELECT count(*) FROM core_journal j WHERE j.record = $1 AND j.entity = $2) "
            "+ (SELECT count(*) FROM core_search s WHERE s.record = $1 AND s.entity = $2) "
            "+ (SELECT count(*) FROM core_stage_history h WHERE h.record = $1 AND h.entity = $2)",
            event.record_id, event.entity.name,
        )  # fmt: skip
        self.after.append((event.values["name"], left))


class _UndoneError(Exception):
    pass


async def _tables(ctx: Context) -> dict[str, list[str]]:
    """Answer what the tables hold, moments left out."""
    found = {}
    for table in _TABLES:
        rows = await ctx.db.rows(
            f"SELECT (to_jsonb(t) - ARRAY[{_TIMES}])::text AS text FROM {table} t ORDER BY 1"
        )
        found[table] = [row["text"] for row in rows]
    return found


async def _imported(ctx: Context, *texts: str) -> tuple[list[ImportReport], dict[str, list[str]]]:
    """Import texts one after another; answer reports and tables, and leave nothing behind."""
    plan = ctx.site.entity("crm.lead")
    reports: list[ImportReport] = []
    tables: dict[str, list[str]] = {}
    try:
        async with ctx.db.transaction():
            for table in _NUMBERED:
                await ctx.db.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH 5000")
            reports += [await run_import(ctx, plan, _file(text), _WANTED) for text in texts]
            tables = await _tables(ctx)
            raise _UndoneError  # noqa: TRY301 - the way out of a transaction
    except _UndoneError:
        return reports, tables


def _file(text: str) -> CsvFile:
    return read_csv(text.encode())


async def test_an_import_writes_the_same_whether_a_plugin_listens(
    admin: Context, with_plugins: With
) -> None:
    listens = _Listens()

    alone = await _imported(admin, _TEXT, _AGAIN)
    heard = await _imported(with_plugins(listens=listens), _TEXT, _AGAIN)

    assert alone == heard
    assert [(3, 0), (1, 1)] == [(each.created, each.updated) for each in alone[0]]
    # Three new rows, one without a name, which is refused; then a new one, and Anna's new name.
    assert ["Anna", "Cäsar", "", "Emil"] == listens.before[:4]
    assert {"Anna", "Cäsar", "Emil", "Frieda", "Anne"} == {name for name, _ in listens.after}
    assert {3} == {left for name, left in listens.after if name != "Anne"}


async def test_a_trial_shows_a_plugin_all_of_a_record(admin: Context, with_plugins: With) -> None:
    listens = _Listens()
    ctx = with_plugins(listens=listens)
    before = await _tables(admin)

    report = await dry_run(ctx, ctx.site.entity("crm.lead"), _file(_TEXT), _WANTED)

    assert [("Anna", 3), ("Cäsar", 3), ("Emil", 3)] == listens.after
    assert 3 == report.created
    assert before == await _tables(admin)


async def test_a_trial_refuses_what_the_import_would(admin: Context) -> None:
    plan = admin.site.entity("crm.lead")
    trial = await dry_run(admin, plan, _file(_TEXT), _WANTED)
    report = await run_import(admin, plan, _file(_TEXT), _WANTED)

    assert 3 == len(trial.refused)
    assert (report.created, report.refused) == (trial.created, trial.refused)
    assert (report.columns, report.preview) == (trial.columns, trial.preview)


async def test_a_trial_finds_a_number_that_lies_in_the_trash(admin: Context) -> None:
    plan = admin.site.entity("crm.lead")
    await run_import(admin, plan, _file(_TEXT), _WANTED)
    anna = await admin.db.value("SELECT id FROM crm_lead WHERE name = 'Anna'")
    await trash_record(admin, plan, anna)

    for bring in (dry_run, run_import):
        with pytest.raises(asyncpg.UniqueViolationError):
            async with admin.db.transaction():
                await bring(admin, plan, _file(_TEXT), _WANTED)


async def test_a_trial_finds_a_text_too_long_to_search(admin: Context) -> None:
    plan = admin.site.entity("crm.opportunity")
    words = "\n".join(f"щ{number:x}" * 8 for number in range(24_000))
    file = _file(f'name,notes\nA,"{words}"\n')
    wanted = ImportPlan({"name": "name", "notes": "notes"})

    for bring in (dry_run, run_import):
        with pytest.raises(asyncpg.PostgresError, match="too long"):
            async with admin.db.transaction():
                await bring(admin, plan, file, wanted)


async def test_the_number_of_statements_does_not_grow_with_new_rows(
    admin: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = admin.site.entity("crm.lead")
    wanted = ImportPlan({"name": "name", "email": "email"}, key="email")
    calls: list[str] = []
    call, copy = Database._call, Database.copy_rows

    async def counting(
        self: Database, method: str, sql: str, *rest: object, **more: object
    ) -> object:
        calls.append(sql)
        return await call(self, method, sql, *rest, **more)  # type: ignore[arg-type]

    async def copying(self: Database, table: str, *rest: object) -> None:
        calls.append(table)
        await copy(self, table, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Database, "_call", counting)
    monkeypatch.setattr(Database, "copy_rows", copying)
    numbers = []
    for rows in (2, 60):
        calls.clear()
        lines = [f"L{rows} {row},l{row}@{rows}.kan.example" for row in range(rows)]
        await run_import(admin, plan, _file("\n".join(["name,email", *lines])), wanted)
        numbers.append(len(calls))
    assert numbers[0] == numbers[1] <= 15


class _Gate(Plugin):
    def __init__(self) -> None:
        self.after: list[tuple[int, str]] = []

    async def before_transition(self, event: TransitionEvent) -> None:
        if event.new == "qualified":
            raise Veto("First call.")

    async def after_transition(self, event: TransitionEvent) -> None:
        self.after.append((event.record_id, event.new))


async def test_an_import_walks_around_no_gate(admin: Context, with_plugins: With) -> None:
    gate = _Gate()
    ctx = with_plugins(admin, gate=gate)
    plan = ctx.site.entity("crm.lead")
    file = read_csv(b"name,state\nNina,working\nOlga,qualified\nAda,new\n")
    report = await run_import(ctx, plan, file, ImportPlan({"name": "name", "state": "state"}))
    assert [(3, "First call.")] == [(each.line, each.reason) for each in report.refused]
    found = await ctx.db.value("SELECT id FROM crm_lead WHERE state = 'working'")
    assert [(found, "working")] == gate.after
