"""Permission as one SQL condition, composed here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit.errors import ForbiddenError, NotFoundError, UnavailableError
from crmkit.model.values import N_
from crmkit.plugin.events import AccessEvent, QueryEvent
from crmkit.plugin.sql import Sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.model.role import Role, Scope, Verb
    from crmkit.model.site import SiteLike
    from crmkit.plugin.plan import EntityPlan

#: A part is read with its whole, and every change of it is a change of the whole.
_OF_WHOLE: dict[Verb, Verb] = {
    "read": "read", "export": "export", "create": "edit", "edit": "edit", "delete": "edit",
    "admin": "admin",
}  # fmt: skip


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
    rule = (_part_rule if plan.part_of else _rule)(ctx, plan, verb, alias, first)
    event = QueryEvent(ctx, plan, verb, alias, first + len(rule.args))
    more = ctx.site.hooks.conditions(event)
    return _all_of((rule, *more)) if more else rule


def title_condition(ctx: Context, plan: EntityPlan, alias: str, first: int) -> Sql | None:
    """Answer under which condition the title of a referenced record may be shown; None is always.

    A role shows the title of whatever a readable record refers to. What a plugin hides, or what
    needs a permission the role has not, stays hidden there as well.
    """
    if plan.permission and not ctx.principal.role.grants(plan.permission):
        return Sql("FALSE")
    more = ctx.site.hooks.conditions(QueryEvent(ctx, plan, "read", alias, first))
    return _all_of(more) if more else None


def _all_of(parts: Sequence[Sql]) -> Sql:
    return Sql(
        " AND ".join(f"({each.text})" for each in parts),
        tuple(arg for each in parts for arg in each.args),
    )


def _rule(ctx: Context, plan: EntityPlan, verb: Verb, alias: str, first: int) -> Sql:
    """Answer the condition of the role alone."""
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


def _part_rule(ctx: Context, plan: EntityPlan, verb: Verb, alias: str, first: int) -> Sql:
    """Answer the condition of the whole, plugins' included, for a row that is part of it."""
    whole, column = _whole(ctx, plan)
    if verb not in _OF_WHOLE:
        return Sql("FALSE")
    # Of a part of a part the inner alias must be another one.
    inner = f"{alias}w"
    rule = predicate(ctx, whole, _OF_WHOLE[verb], inner, first)
    if rule.text == "TRUE":
        # Who reaches every whole need not look it up for each row.
        return Sql(f'{alias}."{column}" IS NOT NULL')
    return Sql(
        f'EXISTS (SELECT 1 FROM "{whole.tablename}" {inner} '  # noqa: S608 - names of our own
        f'WHERE {inner}.id = {alias}."{column}" AND ({rule.text}))',
        rule.args,
    )


def _whole(ctx: Context, plan: EntityPlan) -> tuple[EntityPlan, str]:
    """Answer the entity that records of this one are part of, and their column."""
    part = plan.part_of
    if part is None:
        raise TypeError(f"{plan.name} is part of nothing.")
    return ctx.site.entity(part.entity), part.column


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
    return scope_of_role(ctx.site, ctx.principal.role, plan, verb)


def scope_of_role(site: SiteLike, role: Role, plan: EntityPlan, verb: Verb) -> Scope:
    """Answer how far a role reaches with a verb: a part as far as its whole, a catalogue whole."""
    if plan.name in site.guarded:
        return "none"
    if plan.permission and not role.grants(plan.permission):
        return "none"
    if plan.part_of is not None:
        if verb not in _OF_WHOLE:
            return "none"
        return scope_of_role(site, role, site.entity(plan.part_of.entity), _OF_WHOLE[verb])
    scope = role.scope(plan.name, verb)
    if plan.shared and verb == "read" and scope != "none" and not _is_named(role, plan, verb):
        return "all"
    return scope


def _is_named(role: Role, plan: EntityPlan, verb: Verb) -> bool:
    """Say whether a role has a right on this entity itself, which decides."""
    return any(each.pattern == plan.name and each.verb == verb for each in role.rights)


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
    if not await is_denied(ctx, plan, verb, record_id):
        return
    if record_id is None:
        raise _forbidden(ctx, plan)
    raise not_found(ctx, plan, record_id)


async def is_denied(
    ctx: Context, plan: EntityPlan, verb: Verb, record_id: int | None = None
) -> bool:
    """Say whether a plugin denies a verb on an entity, or on one record of it.

    Raises:
        HookFailedError: One failed.
    """
    hooks = ctx.site.hooks
    if not hooks.implementations("check_access"):
        return False
    if plan.part_of is not None and await _is_whole_denied(ctx, plan, verb, record_id):
        return True
    return bool(await hooks.denied(AccessEvent(ctx, plan, verb, record_id)))


async def _is_whole_denied(
    ctx: Context, plan: EntityPlan, verb: Verb, record_id: int | None
) -> bool:
    whole, column = _whole(ctx, plan)
    of: int | None = None
    if record_id is not None:
        of = await ctx.db.value(
            f'SELECT "{column}" FROM "{plan.tablename}" WHERE id = $1',  # noqa: S608
            record_id,
        )
    return await is_denied(ctx, whole, _OF_WHOLE.get(verb, "edit"), of)


async def may_use(ctx: Context, plan: EntityPlan, verb: Verb) -> bool:
    """Say whether role and plugins allow a verb on an entity at all.

    For what is shown beside something else, a search or a panel, and is left out when refused.
    """
    return allowed(ctx, plan, verb) and not await is_denied(ctx, plan, verb)


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
