"""What steps are called: in the language of who reads of them, else as the company does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit import keep_words, speaking
from crmkit.model.people import LANGUAGES
from crmkit_orders.reading import read_rows
from crmkit_orders.step_plans import SEEDED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context


class StepNames(msgspec.Struct, frozen=True):
    """What steps are called in one language.

    Attributes:
        given: Id of a step of the plan to its name there.
        seeded: Name in any language of a step that came with us to the English one.
    """

    given: dict[int, str]
    seeded: dict[str, str]

    def of(self, ctx: Context, step: Mapping[str, Any]) -> str:
        """Answer what a step of an order is called.

        Args:
            step: With `plan` and `name`.
        """
        name = step["name"]
        return self.given.get(step["plan"]) or ctx.translate(self.seeded.get(name, name))


async def client_names(ctx: Context) -> StepNames:
    """Answer what clients read of steps in the language of `ctx`."""
    rows = await read_rows(
        ctx,
        "SELECT step, name FROM orders_step_name WHERE language = $1 AND trashed_at IS NULL",
        ctx.language,
    )
    return StepNames({row["step"]: row["name"] for row in rows}, _seeded(ctx))


async def staff_names(ctx: Context) -> StepNames:
    """Answer what colleagues read of steps: the company's own words where they are at home in them.

    In another language they read what clients read in it, which is nearer than words they do not
    know.
    """
    if ctx.language == ctx.config.language:
        return StepNames({}, _seeded(ctx))
    return await client_names(ctx)


def _seeded(ctx: Context) -> dict[str, str]:
    """Answer the names of steps that came with us, in every language, with the English ones."""
    found: dict[str, str] = {}
    for language in LANGUAGES:
        with speaking(ctx, language.value) as spoken:
            found |= {spoken.translate(name): name for name in SEEDED}
    return found


async def kept_name(ctx: Context, step: Mapping[str, Any]) -> str:
    """Answer what a step is called as it is kept with its order, for readers of any language."""
    rows = await read_rows(
        ctx,
        "SELECT language, name FROM orders_step_name WHERE step = $1 AND trashed_at IS NULL "
        "AND language <> $2 ORDER BY id",
        step["plan"], ctx.config.language,
    )  # fmt: skip
    name: str = step["name"]
    if not rows:
        return _seeded(ctx).get(name, name)
    return keep_words({"": name, **{row["language"]: row["name"] for row in rows}})


async def present_step(ctx: Context, order: int) -> str:
    """Answer what the active step of an order is called for its client, "" when none is."""
    rows = await read_rows(
        ctx,
        "SELECT plan, name FROM orders_step WHERE \"order\" = $1 AND state = 'active' "
        "AND trashed_at IS NULL",
        order,
    )
    return (await client_names(ctx)).of(ctx, rows[0]) if rows else ""
