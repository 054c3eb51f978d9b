"""The board of an entity with stages."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import NotFoundError, SecondPersonError
from crmkit.model.context import Context
from crmkit.model.lifecycle import State
from crmkit.plugin.plan import EntityPlan
from crmkit.records.approvals import ask_approval
from crmkit.records.filters import Filter
from crmkit.records.journal import one_operation
from crmkit.records.query import (
    Count,
    GroupRow,
    Listing,
    ListQuery,
    group_records,
    list_records,
)
from crmkit.records.save import save_record
from crmkit.records.steps import Step, next_steps
from crmkit.web.fields import show_text
from crmkit.web.format import format_money, format_month, format_number
from crmkit.web.list_filters import narrowing_of
from crmkit.web.list_url import ListState, parse_state
from crmkit.web.list_view import list_page
from crmkit.web.render import answer, came_from, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import avatar_of
from crmkit.web.steps import step_cell
from crmkit.web.translate import _
from crmkit.web.views import BoardColumn, BoardPage, Card, Flash, Option

_CARDS = 30
_LAST_SEQ = 5


def moved_flash(plan: EntityPlan, stage: str, operation: int | None) -> Flash:
    """Answer the message after a move, which offers to take it back."""
    state = plan.lifecycle.state(stage) if plan.lifecycle else None
    text = _("Moved to %(step)s") % {"step": _(state.label) if state else stage}
    return Flash(text=text, undo_url=f"/history/{operation}/undo" if operation else None)


def _card(
    ctx: Context,
    plan: EntityPlan,
    row: Mapping[str, Any],
    moves: tuple[Option, ...],
    step: Step | None,
) -> Card:
    """Answer a card: whom it is about first, then what it is."""
    title = str(row[plan.title] or _("Without a name"))
    about = next(
        (
            plan.fields[name]
            for name in plan.list
            if plan.fields[name].reference and name not in {"owner", "team"}
        ),
        None,
    )
    whom = show_text(ctx, about, row) if about else ""
    money = next((plan.fields[name] for name in plan.sums), None)
    owner = str(row["owner__title"] or "") if "owner" in plan.fields else ""
    url = f"/{plan.name}/{row['id']}"
    planned = step_cell(ctx, plan, str(row[plan.board]), step)
    return Card(
        id=str(row["id"]),
        url=url,
        version=str(row["version"]),
        title=whom or title,
        subtitle=title if whom else "",
        value=show_text(ctx, money, row) or None if money else None,
        avatar=avatar_of(whom or title, square=True),
        owner=avatar_of(owner) if owner else None,
        owner_name=owner,
        next_step=str(planned.html) or None,
        next_icon=planned.icon,
        next_tone=planned.tone,
        move_url=f"/{plan.name}/{row['id']}/board-move",
        moves=moves,
    )


async def _board(ctx: Context, plan: EntityPlan, state: ListState) -> BoardPage:
    lifecycle = plan.lifecycle
    if not plan.board or lifecycle is None:
        raise NotFoundError(_("This has no board. Open its list."))
    money = next(iter(plan.sums), "")
    figures = await _figures(ctx, plan, state, money)
    lists = {
        stage.name: await _rows(ctx, plan, state, stage)
        for stage in lifecycle.states
        if stage.name in figures
    }
    ids = [row["id"] for rows in lists.values() for row in rows]
    steps = await next_steps(ctx, plan, ids)
    columns = []
    for index, stage in enumerate(lifecycle.states):
        group = figures.get(stage.name)
        total = group.total if group and group.total else Decimal(0)
        count = group.count if group else 0
        moves = tuple(
            Option(value=other.name, label=_(other.label))
            for other in lifecycle.states
            if other.name != stage.name and lifecycle.can_move(stage.name, other.name)
        )
        weighted = (total * stage.probability / 100).quantize(Decimal(1))
        shows_month = _shows_month(plan, stage)
        everything = state.url(
            path=f"/{plan.name}",
            filters=(*state.filters, Filter(lifecycle.column, "is", stage.name)),
        )
        columns.append(
            BoardColumn(
                stage=stage.name,
                label=_(stage.label),
                count=format_number(ctx, count),
                sum=format_money(ctx, total, ctx.config.currency) if money else "",
                probability=f"{stage.probability} %" if money else "",
                weighted=format_money(ctx, weighted, ctx.config.currency)
                if stage.kind == "open" and weighted
                else None,
                note=format_month(ctx, ctx.now().astimezone(ctx.time_zone).date())
                if shows_month
                else None,
                seq=_LAST_SEQ if stage.kind == "won" else min(index + 1, _LAST_SEQ - 1),
                cards=tuple(
                    _card(ctx, plan, row, moves, steps.get(row["id"]))
                    for row in lists.get(stage.name, ())
                ),
                more_url=everything if count > _CARDS or shows_month else None,
                more_label=_("Show all in the list")
                if shows_month
                else _("All %(n)s") % {"n": format_number(ctx, count)},
            )
        )
    narrowing = await narrowing_of(ctx, plan, state)
    number = sum(group.count for group in figures.values())
    listed = list_page(ctx, plan, state, Listing([]), Count(number, capped=False), narrowing)
    return BoardPage(
        entity=listed.entity,
        columns=tuple(columns),
        list_page=msgspec.structs.replace(
            listed, columns_menu=(), group_choices=(), summary=_totals(ctx, plan, figures)
        ),
    )


def _shows_month(plan: EntityPlan, stage: State) -> bool:
    """Say whether a column shows this month only: final states fill up for ever."""
    return bool(plan.closed) and stage.kind != "open"


def _since(ctx: Context) -> str:
    """Answer the last day of the month before, in the reader's zone."""
    first = ctx.now().astimezone(ctx.time_zone).date().replace(day=1)
    return (first - timedelta(days=1)).isoformat()


