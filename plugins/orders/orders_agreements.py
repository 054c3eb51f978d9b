"""Blanket orders as tests read them, and what is called off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit.records.actions import run_action

if TYPE_CHECKING:
    from crmkit.model.context import Context

AGREEMENT, AGREED = "orders.agreement", "orders.agreement_line"


def today_of(ctx: Context) -> date:
    """Answer the day it is where the site is."""
    return ctx.now().astimezone(ctx.config.zone).date()


def at_noon(ctx: Context, day: date) -> Context:
    """Answer a context whose clock stands at noon of a day."""
    moment = datetime.combine(day, time(12), ctx.config.zone)
    return replace(ctx, clock=lambda: moment)


async def agreed_lines(ctx: Context, agreement: int) -> list[Any]:
    """Answer the lines of a blanket order in their order."""
    return await ctx.db.rows(
        "SELECT * FROM orders_agreement_line WHERE agreement = $1 ORDER BY position", agreement
    )


async def call_off(
    ctx: Context, agreement: int, kits: str, work: str = "", version: int | None = None
) -> int:
    """Call off kits and work; answer the order."""
    kit, hours = await agreed_lines(ctx, agreement)
    raw = {"quantities": {str(kit["id"]): kits, str(hours["id"]): work}}
    plan = ctx.site.entity(AGREEMENT)
    result = await run_action(ctx, plan, "call-off", agreement, raw, version)
    return int(result.url.rpartition("/")[2])


async def counts_of(ctx: Context, agreement: int) -> tuple[Decimal, Decimal]:
    """Answer how many kits were called off, and how many are left."""
    kit = (await agreed_lines(ctx, agreement))[0]
    return kit["called"] or Decimal(0), kit["remaining"]


async def owners_told(ctx: Context) -> list[str]:
    """Answer what owners were told of blanket orders, the first one first."""
    rows = await ctx.db.rows(
        "SELECT text FROM core_notification WHERE kind = 'orders.agreement' ORDER BY id"
    )
    return [row["text"] for row in rows]
