"""What happens to blanket orders by itself: they end, and their owners hear of it in time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit import N_, format_full_date, format_money
from crmkit_orders.agreed import today_of
from crmkit_orders.agreements import AGREEMENT, LINE, end_agreements, left_text
from crmkit_orders.reading import read_rows
from crmkit_orders.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context, JobEvent

_KIND = "orders.agreement"
#: So many are told of by one run.
_MOST = 500
_ENDING = """
SELECT a.*, coalesce(c.name, '') AS client FROM orders_agreement a
LEFT JOIN crm_company c ON c.id = a.company
WHERE a.state = 'running' AND a.trashed_at IS NULL AND a.owner IS NOT NULL
AND a.valid_until BETWEEN $1 AND $2 AND a.told_until IS DISTINCT FROM a.valid_until
ORDER BY a.valid_until, a.id LIMIT $3 FOR NO KEY UPDATE OF a SKIP LOCKED
"""
_LITTLE = """
SELECT a.id, a.owner, a.number, coalesce(c.name, '') AS client, l.id AS line, l.text, l.quantity,
l.remaining FROM orders_agreement_line l JOIN orders_agreement a ON a.id = l.agreement
LEFT JOIN crm_company c ON c.id = a.company
WHERE a.state = 'running' AND a.trashed_at IS NULL AND a.owner IS NOT NULL
AND l.trashed_at IS NULL AND l.remaining <= l.quantity * $1 / 100
AND l.told_at IS DISTINCT FROM l.quantity ORDER BY l.id LIMIT $2
FOR NO KEY UPDATE OF l SKIP LOCKED
"""


async def watch_agreements(event: JobEvent) -> None:
    """Close what has ended, and tell owners of what ends soon and of what little is left."""
    await end_agreements(event.ctx)
    await warn_owners(event.ctx)


async def warn_owners(ctx: Context) -> None:
    """Tell the owners of agreements that end soon, or of which little is left, each once."""
    settings = ctx.settings(Settings)
    if settings.agreement_days:
        await _warn_of_end(ctx, settings.agreement_days)
    if settings.agreement_percent:
        await _warn_of_little(ctx, settings.agreement_percent)


async def _warn_of_end(ctx: Context, days: int) -> None:
    today = today_of(ctx)
    rows = await read_rows(ctx, _ENDING, today, today + timedelta(days=days), _MOST)
    for row in rows:
        currency = row["currency"] or ctx.config.currency
        await _tell(
            ctx, row, N_("{agreement} of {client} ends on {day}; {left} of it are left."),
            day=format_full_date(ctx, row["valid_until"]),
            left=format_money(ctx, row["net_left"] or Decimal(0), currency),
        )  # fmt: skip
        await ctx.derive(AGREEMENT, row["id"], told_until=row["valid_until"])


async def _warn_of_little(ctx: Context, percent: int) -> None:
    rows = await read_rows(ctx, _LITTLE, percent, _MOST)
    for row in rows:
        await _tell(
            ctx, row, N_("{agreement} of {client}: {left} of {line} are left."),
            line=str(row["text"]), left=left_text(ctx, row),
        )  # fmt: skip
        await ctx.derive(LINE, row["line"], told_at=row["quantity"])


async def _tell(ctx: Context, row: Mapping[str, Any], text: str, **values: str) -> None:
    named = {"agreement": str(row["number"]), "client": str(row["client"])}
    await ctx.notify(
        [row["owner"]], _KIND, text, values={**named, **values}, entity=AGREEMENT,
        record_id=row["id"],
    )  # fmt: skip
