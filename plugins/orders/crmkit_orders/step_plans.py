"""The steps that orders of a company have: who does them, by when, and what ends them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from crmkit import N_, Veto, add_business_time, speaking
from crmkit_orders.reading import read_row, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from crmkit import Context, LifeEvent, SaveEvent

_PLAN = "orders.step_plan"
_MOST_HOURS = 10_000
#: Who of a team holds fewest steps, is here today, and may sign in.
_FEWEST = """
SELECT u.id FROM core_user u WHERE u.team = $1 AND u.active AND u.trashed_at IS NULL
ORDER BY EXISTS (SELECT FROM core_absence a WHERE a.absentee = u.id AND a.trashed_at IS NULL
        AND a.hours = '' AND a.first_day <= $2 AND coalesce(a.last_day, a.first_day) >= $2),
    (SELECT count(*) FROM orders_step s WHERE s.holder = u.id AND s.state = 'active'
        AND s.trashed_at IS NULL), u.id LIMIT 1
"""
#: English name to what a person reads; the first ones are made by the migration.
SEEDED = (N_("Check"), N_("Prepare"), N_("Deliver"), N_("Invoice"))


async def planned_steps(ctx: Context) -> Sequence[Mapping[str, Any]]:
    """Answer the steps an order has that is confirmed now, in their order.

    Raises:
        Veto: The company has none.
    """
    rows = await read_rows(
        ctx,
        "SELECT * FROM orders_step_plan WHERE is_active AND trashed_at IS NULL "
        "ORDER BY position NULLS LAST, id",
    )
    if not rows:
        raise Veto(ctx.translate(N_("Orders have no steps here. Add one to the step plan.")))
    return rows


async def holder_of(
    ctx: Context, plan: Mapping[str, Any] | None, order: Mapping[str, Any], before: int | None
) -> int | None:
    """Answer who holds a step that begins: whom the plan names, else the owner of the order.

    Args:
        plan: None of a step whose plan is gone.
        before: Who held the step before.
    """
    kind = plan["responsible"] if plan is not None else "before"
    named: int | None = None
    if plan is not None and kind == "person":
        named = await ctx.db.value(
            "SELECT id FROM core_user WHERE id = $1 AND active AND trashed_at IS NULL",
            plan["person"],
        )
    elif plan is not None and kind == "team" and plan["of_team"] is not None:
        today = ctx.now().astimezone(ctx.config.zone).date()
        named = await ctx.db.value(_FEWEST, plan["of_team"], today) or await ctx.db.value(
            "SELECT manager FROM core_team WHERE id = $1", plan["of_team"]
        )
    elif kind == "before":
        named = before
    found: int | None = named or order["owner"] or before
    return found


async def due_of(
    ctx: Context, plan: Mapping[str, Any] | None, step: Mapping[str, Any],
    order: Mapping[str, Any],
) -> datetime | None:  # fmt: skip
    """Answer by when a step that begins is done: its hours of the plan, else the promise.

    Invoicing has no due time but that of its plan: the promise is about the goods.
    """
    if plan is not None and plan["hours"]:
        team = order["team"] if "team_id" not in order else order["team_id"]
        calendar = await ctx.calendar(team=team)
        return add_business_time(ctx.now(), timedelta(hours=plan["hours"]), calendar)
    return order["promised_at"] if step["ends_with"] != "invoiced" else None


async def check_plan_of_steps(event: SaveEvent) -> None:
    """Refuse a step of the plan that nobody could do.

    Raises:
        Veto: The named person or team is missing, or a number does not fit.
    """
    if event.entity.name != _PLAN:
        return
    ctx, whole = event.ctx, {**event.before, **event.values}
    needed = ctx.translate(N_("is needed; fill it in"))
    wrong = {}
    if whole.get("responsible") == "person" and not whole.get("person"):
        wrong["person"] = needed
    if whole.get("responsible") == "team" and not whole.get("of_team"):
        wrong["of_team"] = needed
    text = ctx.translate(N_("is not from 0 to {most}")).format(most=_MOST_HOURS)
    for name in ("hours", "minutes"):
        if not 0 <= (whole.get(name) or 0) <= _MOST_HOURS:
            wrong[name] = text
    if wrong:
        raise Veto(ctx.translate(N_("The step was not saved.")), **wrong)
    if whole.get("position") is None:
        row = await read_row(ctx, "SELECT max(position) AS last FROM orders_step_plan")
        event.values["position"] = ((row and row["last"]) or 0) + 1


async def name_seeded(event: LifeEvent) -> None:
    """Call the steps that come with the plugin as the site speaks; a company renames them.

    Who switches the plugin on may read another language, and has its texts only afterwards.
    """
    rows = await read_rows(event.ctx, "SELECT id, name FROM orders_step_plan")
    with speaking(event.ctx, event.ctx.config.language) as ctx:
        for row in rows:
            name = ctx.translate(row["name"]) if row["name"] in SEEDED else row["name"]
            if name != row["name"]:
                await ctx.save(_PLAN, row["id"], name=name)
