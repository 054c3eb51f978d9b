"""Figures of metrics as tiles, with the list behind each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from crmkit.records.filters import Filter
from crmkit.records.metrics import metric_values
from crmkit.web.format import format_money, format_number
from crmkit.web.translate import _, ngettext
from crmkit.web.views import Tile

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.records.metrics import Figure


async def tiles_of(ctx: Context, slot: str, scope: str = "all") -> tuple[Tile, ...]:
    """Answer the metrics of a slot; nothing when all of them are 0.

    Args:
        scope: mine, team or all; what a list cannot be narrowed to, several teams, is all.
    """
    widgets = sorted(
        (each for _plugin, each in ctx.site.contributions["widgets"] if each.slot == slot),
        key=lambda each: each.order,
    )
    # A metric whose entity is not loaded sleeps, and its widget with it.
    names = [each.metric for each in widgets if each.metric in ctx.site.metrics]
    figures = await metric_values(ctx, names, _scope(ctx, scope))
    if not any(figure.count for figure in figures.values()):
        return ()
    return tuple(_tile(ctx, figure) for figure in figures.values())


def _scope(ctx: Context, scope: str) -> tuple[Filter, ...]:
    if scope == "mine":
        return (Filter("owner", "me"),)
    teams = ctx.principal.teams
    if scope == "team" and len(teams) == 1:
        return (Filter("team", "is", str(teams[0])),)
    return ()


def figure_url(figure: Figure) -> str:
    """Answer the address of the list that shows exactly what a figure counts."""
    pairs = [("f", f"{each.field}:{each.op}:{each.value}") for each in figure.filters]
    return f"/{figure.entity}" + (f"?{urlencode(pairs)}" if pairs else "")


def figure_text(ctx: Context, figure: Figure) -> str:
    """Answer a figure as people read it; money without cents, as on the board."""
    if figure.currency:
        return format_money(ctx, figure.value.quantize(figure.value.__class__(1)), figure.currency)
    return format_number(ctx, figure.value)


def _tile(ctx: Context, figure: Figure) -> Tile:
    metric = ctx.site.metrics[figure.name].metric
    note = ""
    if metric.measure is not None:
        text = ngettext("%(n)s record", "%(n)s records", figure.count)
        note = text % {"n": format_number(ctx, figure.count)}
    parts = [note, *(format_money(ctx, total, name) for name, total in figure.others.items())]
    alarms = metric.better == "less" and figure.count > 0
    return Tile(
        label=_(metric.label),
        value=figure_text(ctx, figure),
        note=" + ".join(filter(None, parts)),
        url=figure_url(figure),
        tone="bad" if alarms else "",
        help=_(metric.help) if metric.help else "",
    )
