"""Documents of records as actions, which every door offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.model.action import Action
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmkit.model.context import Context
    from crmkit.model.document import DocumentTemplate
    from crmkit.plugin.plan import EntityPlan

RENDER = "core.render_document"


def with_documents(
    plan: EntityPlan,
    given: Mapping[str, tuple[tuple[str, Any], ...]],
    failure: Callable[[str, str], Exception],
) -> EntityPlan:
    """Answer an entity with an action for each document of its records.

    Raises:
        Exception: As `failure` makes it: it has an action of that name already.
    """
    actions = list(plan.actions)
    for plugin, template in given["documents"]:
        if template.entity != plan.name:
            continue
        action = document_action(plugin, template)
        if any(each.name == action.name for each in actions):
            raise failure(
                plugin,
                f"Plugin `{plugin}`: documents: `{template.name}`: `{plan.name}` has an action "
                f"`{action.name}` already. Choose another name.",
            )
        actions.append(action)
    return msgspec.structs.replace(plan, actions=tuple(actions))


async def order_document(
    ctx: Context, name: str, template: DocumentTemplate, record_id: int
) -> None:
    """Make the row that stands for a document, and queue the job that fills it.

    Args:
        name: Of the template, with its plugin's id.
    """
    number = await ctx.db.value(
        "INSERT INTO core_document (name, label, entity, record, ordered_at, made_by) "
        "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        name, template.label, template.entity, record_id, ctx.now(), ctx.user_id,
    )  # fmt: skip
    await ctx.enqueue(RENDER, {"document": number})


def document_action(plugin: str, template: DocumentTemplate) -> Action:
    """Answer what orders a document: a row that stands for it, and a job that fills it."""

    async def order(ctx: Context, record_id: int, _data: object, _version: int | None) -> str:
        await order_document(ctx, f"{plugin}.{template.name}", template, record_id)
        return f"/{template.entity}/{record_id}#documents"

    return Action(
        template.name.replace("_", "-"),
        template.label,
        order,
        permission=template.permission,
        icon=template.icon,
        quiet=True,
        undoable=False,
        done=N_("It is being made, and the documents show it soon"),
    )
