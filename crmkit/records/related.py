"""Records that refer to a record, by entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.access.predicate import may_use
from crmkit.plugin.plan import EntityPlan
from crmkit.records.filters import Filter
from crmkit.records.query import Count, Listing, ListQuery, count_records, list_records

if TYPE_CHECKING:
    from crmkit.model.context import Context

_SHOWN = 5
_WHO = frozenset({"owner", "team"})


class Related(msgspec.Struct, frozen=True):
    """Records of one entity whose `field` names the record: the first ones, and how many."""

    plan: EntityPlan
    field: str
    listing: Listing
    count: Count


async def list_related(
    ctx: Context, plan: EntityPlan, record_id: int, limit: int = _SHOWN
) -> list[Related]:
    """Answer for each entity that refers to this one its first records, and how many there are.

    Owner and team are no relation here, steps stand on the timeline, and what a plugin puts beside
    the record stands among its fields. Only what the reader may see; a statement an entity, and a
    second where there are more than are shown.
    """
    beside = {(side.entity, side.column) for side in ctx.site.extensions.sides_of(plan.name)}
    found = []
    for other in ctx.site.entities.values():
        is_part = other.part_of is not None and other.part_of.entity == plan.name
        if other.steps is not None or is_part or not await may_use(ctx, other, "read"):
            continue
        for field in other.fields.values():
            if field.reference != plan.name or not field.filterable or field.name in _WHO:
                continue
            if not field.related or (other.name, field.name) in beside:
                continue
            query = ListQuery(
                columns=_columns(other),
                filters=(Filter(field.name, "is", str(record_id)),),
                limit=limit,
            )
            listing = await list_records(ctx, other, query)
            is_all = not listing.next_token
            count = (
                Count(len(listing.rows), capped=False)
                if is_all
                else await count_records(ctx, other, query)
            )
            found.append(Related(other, field.name, listing, count))
    return found


def _columns(plan: EntityPlan) -> tuple[str, ...]:
    """Answer what a line of a panel shows: title, state, amounts, subtitle, a number to call."""
    state = (plan.lifecycle.column,) if plan.lifecycle else ()
    phones = [each.name for each in plan.fields.values() if each.kind == "phone"][:1]
    return tuple(dict.fromkeys((plan.title, *state, *plan.sums, *plan.subtitle, *phones)))
