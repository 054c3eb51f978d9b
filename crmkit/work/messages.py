"""The messages of a record, as its timeline shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.messages import message_rule
from crmkit.model.messages import MESSAGE

if TYPE_CHECKING:
    from crmkit.model.context import Context

_MOST = 100
_COLUMNS = (
    "t.id, t.subject, t.sender, t.recipients, t.direction, t.state, t.private, t.body, t.quoted, "
    "t.at, t.error, t.owner, t.created_by, t.source_html <> '' AS has_html"
)


async def list_messages(ctx: Context, entity: str, record: int) -> list[dict[str, Any]]:
    """List the messages of a record that the reader may read, newest first; two statements.

    Of a message these are the ones of its conversation.
    """
    rule = message_rule(ctx, "t", 3, on_readable=entity != MESSAGE)
    where = (
        "coalesce(t.thread, t.id) = (SELECT coalesce(thread, id) FROM core_message WHERE id = $2) "
        "AND $1::text <> ''"
        if entity == MESSAGE
        else "EXISTS (SELECT FROM core_message_link l WHERE l.message = t.id AND l.entity = $1 "
        "AND l.record = $2)"
    )
    rows = await ctx.db.rows(
        f"SELECT {_COLUMNS} FROM core_message t WHERE {where} AND t.trashed_at IS NULL "  # noqa: S608
        f"AND ({rule.text}) ORDER BY t.at DESC, t.id DESC LIMIT {_MOST}",
        entity, record, *rule.args,
    )  # fmt: skip
    found = {row["id"]: {**dict(row), "files": []} for row in rows}
    if not found:
        return []
    files = await ctx.db.rows(
        "SELECT id, message, name, size FROM core_message_file "
        "WHERE message = ANY($1::bigint[]) ORDER BY id",
        list(found),
    )
    for file in files:
        found[file["message"]]["files"].append(dict(file))
    return list(found.values())


async def list_troubled(ctx: Context) -> list[dict[str, Any]]:
    """List the messages that wait for an administrator: unclear, failed and come back."""
    rows = await ctx.db.rows(
        "SELECT id, recipients, sender, state, error, at FROM core_message "
        "WHERE state IN ('unclear', 'failed', 'bounced') ORDER BY id DESC LIMIT 200"
    )
    return [dict(row) for row in rows]


async def count_messages(ctx: Context) -> dict[int, tuple[int, int]]:
    """Count the messages of each account: received and sent."""
    rows = await ctx.db.rows(
        "SELECT account, count(*) FILTER (WHERE direction = 'in') AS received, "
        "count(*) FILTER (WHERE state = 'sent') AS sent "
        "FROM core_message WHERE account IS NOT NULL GROUP BY account"
    )
    return {row["account"]: (row["received"], row["sent"]) for row in rows}
