"""What is computed from other values: written without a version of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


async def derive_values(
    ctx: Context, plan: EntityPlan, record_id: int, values: Mapping[str, Any]
) -> None:
    """Write derived columns of a record; the rights to what they are computed from were asked.

    Raises:
        LookupError: A column is not declared as derived.
    """
    strange = sorted(set(values) - plan.derived)
    if strange:
        raise LookupError(f"`{plan.name}`: `{strange[0]}` is not declared as derived.")
    sets = ", ".join(f'"{name}" = ${index}' for index, name in enumerate(values, 2))
    await ctx.db.execute(
        f'UPDATE "{plan.tablename}" SET {sets} WHERE id = $1',  # noqa: S608 - declared columns
        record_id,
        *values.values(),
    )
