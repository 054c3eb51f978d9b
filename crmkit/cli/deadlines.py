"""`crmkit deadlines`: what is due, what was missed, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.errors import NotFoundError
from crmkit.work.deadline_history import find_deadline, list_lines, list_open

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.work.deadline_history import StepLine
    from crmkit.work.deadline_rows import Deadline


@_commands.group()
def deadlines() -> None:
    """See what is due, what was missed, and why."""


@deadlines.command("list")
@_SITE
@AS_JSON
@click.option("--missed", is_flag=True, help="Only those that have passed and were not met.")
@click.option("--plugin", default="", help="Only those whose kind is of that plugin.")
@click.option("--kind", default="", help="Only those of a kind, such as crm.reminder.")
def list_(site: Path, plugin: str, kind: str, *, as_json: bool, missed: bool) -> None:
    """List deadlines that run, what was missed first, then by their moment; 1000 at most."""

    async def work() -> None:
        async with open_site(site) as opened:
            rows = await list_open(opened.context(), is_missed=missed, plugin=plugin, kind=kind)
        print_rows([_row(row) for row in rows], as_json=as_json)

    _run(work())


@deadlines.command()
@_SITE
@AS_JSON
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
def why(site: Path, number: int, *, as_json: bool) -> None:
    """Say what a deadline is counted from, what comes next, and what happened to it."""

    async def work() -> None:
        async with open_site(site) as opened:
            row = await find_deadline(opened.context(), number)
            if row is None:
                raise NotFoundError(f"There is no deadline {number}. See `crmkit deadlines list`.")
            lines = await list_lines(opened.context(), number)
        told = _told(row, lines)
        if as_json:
            click.echo(json.dumps(told))
            return
        steps, history = told.pop("steps"), told.pop("history")
        for name, value in told.items():
            click.echo(f"{name}: {value}")
        click.echo("\nWhat comes next:")
        print_rows(steps, as_json=False)
        click.echo("\nWhat happened, the last first:")
        print_rows(history, as_json=False)

    _run(work())


def _row(row: Deadline) -> dict[str, Any]:
    return {
        "id": row.id, "kind": row.kind, "record": f"{row.entity} {row.record}",
        "state": row.state, "due": row.due_at.isoformat(),
        "next": row.next_at.isoformat() if row.next_at else "",
        "responsible": row.responsible or "",
    }  # fmt: skip


def _told(row: Deadline, lines: list[StepLine]) -> dict[str, Any]:
    ahead = list(zip(row.steps, row.moments, strict=True))[row.place :] if row.is_running else []
    return {
        **_row(row),
        "set": row.set_at.isoformat(),
        "counted from": row.begun_at.isoformat() if row.begun_at else "",
        "length": str(row.length) if row.length is not None else "",
        "business time": row.is_business,
        "steps": [
            {"step": step["name"], "at": at.isoformat(), "to": step["to"]} for step, at in ahead
        ],
        "history": [
            {
                "at": line.at.isoformat(), "what": line.step or line.what,
                "people": " ".join(map(str, line.people)), "note": line.note, "why": line.why,
            }
            for line in lines
        ],
    }  # fmt: skip
