"""The links that clients were given, for who works on the quote or the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import N_, Action, Extension, Panel, _
from crmkit_orders.asking import Question
from crmkit_orders.mailing import quote_link, send_status, status_link

if TYPE_CHECKING:
    from crmkit import Context


async def quote_link_panel(ctx: Context, quote_id: int) -> object:
    """Answer the address at which the client reads and accepts a quote that was sent."""
    question = Question(ctx)
    rows = await question.rows(
        "SELECT 1 FROM orders_quote t "  # noqa: S608 - a predicate
        f"WHERE t.id = {question.add(quote_id)}::bigint AND t.state IN ('sent', 'accepted') "
        f"AND {question.may('orders.quote', verb='edit')}"
    )
    if not rows:
        return ""
    note = _("Whoever has it can read and accept the quote.")
    return ctx.render("orders/link.html", url=quote_link(ctx, quote_id), note=note)


async def order_link_panel(ctx: Context, order_id: int) -> object:
    """Answer the address at which the client sees where an order stands."""
    question = Question(ctx)
    rows = await question.rows(
        "SELECT t.link FROM orders_order t "  # noqa: S608 - a predicate
        f"WHERE t.id = {question.add(order_id)}::bigint AND t.state <> 'draft' "
        f"AND {question.may('orders.order', verb='edit')}"
    )
    if not rows:
        return ""
    note = _("Whoever has it can see where the order stands.")
    url = status_link(ctx, order_id, rows[0]["link"] or 1)
    return ctx.render("orders/link.html", url=url, note=note)


async def send_status_link(
    ctx: Context, order_id: int, _data: None, _version: int | None = None
) -> None:
    """Send the client the link to the status page of an order."""
    await send_status(ctx, await ctx.get("orders.order", order_id, "edit"))


LINKS = (
    Extension(
        "orders.quote",
        panels=[
            Panel(
                "link", N_("Client's link"), quote_link_panel, order=40, permission="edit",
                hide_if_empty=True,
            )
        ],
    ),
    Extension(
        "orders.order",
        panels=[
            Panel(
                "link", N_("Client's link"), order_link_panel, order=40, permission="edit",
                hide_if_empty=True,
            )
        ],
        actions=[
            Action(
                "send-status", N_("Send status link"), send_status_link, icon="send", quiet=True,
                states=("confirmed", "in_progress", "fulfilled", "closed"), undoable=False,
                done=N_("Status link sent"),
            )
        ],
    ),
)  # fmt: skip
