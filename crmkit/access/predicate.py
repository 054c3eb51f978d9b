"""Permission as one SQL condition, composed here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import ForbiddenError
from crmkit.model.values import N_
from crmkit.plugin.sql import Sql

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.role import Scope, Verb
    from crmkit.plugin.plan import EntityPlan


def predicate(ctx: Context, plan: EntityPlan, verb: Verb, alias: str = "t", first: int = 1) -> Sql:
    """Answer the condition under which the reader may use a verb on a row.

    Args:
        alias: Of the entity's table in the statement.
        first: Number of the first free placeholder.
    """
    scope = scope_of(ctx, plan, verb)
    if scope == "all":
        return Sql("TRUE")
    if scope == "own":
        return Sql(f"{alias}.owner = ${first}::bigint", (ctx.user_id,))
    if scope == "team":
        return Sql(
            f"({alias}.owner = ${first}::bigint OR {alias}.team = ANY(${first + 1}::bigint[]))",
            (ctx.user_id, list(ctx.principal.teams)),
        )
    return Sql("FALSE")


def scope_of(ctx: Context, plan: EntityPlan, verb: Verb) -> Scope:
    """Answer how far the reader may use a verb on an entity."""
    return ctx.principal.role.scope(plan.name, verb)


def allowed(ctx: Context, plan: EntityPlan, verb: Verb) -> bool:
    """Say whether the reader may use a verb on at least some rows."""
    return scope_of(ctx, plan, verb) != "none"


def check(ctx: Context, plan: EntityPlan, verb: Verb) -> None:
    """Refuse a verb that the role does not have at all.

    Raises:
        ForbiddenError: It does not.
    """
    if not allowed(ctx, plan, verb):
        text = ctx.translate(
            N_("Your role does not allow this for: {what}. An administrator can change that.")
        )
        raise ForbiddenError(text.format(what=ctx.translate(plan.label)))
