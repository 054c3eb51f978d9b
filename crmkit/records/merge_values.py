"""Whose value each field has when two records become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from crmkit.errors import InvalidError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

Side = Literal["kept", "gone"]
_CURRENCY = "currency"


def mergeable_fields(plan: EntityPlan) -> list[Field]:
    """List the fields one chooses for; a currency goes with its amounts."""
    has_money = any(field.kind == "money" for field in plan.fields.values())
    return [
        field
        for field in plan.fields.values()
        if field.editable and not (has_money and field.name == _CURRENCY)
    ]


def value_of(field: Field, record: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of any column
    """Answer a value as it is stored; a custom one as JSON keeps it, not as text."""
    if not field.is_custom:
        return record[field.name]
    _custom, owner, key = field.name.split(".", 2)
    return record["custom"].get(owner, {}).get(key)


def is_empty(value: Any) -> bool:  # noqa: ANN401
    """Say whether there is nothing; 0 and "no" are something."""
    return value is None or value == ""


def default_side(
    plan: EntityPlan, field: Field, kept: Mapping[str, Any], gone: Mapping[str, Any]
) -> Side:
    """Answer whose value is taken unless somebody chooses: the other's where one is empty.

    Not where being empty says something: that a step is open, that a deal is not closed, that no
    team sees the record. Nor an amount of another currency, nor a record one may not see.
    """
    if not is_empty(value_of(field, kept)) or is_empty(value_of(field, gone)):
        return "kept"
    says = {plan.closed, plan.lifecycle.column if plan.lifecycle else "", "team"}
    says.add(plan.steps.done if plan.steps else "")
    foreign = field.kind == "money" and kept.get(_CURRENCY) != gone.get(_CURRENCY)
    if field.name in says or (foreign and any(_money(plan, kept))):
        return "kept"
    hidden = field.reference and gone.get(f"{field.name}__title") is None
    return "kept" if hidden else "gone"


def _money(plan: EntityPlan, record: Mapping[str, Any]) -> list[str]:
    """Answer the fields that hold an amount."""
    return [
        field.name
        for field in plan.fields.values()
        if field.kind == "money" and not is_empty(value_of(field, record))
    ]


async def merged_values(
    ctx: Context,
    plan: EntityPlan,
    kept: Mapping[str, Any],
    gone: Mapping[str, Any],
    choices: Mapping[str, str],
) -> dict[str, Any]:
    """Answer the fields of the kept record that get another value.

    Raises:
        InvalidError: A choice is of no such field or side; or amounts of two currencies would
            stand in one record.
    """
    fields = {field.name: field for field in mergeable_fields(plan)}
    strange = ctx.translate(N_("is nothing to choose here"))
    problems = {
        name: strange
        for name, side in choices.items()
        if name not in fields or side not in {"kept", "gone"}
    }
    if problems:
        raise InvalidError(ctx.translate(N_("The records were not merged.")), problems)
    sides = {
        name: choices.get(name) or default_side(plan, field, kept, gone)
        for name, field in fields.items()
    }
    values = {
        name: value_of(field, gone)
        for name, field in fields.items()
        if sides[name] == "gone" and value_of(field, gone) != value_of(field, kept)
    }
    values |= _currency(ctx, plan, kept, gone, sides)
    for field in fields.values():
        if field.reference == plan.name:
            values |= await _without_ring(ctx, plan, field, kept, gone, values)
    return values


def _currency(
    ctx: Context,
    plan: EntityPlan,
    kept: Mapping[str, Any],
    gone: Mapping[str, Any],
    sides: Mapping[str, str],
) -> dict[str, Any]:
    """Answer the currency of the amounts that are taken."""
    if _CURRENCY not in plan.fields or kept[_CURRENCY] == gone[_CURRENCY]:
        return {}
    amounts = {"kept": _money(plan, kept), "gone": _money(plan, gone)}
    used = {side for name, side in sides.items() if name in amounts.get(side, ())}
    if used == {"kept", "gone"}:
        text = N_("The amounts are in different currencies. Take all of them from one record.")
        problem = ctx.translate(N_("is in another currency"))
        taken = {name: problem for name in amounts["gone"] if sides.get(name) == "gone"}
        raise InvalidError(ctx.translate(text), taken)
    return {_CURRENCY: gone[_CURRENCY]} if used == {"gone"} else {}


async def _without_ring(
    ctx: Context,
    plan: EntityPlan,
    field: Field,
    kept: Mapping[str, Any],
    gone: Mapping[str, Any],
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Answer a parent that does not lead back to the record the two become.

    The chosen one, else that of the other record, else none.
    """
    own, others = kept[field.name], gone[field.name]
    wanted = values.get(field.name, own)
    second = others if wanted == own else own
    if second == others and gone.get(f"{field.name}__title") is None:
        second = None
    for value in (wanted, second):
        above = await _above(ctx, plan, field.name, value)
        # A ring that stood there before is not ours to break.
        if gone["id"] not in above and (value == own or kept["id"] not in above):
            return {field.name: value}
    return {field.name: None}


async def _above(ctx: Context, plan: EntityPlan, column: str, begin: int | None) -> set[int]:
    if begin is None:
        return set()
    # UNION drops repeats, so a ring that already stands in the data ends the search as well.
    rows = await ctx.db.rows(
        f"WITH RECURSIVE up (id) AS (SELECT $1::bigint UNION "  # noqa: S608 - declared
        f'SELECT t."{column}" FROM "{plan.tablename}" t JOIN up ON t.id = up.id '
        f'WHERE t."{column}" IS NOT NULL) SELECT id FROM up',
        begin,
    )
    return {row["id"] for row in rows}
