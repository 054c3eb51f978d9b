"""`crmkit approvals`: what waits for a second person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.records.approvals import STATES, list_all

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.records.approvals import Approval


@_commands.group()
def approvals() -> None:
    """See what people asked a second person to do."""


@approvals.command("list")
@_SITE
@AS_JSON
@click.option(
    "--state", type=click.Choice(STATES), default="waiting", show_default=True,
    help="What became of them.",
)  # fmt: skip
def list_(site: Path, state: str, *, as_json: bool) -> None:
    """List questions of a state, the oldest first; 1000 at most."""

    async def work() -> None:
        async with open_site(site) as opened:
            rows = await list_all(opened.context(), state)
        print_rows([_row(each) for each in rows], as_json=as_json)

    _run(work())


def _row(approval: Approval) -> dict[str, object]:
    move = " ".join(str(value) for value in approval.input.values())
    return {
        "id": approval.id, "record": f"{approval.entity} {approval.record}",
        "what": approval.action or f"to {move}", "state": approval.state,
        "asked_by": approval.asker, "asked_at": approval.asked_at.isoformat(),
        "decided_by": approval.decider or "", "reason": approval.reason, "note": approval.note,
    }  # fmt: skip
