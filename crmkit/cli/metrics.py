"""`crmkit metric`: see the numbers that plugins declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.records.metrics import find_metric, metric_values

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.records.metrics import Figure


@_commands.group()
def metric() -> None:
    """See the numbers that plugins declare."""


@metric.command("list")
@_SITE
@AS_JSON
def list_(site: Path, *, as_json: bool) -> None:
    """List metrics with their values."""

    async def work() -> None:
        async with open_site(site) as opened:
            figures = await metric_values(opened.context(), opened.site.metrics)
            labels = {name: each.metric.label for name, each in opened.site.metrics.items()}
        print_rows([_row(each, labels[name]) for name, each in figures.items()], as_json=as_json)

    _run(work())


@metric.command()
@_SITE
@AS_JSON
@click.argument("name")
def show(site: Path, name: str, *, as_json: bool) -> None:
    """Show the metric NAME, such as crm.pipeline."""

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            label = find_metric(ctx, name).metric.label
            figures = await metric_values(ctx, [name])
        print_rows([_row(figures[name], label)], as_json=as_json)

    _run(work())


def _row(figure: Figure, label: str) -> dict[str, object]:
    others = " ".join(f"{total} {name}" for name, total in figure.others.items())
    return {
        "name": figure.name,
        "label": label,
        "value": format(figure.value, "f"),
        "currency": figure.currency,
        "others": others,
        "count": figure.count,
    }
