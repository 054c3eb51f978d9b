"""`crmkit deadlines`: what is due, what was missed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.work.deadline_history import list_open

if TYPE_CHECKING:
    from pathlib import Path


@_commands.command()
@_SITE
@AS_JSON
@click.option("--missed", is_flag=True, help="Only those that have passed and were not met.")
def deadlines(site: Path, *, as_json: bool, missed: bool) -> None:
    """List deadlines that run, by their moment, 1000 at most."""

    async def work() -> None:
        async with open_site(site) as opened:
            rows = await list_open(opened.context(), is_missed=missed)
        print_rows(
            [
                {
                    "id": row.id, "kind": row.kind, "record": f"{row.entity} {row.record}",
                    "state": row.state, "due": row.due_at.isoformat(),
                    "next": row.next_at.isoformat() if row.next_at else "",
                    "responsible": row.responsible or "",
                }
                for row in rows
            ],
            as_json=as_json,
        )  # fmt: skip

    _run(work())
