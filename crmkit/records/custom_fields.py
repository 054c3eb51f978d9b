"""Fields a company adds to an entity without code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crmkit.access.predicate import check
from crmkit.errors import InvalidError
from crmkit.plugin.stored import raise_generation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan

KINDS = ("text", "number", "date", "choice")


def kinds_of(ctx: Context) -> dict[str, str]:
    """Answer the kinds of fields there are besides the built-in ones: name to English label."""
    return {each.name: each.label for _plugin, each in ctx.site.contributions["field_types"]}


_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


async def define_field(
    ctx: Context,
    plan: EntityPlan,
    name: str,
    label: str,
    kind: str = "text",
    choices: Sequence[str] = (),
) -> bool:
    """Add a field, or add choices to one that is there; the Site must be built again after.

    Returns:
        Whether anything changed.

    Raises:
        ForbiddenError: Only who administers the entity may.
        InvalidError: The name, kind or choices do not fit.
    """
    check(ctx, plan, "admin")
    if not _NAME.match(name):
        raise InvalidError("A field's name is lower-case letters, digits and _.", {"name": name})
    known = (*KINDS, *kinds_of(ctx))
    if kind not in known:
        raise InvalidError(f"`{kind}` is no kind of field.", {"kind": ", ".join(known)})
    wanted = list(dict.fromkeys(choice.strip() for choice in choices if choice.strip()))
    async with ctx.db.transaction():
        row = await ctx.db.row(
            "SELECT * FROM core_custom_field WHERE entity = $1 AND name = $2 FOR UPDATE",
            plan.name,
            name,
        )
        if row is None:
            await ctx.db.execute(
                "INSERT INTO core_custom_field (entity, name, label, kind, choices) "
                "VALUES ($1, $2, $3, $4, $5)",
                plan.name,
                name,
                label,
                kind,
                wanted,
            )
            await raise_generation(ctx.db)
            return True
        if row["kind"] != kind:
            raise InvalidError(
                f"The field `{name}` is a {row['kind']} already; values would be lost.",
                {"kind": "choose another name"},
            )
        merged = list(dict.fromkeys([*row["choices"], *wanted]))
        if merged == row["choices"]:
            return False
        await ctx.db.execute(
            "UPDATE core_custom_field SET choices = $2 WHERE id = $1", row["id"], merged
        )
        await raise_generation(ctx.db)
    return True
