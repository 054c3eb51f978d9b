"""Figures of the home page: loose ends, funnel, pipeline and leaders; four statements."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, FunnelStep, LooseEnd, _, format_money, format_number
from crmkit.crm.entities import LEAD_STATES, STAGES
from crmkit.crm.reading import Question, list_url

if TYPE_CHECKING:
    import asyncpg

    from crmkit import PageEvent

_OPEN_STAGES = tuple(state.name for state in STAGES.states if state.kind == "open")
_OPEN_LEADS = tuple(state.name for state in LEAD_STATES.states if state.kind == "open")
_End = tuple[str, str, str, dict[str, str]]
_NO_STEP = (
    "NOT EXISTS (SELECT 1 FROM crm_activity a WHERE a.{column} = t.id AND a.done_at IS NULL "
    "AND a.due_at IS NOT NULL AND a.trashed_at IS NULL)"
)
_LEFT = "EXISTS (SELECT 1 FROM core_user u WHERE u.id = t.owner AND NOT u.active)"
#: (label, condition, filter of the list, what else its address says).
_OPPORTUNITY_ENDS: tuple[_End, ...] = (
    (N_("Opportunities without a company"), "t.company IS NULL", "company:empty:", {}),
    (N_("Opportunities not engaged yet"), "t.engage_date IS NULL", "engage_date:empty:", {}),
    (N_("Opportunities without an amount"), "t.amount IS NULL", "amount:empty:", {}),
    (N_("Opportunities without an owner"), "t.owner IS NULL", "owner:empty:", {}),
    (N_("Opportunities whose owner has left"), _LEFT, "", {"group": "owner"}),
    (
        N_("Opportunities without a next step"),
        _NO_STEP.format(column="opportunity"),
        "next_step:empty:",
        {},
    ),
)
_LEAD_ENDS: tuple[_End, ...] = (
    (N_("Leads without an owner"), "t.owner IS NULL", "owner:empty:", {}),
    (N_("Leads whose owner has left"), _LEFT, "", {"group": "owner"}),
    (
        N_("Leads without a next step"),
        _NO_STEP.format(column="lead"),
        "next_step:empty:",
        {},
    ),
)


async def home_figures(event: PageEvent) -> dict[str, Any]:
    """Answer what the side of the home page shows."""
    ends = [
        *await _loose_ends(event, "crm.opportunity", "stage", _OPEN_STAGES, _OPPORTUNITY_ENDS),
        *await _loose_ends(event, "crm.lead", "state", _OPEN_LEADS, _LEAD_ENDS),
    ]
    return {
        "loose_ends": tuple(ends),
        **await _pipeline(event),
        **await _leaders(event),
    }


async def _loose_ends(
    event: PageEvent,
    entity: str,
    column: str,
    states: tuple[str, ...],
    ends: tuple[_End, ...],
) -> list[LooseEnd]:
    question = Question(event)
    counts = ", ".join(
        f"count(*) FILTER (WHERE {condition}) AS c{index}"
        for index, (_label, condition, _filter, _more) in enumerate(ends)
    )
    row = await event.ctx.db.row(
        f'SELECT {counts} FROM "{event.ctx.site.entity(entity).tablename}" t '  # noqa: S608
        f"WHERE t.{column} = ANY({question.add(list(states))}::text[]) "
        f"AND {question.may_read(entity, 't')} AND {question.chosen('t')}",
        *question.args,
    )
    is_open = f"{column}:in:{','.join(states)}"
    return [
        LooseEnd(
            label=_(label),
            count=format_number(event.ctx, row[f"c{index}"]),
            url=list_url(event, entity, *filter(None, (is_open, narrowed)), **more),
        )
        for index, (label, _condition, narrowed, more) in enumerate(ends)
        if row is not None and row[f"c{index}"]
    ]


async def _pipeline(event: PageEvent) -> dict[str, Any]:
    ctx = event.ctx
    question = Question(event)
    # Sums of different currencies mean nothing: only the site's own is added up.
    money = f"t.currency IN ('', {question.add(ctx.config.currency)})"
    rows = await ctx.db.rows(
        "SELECT t.stage, count(*) AS many, "  # noqa: S608 - names of our own
        f"coalesce(sum(t.amount) FILTER (WHERE {money}), 0) AS total, "
        f"coalesce(sum(t.amount * t.probability / 100) FILTER (WHERE {money}), 0) AS likely "
        f"FROM crm_opportunity t WHERE {question.may_read('crm.opportunity', 't')} "
        f"AND {question.chosen('t')} GROUP BY t.stage",
        *question.args,
    )
    by_stage = {row["stage"]: row for row in rows}
    if not by_stage:
        return {}
    most = max(row["many"] for row in rows)
    found = [by_stage[name] for name in _OPEN_STAGES if name in by_stage]
    return {
        "pipeline_title": _("Pipeline"),
        "pipeline_url": "/crm.opportunity/board",
        "figures": (
            (format_number(ctx, sum(row["many"] for row in found)), _("in progress")),
            (_money(event, sum((row["total"] for row in found), Decimal(0))), _("in the pipeline")),
            (_money(event, sum((row["likely"] for row in found), Decimal(0))), _("likely")),
        ),
        "funnel": tuple(
            _step(event, index, state.name, state.label, by_stage.get(state.name), most)
            for index, state in enumerate(STAGES.states, 1)
        ),
    }


def _step(
    event: PageEvent, seq: int, stage: str, label: str, row: asyncpg.Record | None, most: int
) -> FunnelStep:
    many = row["many"] if row is not None else 0
    return FunnelStep(
        label=_(label),
        count=format_number(event.ctx, many),
        sum=_money(event, row["total"] if row is not None else Decimal(0)),
        share=100 * many / most,
        seq=seq,
        url=list_url(event, "crm.opportunity", f"stage:is:{stage}"),
    )


async def _leaders(event: PageEvent) -> dict[str, Any]:
    """Best clients of one's own, else the best sellers."""
    ctx = event.ctx
    question = Question(event)
    mine = event.scope == "mine"
    currency = question.add(ctx.config.currency)
    join = "JOIN core_user n ON n.id = t.owner"
    if mine:
        join = f"JOIN crm_company n ON n.id = t.company AND {question.may_read('crm.company', 'n')}"
    rows = await ctx.db.rows(
        f"SELECT n.name, sum(t.amount) AS total FROM crm_opportunity t {join} "  # noqa: S608
        f"WHERE t.stage = 'won' AND t.amount > 0 AND t.currency IN ('', {currency}) "
        f"AND {question.may_read('crm.opportunity', 't')} AND {question.chosen('t')} "
        "GROUP BY n.id, n.name ORDER BY total DESC, n.id LIMIT 5",
        *question.args,
    )
    if not rows:
        return {}
    best = rows[0]["total"]
    return {
        "leaders_title": _("Best clients") if mine else _("Best sellers"),
        "leaders": tuple(
            (row["name"], _money(event, row["total"]), float(100 * row["total"] / best))
            for row in rows
        ),
    }


def _money(event: PageEvent, amount: Decimal) -> str:
    return format_money(event.ctx, amount.quantize(Decimal(1)), event.ctx.config.currency)
