"""Who sees a message, as one SQL condition; and what becomes of messages with their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import predicate
from crmkit.errors import Veto
from crmkit.model.messages import MESSAGE
from crmkit.plugin.sql import Sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.events import MergeEvent, PersonEvent, QueryEvent, SaveEvent


def message_rule(
    ctx: Context, alias: str = "t", first: int = 1, *, on_readable: bool = False
) -> Sql:
    """Answer the condition under which the reader may see a message.

    It is the owner's of its account; one that is not private is also whose who may read a record
    it belongs to. The system sees all.

    Args:
        first: Number of the first free placeholder.
        on_readable: It is asked for on a record that the reader may read, as its timeline does.
    """
    if ctx.user_id is None:
        return Sql("TRUE")
    if on_readable:
        return Sql(f"({alias}.owner = ${first}::bigint OR NOT {alias}.private)", (ctx.user_id,))
    args: list[object] = [ctx.user_id]
    parts = []
    for plan in ctx.site.entities.values():
        if plan.plugin == "core" or plan.name in ctx.site.guarded:
            continue
        rule = predicate(ctx, plan, "read", "r", first + len(args))
        if rule.text == "FALSE":
            continue
        args.extend(rule.args)
        parts.append(
            f'EXISTS (SELECT FROM core_message_link l JOIN "{plan.tablename}" r '
            f"ON r.id = l.record WHERE l.message = {alias}.id AND l.entity = '{plan.name}' "
            f"AND ({rule.text}))"
        )
    shared = f"NOT {alias}.private AND ({' OR '.join(parts)})" if parts else "FALSE"
    return Sql(f"({alias}.owner = ${first}::bigint OR ({shared}))", tuple(args))


def hide_messages(event: QueryEvent) -> Sql | None:
    """Answer the condition for reads of messages; None for other entities."""
    if event.entity.name != MESSAGE:
        return None
    return message_rule(event.ctx, event.alias, event.first)


def refuse_messages(event: SaveEvent) -> None:
    """Refuse messages that somebody enters or changes as if they were any record.

    Raises:
        Veto: It is a message.
    """
    if event.entity.name == MESSAGE:
        message = "Messages are sent from a record and read from a mailbox; none is entered here."
        raise Veto(message)


async def move_messages(event: MergeEvent) -> None:
    """Put the messages of a merged record on the kept one; undoing the merge takes none away."""
    await event.ctx.db.execute(
        "INSERT INTO core_message_link (message, entity, record) "
        "SELECT message, entity, $2 FROM core_message_link WHERE entity = $1 AND record = $3 "
        "ON CONFLICT DO NOTHING",
        event.entity.name, event.kept, event.gone,
    )  # fmt: skip


async def messages_of_person(event: PersonEvent) -> Mapping[str, Any] | None:
    """Answer the messages with a person, for an export of what is held."""
    rows = await event.ctx.db.rows(
        "SELECT m.id, m.at, m.direction, m.sender, m.recipients, m.subject, m.body, m.quoted "
        "FROM core_message_link l JOIN core_message m ON m.id = l.message "
        "WHERE l.entity = $1 AND l.record = $2 ORDER BY m.id",
        event.entity, event.record_id,
    )  # fmt: skip
    found = [{**dict(row), "at": row["at"].isoformat()} for row in rows]
    return {"messages": found} if found else None


async def erase_messages(event: PersonEvent) -> list[str] | None:
    """Delete the messages with a person; those that also belong to another person stay."""
    people = [plan.name for plan in event.ctx.site.entities.values() if plan.person]
    rows = await event.ctx.db.rows(
        "WITH mine AS (SELECT message FROM core_message_link WHERE entity = $1 AND record = $2), "
        "gone AS (DELETE FROM core_message m USING mine WHERE m.id = mine.message AND NOT EXISTS "
        "(SELECT FROM core_message_link o WHERE o.message = m.id AND o.entity = ANY($3) "
        "AND (o.entity, o.record) <> ($1, $2)) RETURNING m.id, m.account, m.message_id), "
        "noted AS (INSERT INTO core_message_erased (account, digest) "
        "SELECT account, sha256(convert_to(message_id, 'UTF8')) FROM gone "
        "WHERE account IS NOT NULL ON CONFLICT DO NOTHING), "
        "lost AS (DELETE FROM core_search s USING gone WHERE s.entity = 'core.message' "
        "AND s.record = gone.id), "
        "cut AS (DELETE FROM core_message_link WHERE entity = $1 AND record = $2) "
        "SELECT (SELECT count(*) FROM mine) - (SELECT count(*) FROM gone) AS kept",
        event.entity, event.record_id, people,
    )  # fmt: skip
    kept = int(rows[0]["kept"])
    return [f"Messages that other people wrote or got as well: {kept}"] if kept else None
