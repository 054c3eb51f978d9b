"""The currency of a record's amounts, and whether they fit it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from crmkit.model.money import TOO_LARGE, fit_amount, places_or_two
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.plugin.plan import EntityPlan


def currency_sql(ctx: Context, plan: EntityPlan, alias: str = "t") -> str:
    """Answer the currency of a row's amounts: its own, else that of what it is part of."""
    if "currency" in plan.fields:
        return f"{alias}.currency"
    part = plan.part_of
    if part is None:
        return "''"
    whole: EntityPlan = ctx.site.entity(part.entity)
    inner = currency_sql(ctx, whole, f"{alias}w")
    if inner == "''":
        return inner
    return (
        f'(SELECT {inner} FROM "{whole.tablename}" {alias}w '  # noqa: S608 - declared names
        f'WHERE {alias}w.id = {alias}."{part.column}")'
    )


async def currency_of(ctx: Context, plan: EntityPlan, record: Mapping[str, Any]) -> str:
    """Answer the currency of a record's amounts, the site's where nothing says another."""
    found = record.get("currency")
    part = plan.part_of
    if "currency" not in plan.fields and part is not None and record.get(part.column):
        whole: EntityPlan = ctx.site.entity(part.entity)
        found = await ctx.db.value(
            f'SELECT {currency_sql(ctx, whole)} FROM "{whole.tablename}" t WHERE t.id = $1',  # noqa: S608
            record[part.column],
        )
    return str(found or ctx.config.currency)


def has_amounts(plan: EntityPlan) -> bool:
    """Say whether records of an entity hold amounts that people or plugins enter."""
    return any(_is_entered(plan, name) for name in plan.fields)


def _is_entered(plan: EntityPlan, name: str) -> bool:
    return plan.fields[name].kind == "money" and name not in plan.derived


def fit_amounts(
    ctx: Context, plan: EntityPlan, changed: dict[str, Any], whole: Mapping[str, Any], currency: str
) -> dict[str, str]:
    """Bring the amounts of a save to the places of their currency; answer what does not fit.

    Args:
        changed: What is saved; its amounts are replaced by ones with exactly these places.
        whole: The record as it will be: a new currency has to hold the amounts that stay.

    Returns:
        Problems by field.
    """
    problems: dict[str, str] = {}
    names = whole if "currency" in changed else changed
    for name in names:
        value = whole.get(name)
        if value is None or name not in plan.fields or not _is_entered(plan, name):
            continue
        amount = value if isinstance(value, Decimal) else Decimal(str(value))
        if not amount.is_finite():
            problems[name] = ctx.translate(N_("is not a number, such as 1234.50"))
            continue
        if abs(amount) >= TOO_LARGE:
            problems[name] = ctx.translate(N_("is too large"))
            continue
        fitted = fit_amount(amount, currency)
        if fitted is None:
            text = ctx.translate(
                N_("has more than the {n} digits after the point that {currency} has; round it")
            )
            problems[name] = text.format(n=places_or_two(currency), currency=currency)
        elif name in changed:
            changed[name] = fitted
    return problems
