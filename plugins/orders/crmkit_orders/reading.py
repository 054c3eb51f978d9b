"""Rows of the plugin's own tables, with all their columns, hidden ones as well.

For rules, which hold whoever asks; what people see is read through the context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crmkit import Context

Row = dict[str, Any]


async def read_rows(ctx: Context, sql: str, *args: object) -> list[Row]:
    """Answer the rows of a statement."""
    return [dict(row) for row in await ctx.db.rows(sql, *args)]


async def read_row(ctx: Context, sql: str, *args: object) -> Row | None:
    """Answer the first row of a statement; None without one."""
    row = await ctx.db.row(sql, *args)
    return dict(row) if row is not None else None
