"""Views of a list that people named: filters, columns, order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

_LONGEST_NAME = 80
_LONGEST_STATE = 4000
_MOST = 30


class SavedView(msgspec.Struct, frozen=True):
    """A named view; `state` is the query of the list's address, `mine` says who may delete it."""

    id: int
    name: str
    state: str
    shared: bool
    mine: bool


async def list_views(ctx: Context, plan: EntityPlan) -> list[SavedView]:
    """List the reader's own views and those shown to everybody, by name."""
    rows = await ctx.db.rows(
        "SELECT id, name, state, shared, user_id = $2 AS mine FROM core_saved_view "
        "WHERE entity = $1 AND (user_id = $2 OR shared) "
        "ORDER BY lower(crm_unaccent(name)), id LIMIT $3",
        plan.name,
        ctx.user_id,
        _MOST,
    )
    return [SavedView(**dict(row)) for row in rows]


async def save_view(
    ctx: Context, plan: EntityPlan, name: str, state: str, *, shared: bool = False
) -> int:
    """Save a view under a name, in place of one's own of the same name; answer its id.

    Raises:
        InvalidError: The name is missing or too long, or there are too many views.
    """
    name = name.replace("\x00", "").strip()
    if not name or len(name) > _LONGEST_NAME:
        text = ctx.translate(N_("has to have 1 to {most} characters"))
        raise InvalidError(
            ctx.translate(N_("The view was not saved.")), {"name": text.format(most=_LONGEST_NAME)}
        )
    if len(state) > _LONGEST_STATE or "\x00" in state:
        raise InvalidError(ctx.translate(N_("The view was not saved: it has too many filters.")))
    async with ctx.db.transaction():
        await ctx.db.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", plan.name, ctx.user_id or 0
        )
        await ctx.db.execute(
            "DELETE FROM core_saved_view WHERE entity = $1 AND user_id = $2 "
            "AND lower(name) = lower($3)",
            plan.name,
            ctx.user_id,
            name,
        )
        number = await ctx.db.value(
            "SELECT count(*) FROM core_saved_view WHERE entity = $1 AND user_id = $2",
            plan.name,
            ctx.user_id,
        )
        if number >= _MOST:
            text = ctx.translate(N_("There are {most} views already. Delete one first."))
            raise InvalidError(text.format(most=_MOST))
        made: int = await ctx.db.value(
            "INSERT INTO core_saved_view (entity, name, state, shared, user_id) "
            "VALUES ($1, $2, $3, $4, $5) RETURNING id",
            plan.name,
            name,
            state,
            shared,
            ctx.user_id,
        )
    return made


async def delete_view(ctx: Context, plan: EntityPlan, view_id: int) -> None:
    """Delete one of one's own views.

    Raises:
        NotFoundError: There is none, or it is somebody else's.
    """
    found = await ctx.db.value(
        "DELETE FROM core_saved_view WHERE id = $1 AND entity = $2 AND user_id = $3 RETURNING id",
        view_id,
        plan.name,
        ctx.user_id,
    )
    if found is None:
        raise NotFoundError(ctx.translate(N_("There is no such view of yours.")))
