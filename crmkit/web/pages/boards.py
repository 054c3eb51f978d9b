"""The board of an entity with stages."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath

from crmkit.errors import NotFoundError
from crmkit.model.context import Context
from crmkit.plugin.plan import EntityPlan
from crmkit.records.filters import Filter
from crmkit.records.query import Count, Listing, ListQuery, group_records, list_records
from crmkit.records.save import save_record
from crmkit.web.fields import show_text
from crmkit.web.format import format_money, format_number
from crmkit.web.list_url import ListState, parse_state
from crmkit.web.list_view import list_page
from crmkit.web.pages.lists import chip_titles
from crmkit.web.render import answer, go
from crmkit.web.services import AnyRequest, context_of
from crmkit.web.shell import avatar_of
from crmkit.web.translate import _
from crmkit.web.views import BoardColumn, BoardPage, Card, Flash, Option

_CARDS = 30
_LAST_SEQ = 5


def _card(
    ctx: Context, plan: EntityPlan, row: Mapping[str, Any], moves: tuple[Option, ...]
) -> Card:
    title = str(row[plan.title] or _("Without a name"))
    other = next(
        (
            plan.fields[name]
            for name in plan.list
            if plan.fields[name].reference and name not in {"owner", "team"}
        ),
        None,
    )
    money = next((plan.fields[name] for name in plan.sums), None)
    owner = str(row["owner__title"] or "") if "owner" in plan.fields else ""
    url = f"/{plan.name}/{row['id']}"
    return Card(
        id=str(row["id"]),
        url=url,
        version=str(row["version"]),
        title=title,
        subtitle=show_text(ctx, other, row) if other else "",
        value=show_text(ctx, money, row) or None if money else None,
        avatar=avatar_of(title, square=True),
        owner=avatar_of(owner) if owner else None,
        owner_name=owner,
        move_url=f"/{plan.name}/{row['id']}/board-move",
        moves=moves,
    )


async def _board(ctx: Context, plan: EntityPlan, state: ListState) -> BoardPage:
    lifecycle = plan.lifecycle
    if not plan.board or lifecycle is None:
        raise NotFoundError(_("This has no board. Open its list."))
    money = next(iter(plan.sums), "")
    base = ListQuery(filters=state.filters, search=state.search)
    figures = {
        str(group.value): group
        for group in await group_records(ctx, plan, base, lifecycle.column, money)
    }
    columns = []
    names = tuple(dict.fromkeys((*plan.list, *plan.sums, "owner")))
    shown = tuple(name for name in names if name in plan.fields)
    opened = Decimal(0)
    for index, stage in enumerate(lifecycle.states):
        group = figures.get(stage.name)
        total = group.total if group and group.total else Decimal(0)
        count = group.count if group else 0
        rows: list[Any] = []
        if count:
            only = Filter(lifecycle.column, "is", stage.name)
            query = ListQuery(
                columns=shown, filters=(*state.filters, only), search=state.search, limit=_CARDS
            )
            rows = (await list_records(ctx, plan, query)).rows
        if stage.kind == "open":
            opened += total
        moves = tuple(
            Option(value=other.name, label=_(other.label))
            for other in lifecycle.states
            if other.name != stage.name and lifecycle.can_move(stage.name, other.name)
        )
        weighted = total * stage.probability / 100
        rest = state.url(path=f"/{plan.name}", filters=(*state.filters,
                         Filter(lifecycle.column, "is", stage.name)))  # fmt: skip
        is_open = stage.kind == "open"
        columns.append(
            BoardColumn(
                stage=stage.name,
                label=_(stage.label),
                count=format_number(ctx, count),
                sum=format_money(ctx, total, ctx.config.currency) if money else "",
                probability=f"{stage.probability} %" if is_open and stage.probability else None,
                weighted=format_money(ctx, weighted.quantize(Decimal(1)), ctx.config.currency)
                if money and is_open and weighted
                else None,
                seq=_LAST_SEQ if stage.kind == "won" else min(index + 1, _LAST_SEQ - 1),
                cards=tuple(_card(ctx, plan, row, moves) for row in rows),
                more_url=rest if count > _CARDS else None,
                more_label=_("All %(n)s") % {"n": format_number(ctx, count)}
                if count > _CARDS
                else None,
            )
        )
    number = sum(group.count for group in figures.values())
    titles = await chip_titles(ctx, plan, state)
    listed = list_page(ctx, plan, state, Listing([]), Count(number, capped=False), titles)
    totals = _("%(sum)s open") % {"sum": format_money(ctx, opened, ctx.config.currency)}
    return BoardPage(
        entity=listed.entity,
        columns=tuple(columns),
        list_page=listed,
        totals=totals if money else "",
    )


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
    version = str(form.get("version", ""))
    await save_record(
        ctx,
        plan,
        record_id,
        {plan.board: str(form.get("to", ""))},
        int(version[:9]) if version.isdecimal() else None,
    )
    if request.headers.get("hx-request") != "true":
        return go(request, f"/{entity}/board", Flash(text=_("Moved")))
    page = await _board(ctx, plan, parse_state(f"/{entity}/board", ()))
    return answer(request, "board.html", title=page.entity.label, block="board", page=page)


HANDLERS = (board_show, card_move)
