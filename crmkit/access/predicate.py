"""Permission as one SQL condition, composed here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import ForbiddenError, NotFoundError, UnavailableError
from crmkit.model.values import N_
from crmkit.plugin.events import AccessEvent, QueryEvent
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

    Raises:
        UnavailableError: A plugin guards these rows and cannot load.
        HookFailedError: A plugin's `filter_query` failed: nothing is shown unfiltered.
    """
    if plan.name in ctx.site.guarded:
        raise _guarded(ctx, plan)
    rule = _rule(ctx, plan, verb, alias, first)
    event = QueryEvent(ctx, plan, verb, alias, first + len(rule.args))
    more = ctx.site.hooks.conditions(event)
    if not more:
        return rule
    parts = (rule, *more)
    return Sql(
        " AND ".join(f"({each.text})" for each in parts),
        tuple(arg for each in parts for arg in each.args),
    )


def _rule(ctx: Context, plan: EntityPlan, verb: Verb, alias: str, first: int) -> Sql:
    """Answer the condition of the role alone."""
    scope = ctx.principal.role.scope(plan.name, verb)
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


def _guarded(ctx: Context, plan: EntityPlan) -> UnavailableError:
    """A plugin that hides some of these rows cannot load, so none is shown (fails closed)."""
    text = ctx.translate(
        N_("{what} cannot be shown: the plugin {plugin}, which guards them, does not load. "
           "An administrator can mend it or switch it off.")
    )  # fmt: skip
    return UnavailableError(
        text.format(what=ctx.translate(plan.label), plugin=ctx.site.guarded[plan.name])
    )


def scope_of(ctx: Context, plan: EntityPlan, verb: Verb) -> Scope:
    """Answer how far the reader may use a verb on an entity; "none" while it is guarded."""
    if plan.name in ctx.site.guarded:
        return "none"
    return ctx.principal.role.scope(plan.name, verb)


def allowed(ctx: Context, plan: EntityPlan, verb: Verb) -> bool:
    """Say whether the reader may use a verb on at least some rows."""
    return scope_of(ctx, plan, verb) != "none"


async def check_hooks(
    ctx: Context, plan: EntityPlan, verb: Verb, record_id: int | None = None
) -> None:
    """Ask the plugins whether the reader may use a verb; they can only deny.

    Raises:
        NotFoundError: One denies it for this record, whose existence stays secret.
        ForbiddenError: One denies it for the whole entity.
        HookFailedError: One failed.
    """
    if not ctx.site.hooks.implementations("check_access"):
        return
    if not await ctx.site.hooks.denied(AccessEvent(ctx, plan, verb, record_id)):
        return
    if record_id is None:
        raise _forbidden(ctx, plan)
    raise not_found(ctx, plan, record_id)


def not_found(ctx: Context, plan: EntityPlan, record_id: int) -> NotFoundError:
    """Answer the refusal of a record: the same whether it is missing or hidden."""
    text = ctx.translate(N_("{record} {number} does not exist, or is not yours to see."))
    return NotFoundError(text.format(record=ctx.translate(plan.singular), number=record_id))


def _forbidden(ctx: Context, plan: EntityPlan) -> ForbiddenError:
    text = ctx.translate(
        N_("Your role does not allow this for: {what}. An administrator can change that.")
    )
    return ForbiddenError(text.format(what=ctx.translate(plan.label)))


def check(ctx: Context, plan: EntityPlan, verb: Verb) -> None:
    """Refuse a verb that the role does not have at all.

    Raises:
        ForbiddenError: It does not.
        UnavailableError: A plugin guards these rows and cannot load.
    """
    if plan.name in ctx.site.guarded:
        raise _guarded(ctx, plan)
    if not allowed(ctx, plan, verb):
        raise _forbidden(ctx, plan)
