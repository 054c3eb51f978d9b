"""`crmkit import` and `crmkit export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import Opened, open_site
from crmkit.errors import InvalidError
from crmkit.model.values import N_, Sentence
from crmkit.records.exports import export_csv
from crmkit.records.import_plan import ImportPlan, ImportReport, unused_columns
from crmkit.records.import_suggest import suggest
from crmkit.records.imports import dry_run, run_import
from crmkit.records.query import ListQuery
from crmkit.records.recipe import define_fields, open_file, read_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.plugin.plan import EntityPlan

_MOST_SHOWN = 20


@_commands.command("import")
@_SITE
@click.argument("what")
@click.argument("file", type=click.Path(exists=True, path_type=Path), required=False)
@click.option("--recipe", type=click.Path(exists=True, path_type=Path), help="Several imports.")
@click.option(
    "--map", "pairs", multiple=True, help="column=field; default is what the page would offer."
)
@click.option(
    "--key", default="", help="Field that tells whether a row is known; default is found out."
)
@click.option("--external", default="", help="Column with the number another system gives a row.")
@click.option("--source", default="", help="Name of that system; default is the file's name.")
@click.option("--constant", "constants", multiple=True, help="field=value for every row.")
@click.option("--template", "templates", multiple=True, help="field=text with {column} in it.")
@click.option("--dates", default="", help="Order of dates: iso, mdy or dmy; default is found out.")
@click.option("--mode", default="both", help="both, create or update.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would happen.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(
    site: Path,
    what: str,
    file: Path | None,
    recipe: Path | None,
    *,
    dry: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - those of the plan
) -> None:
    """Import FILE into the entity WHAT, or with --recipe the files of the folder WHAT."""

    async def work() -> None:
        async with open_site(site) as opened:
            if recipe is not None:
                await _run_recipe(opened, recipe, Path(what), dry=dry, as_json=as_json)
                return
            if file is None:
                raise InvalidError("Name the entity and the file: crmkit import crm.company a.csv")
            plan = opened.site.entity(what)
            csv_file = open_file(file.parent, file.name)
            offered = await suggest(opened.context(), plan, csv_file)
            wanted = _wanted(offered.plan, file.stem, options)
            run = dry_run if dry else run_import
            report = await run(opened.context(), plan, csv_file, wanted)
            _show(plan, report, unused_columns(wanted, csv_file.columns), as_json=as_json)

    _run(work())


def read_pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """Answer `name=value` texts as a dict.

    Raises:
        InvalidError: One has no equals sign.
    """
    wrong = next((text for text in texts if "=" not in text), None)
    if wrong is not None:
        text = N_("{option} {wrong}: write it as name=value.")
        raise InvalidError(Sentence(text, option=option, wrong=wrong))
    return dict(text.split("=", 1) for text in texts)


def _wanted(offered: ImportPlan, name: str, options: dict[str, Any]) -> ImportPlan:
    """Answer the plan that was asked for; what was not asked is as the page would offer it."""
    pairs = read_pairs("--map", options["pairs"])
    raw: dict[str, Any] = {"map": pairs} if pairs else msgspec.structs.asdict(offered)
    if options["key"] or options["external"]:
        raw |= {"key": options["key"], "external": options["external"]}
    if options["templates"]:
        raw["templates"] = read_pairs("--template", options["templates"])
    raw |= {
        "constants": read_pairs("--constant", options["constants"]),
        "source": options["source"] or (name if raw.get("external") else "file"),
        "dates": options["dates"],
        "mode": options["mode"],
    }
    try:
        return msgspec.convert(raw, ImportPlan)
    except msgspec.ValidationError as error:
        raise InvalidError(f"{error}.") from error


class _TakenBackError(Exception):
    """Ends a transaction that was only tried."""


async def _run_recipe(
    opened: Opened, path: Path, folder: Path, *, dry: bool, as_json: bool
) -> None:
    """Run all steps in one transaction, so that a recipe is written whole or not at all."""
    recipe = read_recipe(path)
    try:
        async with opened.db.transaction():
            if await define_fields(opened.context(), recipe, folder):
                await opened.rebuild()
            for step in recipe.imports:
                plan = opened.site.entity(step.entity)
                file = open_file(folder, step.file)
                report = await run_import(opened.context(), plan, file, step.plan)
                _show(plan, report, as_json=as_json)
            if dry:
                raise _TakenBackError  # noqa: TRY301 - it is caught to roll back
    except _TakenBackError:
        click.echo("Nothing was written.", err=True)


def _show(
    plan: EntityPlan, report: ImportReport, unused: Sequence[str] = (), *, as_json: bool
) -> None:
    if as_json:
        told = {"entity": plan.name, **msgspec.to_builtins(report), "unused": list(unused)}
        click.echo(json.dumps(told))
        return
    click.echo(
        f"{plan.label}: {report.created:,} created, {report.updated:,} updated, "
        f"{report.unchanged:,} unchanged, {len(report.refused):,} refused"
    )
    for column in unused:
        click.echo(f"  {column}: no field has this name; name one: --map {column}=FIELD", err=True)
    for field, spellings in report.read_as.items():
        for text, meant in spellings.items():
            click.echo(f"  {field}: {text!r} was read as {meant!r}", err=True)
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
