"""A record made from another: a copy, or what it was converted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import allowed
from crmkit.model.action import Action
from crmkit.model.values import N_
from crmkit.plugin.events import CopyEvent
from crmkit.records.read import get_record
from crmkit.records.save import create_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

#: A copy belongs to who makes it.
_OWN = frozenset({"owner", "team"})


async def copy_record(ctx: Context, plan: EntityPlan, record_id: int) -> int:
    """Make a copy of a record and answer its id; part of a transaction of the caller.

    What people may edit is copied; the copy begins its lifecycle anew and belongs to who made it.
    Plugins copy what belongs to the record in `copy_record`.

    Raises:
        NotFoundError: There is none, or the reader may not see it.
        ForbiddenError: The role may not create here.
        InvalidError: A value must be unique, or a plugin refuses.
    """
    stored = await get_record(ctx, plan, record_id)
    made = await create_record(ctx, plan, _copied(ctx, plan, stored))
    await ctx.site.hooks.run("copy_record", CopyEvent(ctx, plan, record_id, plan, made))
    return made


def _copied(ctx: Context, plan: EntityPlan, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the values of the copy; a reference to what the reader may not see is left out."""
    fresh = {plan.closed, *_OWN}
    if plan.lifecycle is not None:
        fresh.add(plan.lifecycle.column)
    if plan.steps is not None:
        fresh.add(plan.steps.done)
    values = {
        name: stored[name]
        for name, field in plan.fields.items()
        if field.editable
        and name not in fresh
        and not (field.reference and stored.get(f"{name}__title") is None)
    }
    title = plan.title_field
    if title.kind == "text" and title.name in values:
        text = ctx.translate(N_("{title} (copy)")).format(title=values[title.name])
        values[title.name] = text[: title.max_length]
    return values


async def carry_over(
    ctx: Context, entity: str, record_id: int, target: str, target_id: int
) -> None:
    """Tell plugins that a record became another one, so that what belongs to it comes along.

    Part of a transaction of the caller.

    Args:
        entity: Of the record that is converted, such as "crm.lead".
        target: Entity of what it became.
    """
    event = CopyEvent(ctx, ctx.site.entity(entity), record_id, ctx.site.entity(target), target_id)
    await ctx.site.hooks.run("convert_record", event)


def duplicate_of(plan: EntityPlan) -> Action:
    """Answer the action that copies a record of an entity."""

    async def duplicate(ctx: Context, record_id: int, _data: None, _version: int | None) -> str:
        return f"/{plan.name}/{await copy_record(ctx, plan, record_id)}"

    def may_create(ctx: Context, _record: Mapping[str, Any]) -> bool:
        return allowed(ctx, plan, "create")

    return Action(
        "duplicate", N_("Make a copy"), duplicate, "read", icon="copy", visible=may_create,
        bulk=False, quiet=True, needs=("create",), done=N_("This is the copy"),
    )  # fmt: skip
