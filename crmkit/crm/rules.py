"""Rules of the built-in plugin that hold for every door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit import Veto
from crmkit.crm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context, SaveEvent, TransitionEvent

#: Entity to the column in which a record points at another of its kind.
_CHAINS = {"crm.company": "parent", "crm.person": "referred_by"}


async def refuse_cycles(event: SaveEvent) -> None:
    """Refuse a parent or referrer that leads back to the record itself.

    Raises:
        Veto: It does; the column is named.
    """
    column = _CHAINS.get(event.entity.name)
    target = event.values.get(column) if column else None
    if column is None or target is None or event.record_id is None:
        return
    # UNION drops repeats, so a ring that already stands in the data ends the search as well.
    found = await event.ctx.db.value(
        f"WITH RECURSIVE up (id) AS (SELECT $1::bigint UNION "  # noqa: S608 - names of our own
        f'SELECT t."{column}" FROM "{event.entity.tablename}" t JOIN up ON t.id = up.id '
        f'WHERE t."{column}" IS NOT NULL) SELECT 1 FROM up WHERE id = $2',
        target,
        event.record_id,
    )
    if found is not None:
        message = "The chain would lead back to this record. Choose another one."
        raise Veto(message, **{column: "leads back to this record; choose another one"})


def follow_stage(event: SaveEvent) -> None:
    """Set the probability of an opportunity from its stage unless it came along.

    A lost one that an import brings without a reason gets the reason "unknown": old systems
    rarely kept it, and the gap stays visible in the lost reasons.
    """
    lifecycle = event.entity.lifecycle
    if event.entity.name != "crm.opportunity" or lifecycle is None:
        return
    stage = event.values.get(lifecycle.column)
    state = lifecycle.state(stage) if isinstance(stage, str) else None
    if state is not None and event.values.get("probability") is None:
        event.values["probability"] = state.probability
    if state is not None and state.kind != "open" and event.ctx.cause != "import":
        _close(event)
    if state is not None and state.kind == "lost" and event.ctx.cause == "import":
        event.values.setdefault("lost_reason", "unknown")


async def tell_end(event: TransitionEvent) -> None:
    """Say that an opportunity was won or lost; what an import brings was so long before."""
    lifecycle = event.entity.lifecycle
    if event.entity.name != "crm.opportunity" or lifecycle is None or event.ctx.cause == "import":
        return
    state = lifecycle.state(event.new)
    if state is not None and state.kind != "open":
        await event.ctx.publish(f"crm.opportunity.{state.kind}", "crm.opportunity", event.record_id)


def _close(event: SaveEvent) -> None:
    """Give a won or lost opportunity today as its close date where it has none."""
    known = event.values.get("close_date", event.before.get("close_date"))
    if known is None:
        event.values["close_date"] = event.ctx.now().astimezone(event.ctx.time_zone).date()


def needs_approval(ctx: Context, record: Mapping[str, Any]) -> bool:
    """Say whether a deal is large enough to be won only with a second person.

    What an import brings was won before; nobody is asked about the past.
    """
    limit = ctx.settings(Settings).approve_from
    return bool(limit) and ctx.cause != "import" and (record.get("amount") or 0) >= limit
