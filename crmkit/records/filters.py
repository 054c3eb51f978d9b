"""A filter: field, operator, value, and the SQL of it."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.access.predicate import title_condition
from crmkit.errors import InvalidError
from crmkit.model.values import N_

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.records.statement import Statement

OPERATORS: dict[str, tuple[str, ...]] = {
    "text": ("contains", "is", "not", "empty", "filled"),
    "textarea": ("contains", "empty", "filled"),
    "email": ("contains", "is", "empty", "filled"),
    "phone": ("contains", "is", "empty", "filled"),
    "url": ("contains", "empty", "filled"),
    "number": ("is", "over", "under", "empty", "filled"),
    "decimal": ("is", "over", "under", "empty", "filled"),
    "money": ("over", "under", "is", "empty", "filled"),
    "date": ("is", "from", "over", "under", "empty", "filled"),
    "datetime": ("from", "over", "under", "empty", "filled"),
    "checkbox": ("is",),
    "choice": ("is", "not", "in", "empty", "filled"),
    "reference": ("contains", "is", "not", "me", "empty", "filled"),
    "currency": ("is",),
}
#: Not a column: whether a step of the record is planned.
NEXT_STEP = "next_step"
#: As the value of a filter on a moment: the present one.
NOW = "now"
_MOST = 200


class Filter(msgspec.Struct, frozen=True):
    """`value` is text as in the URL; for `in`, keys separated by commas."""

    field: str
    op: str
    value: str = ""


def filter_sql(ctx: Context, plan: EntityPlan, each: Filter, statement: Statement) -> str:
    """Answer the condition of one filter.

    Raises:
        InvalidError: No such field, operator or value; names it.
    """
    if each.field == NEXT_STEP and plan.step_links:
        return _step_sql(ctx, plan, each)
    field = plan.field(each.field)
    if field is None or not (field.filterable or field.name in plan.filters):
        text = ctx.translate(N_("`{field}` is no field to filter by. Remove it."))
        raise InvalidError(text.format(field=each.field[:80]))
    if each.op not in OPERATORS.get(field.kind, ()):
        raise _no_way(ctx, each)
    return _condition(ctx, field, each, statement)


def _no_way(ctx: Context, each: Filter) -> InvalidError:
    text = ctx.translate(N_("`{way}` is no way to filter `{field}` by. Choose another."))
    return InvalidError(text.format(way=each.op[:80], field=each.field[:80]))


def _step_sql(ctx: Context, plan: EntityPlan, each: Filter) -> str:
    """Whether a record has an open step; a fact about the record, whoever holds the step."""
    if each.op not in {"empty", "filled"}:
        raise _no_way(ctx, each)
    found = []
    for link in plan.step_links:
        target = ctx.site.entity(link.entity)
        steps = target.steps
        if steps is not None:
            found.append(
                f'EXISTS (SELECT 1 FROM "{target.tablename}" s WHERE s."{link.column}" = t.id '  # noqa: S608 - checked names
                f'AND s."{steps.done}" IS NULL AND s."{steps.due}" IS NOT NULL '
                "AND s.trashed_at IS NULL)"
            )
    test = f"({' OR '.join(found)})"
    return test if each.op == "filled" else f"NOT {test}"


def _condition(ctx: Context, field: Field, each: Filter, statement: Statement) -> str:
    expression, add = field.sql(), statement.add
    textual = field.kind not in {
        "number", "decimal", "money", "date", "datetime", "checkbox", "reference",
    }  # fmt: skip
    # What an index of the field holds, where it has one.
    indexed = field.sort_sql() if field.sortable else expression
    if each.op in {"empty", "filled"}:
        test = f"{field.sort_sql()} = ''" if textual else f"{expression} IS NULL"
        return f"({test})" if each.op == "empty" else f"NOT ({test})"
    if each.op == "me":
        return f"{expression} = {add(ctx.user_id)}"
    if each.op == "contains":
        return _contains(ctx, field, expression, each.value, statement)
    if each.op == "in":
        return f"{indexed} = ANY({add(each.value.split(',')[:_MOST])}::text[])"
    cast = "::numeric" if field.kind in {"number", "decimal", "money"} else ""
    value = f"{add(_typed(ctx, field, each))}{cast}"
    sign = {"is": "=", "from": ">=", "over": ">", "under": "<"}.get(each.op)
    if sign is None:
        return f"{expression} IS DISTINCT FROM {value}"
    # The second half is for values that the index holds folded, or for none as the last of all.
    exact = "" if textual and not field.has_key else f" AND {expression} IS NOT NULL"
    if field.has_key:
        exact, value = f" AND {expression} = {value}", f"lower(crm_unaccent({value}))"
    return f"({indexed} {sign} {value}{exact})"


def _contains(ctx: Context, field: Field, expression: str, text: str, statement: Statement) -> str:
    folded = f"LIKE lower(crm_unaccent({statement.add(_pattern(text))}))"
    if field.kind == "reference":
        target = ctx.site.entity(field.reference)
        title = (
            f'r."{target.title}_key"'
            if target.title_field.has_key
            else f"lower(crm_unaccent({field.title_sql('r')}))"
        )
        hidden = title_condition(ctx, target, "r", statement.next)
        shown = f" AND {hidden.text}" if hidden is not None else ""
        statement.args.extend(hidden.args if hidden is not None else ())
        return (
            f'EXISTS (SELECT 1 FROM "{target.tablename}" r WHERE r.id = {expression} '  # noqa: S608 - checked names
            f"AND {title} {folded}{shown})"
        )
    if field.has_key:
        return f't."{field.name}_key" {folded}'
    return f"lower(crm_unaccent({expression})) {folded}"


def _pattern(text: str) -> str:
    escaped = text[:_MOST].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _moment(ctx: Context, value: str) -> datetime:
    """Answer the present moment, or that at which a day begins where the reader is."""
    if value == NOW:
        return ctx.now()
    return datetime.combine(date.fromisoformat(value), time.min, ctx.time_zone)


def _typed(ctx: Context, field: Field, each: Filter) -> Any:  # noqa: ANN401 - one return a kind
    value = each.value.strip()
    try:
        if field.kind in {"number", "decimal", "money"}:
            number = Decimal(value.replace(",", "."))
            if not number.is_finite():
                raise ValueError(value)  # noqa: TRY301
            return number
        if field.kind == "date":
            return date.fromisoformat(value)
        if field.kind == "datetime":
            return _moment(ctx, value)
        if field.kind == "reference":
            number_ = int(value)
            if abs(number_) >= 2**63:
                raise ValueError(value)  # noqa: TRY301
            return number_
        if field.kind == "checkbox":
            return value in {"1", "true", "yes"}
    except (ValueError, InvalidOperation) as error:
        text = ctx.translate(N_("The filter on {field} has a value that does not fit: {value}."))
        raise InvalidError(
            text.format(field=ctx.translate(field.label), value=value[:80])
        ) from error
    if "\x00" in value:
        raise InvalidError(ctx.translate(N_("A filter holds a NUL character. Remove it.")))
    return value
