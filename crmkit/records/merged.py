"""Where records went that were merged into others, and what the journal says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.records.journal import write_journal
from crmkit.records.read import get_record
from crmkit.work.deadline_life import turn_deadlines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: So many merges one after another are followed; nobody makes more.
_LONGEST = 100


class Pair(msgspec.Struct, frozen=True):
    """Two records that an operation made one, or parted again."""

    entity: str
    kept: int
    gone: int

    @property
    def ids(self) -> frozenset[int]:
        """Both ids."""
        return frozenset((self.kept, self.gone))


async def find_kept(ctx: Context, plan: EntityPlan, gone: int) -> int | None:
    """Answer the record that one was merged into, at the end of the way; None when it was not."""
    found: int | None = await ctx.db.value(
        "WITH RECURSIVE way (kept, step) AS (SELECT kept, 1 FROM core_merged "
        "WHERE entity = $1 AND gone = $2 UNION ALL SELECT m.kept, w.step + 1 FROM way w "
        "JOIN core_merged m ON m.entity = $1 AND m.gone = w.kept WHERE w.step < $3) "
        "SELECT kept FROM way ORDER BY step DESC LIMIT 1",
        plan.name,
        gone,
        _LONGEST,
    )
    return found


async def list_merged(ctx: Context, plan: EntityPlan, kept: int) -> list[tuple[int, int]]:
    """List (id, operation) of what was merged into a record, directly or by way of others."""
    key = ("merged", plan.name, kept)
    if ctx.seen and key in ctx.seen:
        return list(ctx.seen[key])
    rows = await ctx.db.rows(
        "WITH RECURSIVE way (gone, operation, step) AS (SELECT gone, operation, 1 "
        "FROM core_merged WHERE entity = $1 AND kept = $2 UNION ALL "
        "SELECT m.gone, m.operation, w.step + 1 FROM way w "
        "JOIN core_merged m ON m.entity = $1 AND m.kept = w.gone WHERE w.step < $3) "
        "SELECT gone, operation FROM way",
        plan.name,
        kept,
        _LONGEST,
    )
    found = [(row["gone"], row["operation"]) for row in rows]
    if ctx.seen is not None:
        ctx.seen[key] = found
    return found


async def write_merged(
    ctx: Context,
    plan: EntityPlan,
    kept: int,
    gone: int,
    title: str,
    moved: Mapping[str, Mapping[str, list[int]]],
) -> None:
    """Remember where a record went, and let the numbers other systems give it name the kept one.

    A source may then know the kept record by several numbers; none of them can collide, since the
    number and not the record is what is unique.

    Args:
        moved: What `move_deadlines` and `move_approvals` answered, by "deadlines" and
            "approvals".
    """
    keys = await ctx.db.rows(
        "UPDATE core_external SET record = $3 WHERE entity = $1 AND record = $2 "
        "RETURNING source, key",
        plan.name,
        gone,
        kept,
    )
    await _remember(ctx, plan, kept, gone)
    what = {
        "gone": gone,
        "title": title,
        "keys": [[row["source"], row["key"]] for row in keys],
        **moved,
    }
    await write_journal(ctx, plan, kept, "merge", {}, what)


async def _remember(ctx: Context, plan: EntityPlan, kept: int, gone: int) -> None:
    await ctx.db.execute(
        "INSERT INTO core_merged (entity, gone, kept, operation) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (entity, gone) DO UPDATE SET kept = $3, operation = $4",
        plan.name,
        gone,
        kept,
        ctx.operation or 0,
    )


async def forget_merge(ctx: Context, plan: EntityPlan, gone: int) -> None:
    """A record that is out of the trash again is one of its own."""
    await ctx.db.execute("DELETE FROM core_merged WHERE entity = $1 AND gone = $2", plan.name, gone)


def pair_of(rows: Iterable[Any]) -> Pair | None:
    """Answer which records an operation made one or parted, from its rows of the journal."""
    for row in rows:
        if row["action"] == "merge":
            return Pair(row["entity"], row["record"], (row["after"] or row["before"])["gone"])
    return None


async def turn_merge(ctx: Context, plan: EntityPlan, row: Mapping[str, Any]) -> None:
    """Take back what `write_merged` wrote, or write it again where that was taken back.

    Raises:
        NotFoundError: The kept record is not the person's to edit.
    """
    kept, parting = row["record"], bool(row["after"])
    what = row["after"] or row["before"]
    await get_record(ctx, plan, kept, "edit", lock=True)
    begin, end = (kept, what["gone"]) if parting else (what["gone"], kept)
    await ctx.db.execute(
        "UPDATE core_external e SET record = $3 FROM unnest($4::text[], $5::text[]) k (source, key)"
        " WHERE e.entity = $1 AND e.record = $2 AND e.source = k.source AND e.key = k.key",
        plan.name,
        begin,
        end,
        [source for source, _key in what["keys"]],
        [key for _source, key in what["keys"]],
    )
    # Merges before there were deadlines moved none.
    moved = what.get("deadlines", {})
    await turn_deadlines(ctx, plan.name, moved, kept, what["gone"], parting=parting)
    if parting:
        await forget_merge(ctx, plan, what["gone"])
    else:
        await _remember(ctx, plan, kept, what["gone"])
    await write_journal(ctx, plan, kept, "merge", row["after"], row["before"])
