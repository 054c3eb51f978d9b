"""`crmkit import` and `crmkit export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import Opened, open_site
from crmkit.errors import InvalidError
from crmkit.records.exports import export_csv
from crmkit.records.import_plan import ImportPlan, ImportReport, suggest_mapping
from crmkit.records.imports import dry_run, run_import
from crmkit.records.query import ListQuery
from crmkit.records.recipe import define_fields, open_file, read_recipe

if TYPE_CHECKING:
    from crmkit.plugin.plan import EntityPlan

_MOST_SHOWN = 20


@_commands.command("import")
@_SITE
@click.argument("what")
@click.argument("file", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--recipe", type=click.Path(exists=True, path_type=Path), help="Several imports.")
@click.option("--map", "pairs", multiple=True, help="column=field; default by the headings.")
@click.option("--key", default="", help="Field that tells whether a row is known.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(  # noqa: PLR0913 - one argument for each option
    site: Path,
    what: str,
    file: Path | None,
    recipe: Path | None,
    pairs: tuple[str, ...],
    key: str,
    *,
    dry: bool,
    as_json: bool,
) -> None:
    """Import FILE into the entity WHAT, or with --recipe the files of the folder WHAT."""

    async def work() -> None:
        async with open_site(site) as opened:
            if recipe is not None:
                await _run_recipe(opened, recipe, Path(what), as_json=as_json)
                return
            if file is None:
                raise InvalidError("Name the entity and the file: crmkit import crm.company a.csv")
            plan = opened.site.entity(what)
            csv_file = open_file(file.parent, file.name)
            mapping = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            mapping = mapping or suggest_mapping(plan, csv_file.columns)
            wanted = ImportPlan(map=mapping, key=key)
            run = dry_run if dry else run_import
            _show(plan, await run(opened.context(), plan, csv_file, wanted), as_json=as_json)

    _run(work())


async def _run_recipe(opened: Opened, path: Path, folder: Path, *, as_json: bool) -> None:
    recipe = read_recipe(path)
    if await define_fields(opened.context(), recipe, folder):
        await opened.rebuild()
    for step in recipe.imports:
        plan = opened.site.entity(step.entity)
        file = open_file(folder, step.file)
        _show(plan, await run_import(opened.context(), plan, file, step.plan), as_json=as_json)


def _show(plan: EntityPlan, report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"entity": plan.name, **msgspec.to_builtins(report)}))
        return
    click.echo(
        f"{plan.label}: {report.created:,} created, {report.updated:,} updated, "
        f"{report.unchanged:,} unchanged, {len(report.refused):,} refused"
    )
    for each in report.refused[:_MOST_SHOWN]:
        value = f" {each.value!r}" if each.value else ""
        click.echo(f"  line {each.line}: {each.column}{value} {each.reason}", err=True)


@_commands.command()
@_SITE
@click.argument("entity")
@click.option("--machine", is_flag=True, help="Field names and stored values, byte for byte.")
def export(site: Path, entity: str, *, machine: bool) -> None:
    """Write all records of ENTITY as CSV to standard output."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            plan = opened.site.entity(entity)
            async for part in export_csv(ctx, plan, ListQuery(), machine=machine):
                sys.stdout.buffer.write(part)
            sys.stdout.buffer.flush()

    _run(work())