async def _figures(
    ctx: Context, plan: EntityPlan, state: ListState, money: str
) -> dict[str, GroupRow]:
    """Answer count and sum of each stage; of final ones, those of this month."""
    if plan.lifecycle is None:
        return {}
    final = [stage.name for stage in plan.lifecycle.states if _shows_month(plan, stage)]
    opened = [stage.name for stage in plan.lifecycle.states if stage.name not in final]
    found = []
    for names, more in ((opened, ()), (final, (Filter(plan.closed, "over", _since(ctx)),))):
        if names:
            only = Filter(plan.board, "in", ",".join(names))
            base = ListQuery(filters=(*state.filters, only, *more), search=state.search)
            found += await group_records(ctx, plan, base, plan.board, money)
    return {str(group.value): group for group in found}


async def _rows(ctx: Context, plan: EntityPlan, state: ListState, stage: State) -> list[Any]:
    names = tuple(dict.fromkeys((*plan.list, *plan.sums, "owner")))
    filters = [*state.filters, Filter(plan.board, "is", stage.name)]
    if _shows_month(plan, stage):
        filters.append(Filter(plan.closed, "over", _since(ctx)))
    query = ListQuery(
        columns=tuple(name for name in names if name in plan.fields),
        filters=tuple(filters),
        sort=plan.order,
        descending=plan.is_newest_first,
        search=state.search,
        limit=_CARDS,
    )
    return (await list_records(ctx, plan, query)).rows


def _totals(ctx: Context, plan: EntityPlan, figures: Mapping[str, GroupRow]) -> str:
    """Answer what is open and, where states have chances, what of it is likely."""
    if plan.lifecycle is None or not plan.sums:
        return ""
    opened = likely = Decimal(0)
    for stage in plan.lifecycle.states:
        group = figures.get(stage.name)
        if stage.kind == "open" and group and group.total:
            opened += group.total
            likely += group.total * stage.probability / 100
    currency = ctx.config.currency
    total = format_money(ctx, opened, currency)
    if not any(stage.kind == "open" and stage.probability for stage in plan.lifecycle.states):
        return _("%(sum)s open") % {"sum": total}
    return _("%(sum)s open, %(likely)s weighted") % {
        "sum": total,
        "likely": format_money(ctx, likely.quantize(Decimal(1)), currency),
    }


async def ask_instead(ctx: Context, plan: EntityPlan, record_id: int, state: str) -> Flash:
    """Ask a second person for a move that the reader may not make himself, and say so."""
    column = plan.lifecycle.column if plan.lifecycle else ""
    await ask_approval(ctx, plan, record_id, values={column: state})
    return asked_flash()


def asked_flash() -> Flash:
    """Answer the message that a second person was asked."""
    return Flash(text=_("Another person has to approve this, and is asked now."))


@get("/{entity:str}/board", policy="entity.read")
async def board_show(request: AnyRequest, entity: FromPath[str]) -> Response[str]:
    """Show the board."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    state = parse_state(f"/{entity}/board", request.query_params.multi_items())
    page = await _board(ctx, plan, state)
    return answer(request, "board.html", title=page.entity.label, block="board", page=page)


@post("/{entity:str}/{record_id:int}/board-move", policy="entity.edit")
async def card_move(
    request: AnyRequest, entity: FromPath[str], record_id: FromPath[int]
) -> Response[Any]:
    """Move a card to another stage; the answer is the board as it now is."""
    ctx = context_of(request)
    plan: EntityPlan = ctx.site.entity(entity)
    form = await request.form()
    version, stage = str(form.get("version", "")), str(form.get("to", ""))
    try:
        async with one_operation(ctx, "update", plan.singular) as inner:
            await save_record(
                inner,
                plan,
                record_id,
                {plan.board: stage},
                int(version[:9]) if version.isdecimal() else None,
            )
        flash = moved_flash(plan, stage, inner.operation)
    except SecondPersonError:
        flash = await ask_instead(ctx, plan, record_id, stage)
    if request.headers.get("hx-request") != "true":
        return go(request, came_from(request, f"/{entity}/board"), flash)
    came = urlsplit(request.headers.get("hx-current-url", ""))
    state = parse_state(f"/{entity}/board", parse_qsl(came.query))
    page = await _board(ctx, plan, state)
    return answer(
        request, "board.html", title=page.entity.label, block="board", flashes=(flash,), page=page
    )


HANDLERS = (board_show, card_move)
