"""A won opportunity becomes an order: offered to its owner, or made as a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import N_
from crmkit_orders.reading import read_row
from crmkit_orders.selling import make_order
from crmkit_orders.settings import Settings

if TYPE_CHECKING:
    from crmkit import Event

WON = "crm.opportunity.won"


async def follow_won(event: Event) -> None:
    """Offer a draft order of a won opportunity, or make it; once, and none where there is one."""
    ctx, deal = event.ctx, event.record_id
    wish = ctx.settings(Settings).when_won
    if event.name != WON or not deal or wish == "off":
        return
    row = await read_row(
        ctx,
        "SELECT p.name, p.owner, p.stage, EXISTS (SELECT FROM orders_order o WHERE "
        "o.opportunity = p.id AND o.state <> 'cancelled' AND o.trashed_at IS NULL) AS has_order "
        "FROM crm_opportunity p WHERE p.id = $1 AND p.trashed_at IS NULL",
        deal,
    )
    if row is None or row["has_order"] or row["stage"] != "won":
        return
    text, target, record = N_("{deal} is won. Make an order of it."), "crm.opportunity", deal
    if wish == "make":
        text, target = N_("{deal} is won; a draft of its order was made."), "orders.order"
        record = int((await make_order(ctx, deal, None)).rpartition("/")[2])
    if row["owner"]:
        await ctx.notify(
            [row["owner"]], "orders.won", text, values={"deal": row["name"]}, entity=target,
            record_id=record, key=f"won:{deal}:{wish}",
        )  # fmt: skip
