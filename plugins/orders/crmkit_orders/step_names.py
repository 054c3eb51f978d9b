"""What steps are called where clients read of them: in their language, else as the company does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit_orders.reading import read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context


async def client_names(ctx: Context) -> dict[int, str]:
    """Answer what steps of the plan are called in the language of `ctx`, by their ids."""
    rows = await read_rows(
        ctx,
        "SELECT step, name FROM orders_step_name WHERE language = $1 AND trashed_at IS NULL",
        ctx.language,
    )
    return {row["step"]: row["name"] for row in rows}


def client_name(ctx: Context, names: Mapping[int, str], step: Mapping[str, Any]) -> str:
    """Answer what a step of an order is called for a client; what comes with us is translated.

    Args:
        names: Of `client_names`.
        step: With `plan` and `name`.
    """
    return names.get(step["plan"]) or ctx.translate(step["name"])


async def present_step(ctx: Context, order: int) -> str:
    """Answer what the active step of an order is called for its client, "" when none is."""
    rows = await read_rows(
        ctx,
        "SELECT plan, name FROM orders_step WHERE \"order\" = $1 AND state = 'active' "
        "AND trashed_at IS NULL",
        order,
    )
    return client_name(ctx, await client_names(ctx), rows[0]) if rows else ""
