"""`crmkit worker` and `crmkit jobs`: work besides requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _fail, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.errors import CrmkitError
from crmkit.work.administration import STATES, JobRow, cancel, list_jobs, run_again

if TYPE_CHECKING:
    from pathlib import Path

_STATE = click.Choice((*STATES, "done"))


@_commands.command()
@_SITE
@click.option(
    "--slots", type=click.IntRange(1, 200), help="Jobs at the same time; default from crmkit.toml."
)
def worker(site: Path, slots: int | None) -> None:
    """Work jobs and serve no pages, until a signal ends it."""
    from crmkit.cli.working import work  # noqa: PLC0415 - the log of the web stack is heavy

    try:
        work(site, slots)
    except CrmkitError as error:
        _fail(error)


@_commands.group()
def jobs() -> None:
    """See work besides requests: what waits, what runs, what failed for good."""


@jobs.command("list")
@_SITE
@AS_JSON
@click.option("--state", type=_STATE, multiple=True, help="Only those; repeatable.")
def list_(site: Path, state: tuple[str, ...], *, as_json: bool) -> None:
    """List jobs, of each state 50 at most; those that are done only by --state done."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            rows = [row for each in state or STATES for row in (await list_jobs(ctx, each))[:50]]
        print_rows([_row(each) for each in rows], as_json=as_json)

    _run(work())


@jobs.command("run-again")
@_SITE
@click.argument("number", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="All that are dead.")
def run_again_(site: Path, number: int | None, *, everything: bool) -> None:
    """Run the dead job NUMBER again, or all of them."""
    if (number is None) is not everything:
        raise click.UsageError("Give the number of a job, or --all.")

    async def work() -> None:
        async with open_site(site) as opened:
            count = await run_again(opened.context(), number)
        click.echo(f"{count} to be run again.")

    _run(work())


@jobs.command("cancel")
@_SITE
@click.argument("number", type=int)
def cancel_(site: Path, number: int) -> None:
    """Remove the job NUMBER, which waits, is parked or dead."""

    async def work() -> None:
        async with open_site(site) as opened:
            await cancel(opened.context(), number)
        click.echo("Cancelled.")

    _run(work())


def _row(job: JobRow) -> dict[str, object]:
    return {
        "id": job.id,
        "state": job.state,
        "name": job.name,
        "plugin": job.plugin,
        "lane": job.lane or "",
        "run_at": job.run_at.isoformat(timespec="seconds"),
        "attempts": job.attempts,
        "error": job.error,
    }
