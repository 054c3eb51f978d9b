"""The SQL of one comparison: a value of a record, an operator, what was typed."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from crmkit.access.predicate import title_condition
from crmkit.errors import InvalidError
from crmkit.model.list_filter import IN_DAYS, NOW
from crmkit.model.values import N_
from crmkit.model.written_numbers import NumberMarks
from crmkit.records.values import ValueProblem, read_decimal

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.records.statement import Statement

_MOST = 200
_MOST_DAYS = 36_500
_NOT_TEXT = frozenset(
    {"number", "decimal", "money", "date", "datetime", "checkbox", "reference"}
)  # fmt: skip
_NUMBERS = frozenset({"number", "decimal", "money"})
#: A filter is a part of an address, which others open: nobody's language counts.
_SHARED = NumberMarks(".")
_SIGNS = {"is": "=", "from": ">=", "over": ">", "under": "<"}


def field_condition(ctx: Context, field: Field, op: str, value: str, statement: Statement) -> str:
    """Answer under which condition a field of the row `t` is as a filter asks.

    Raises:
        InvalidError: The value does not fit.
    """
    expression = field.sql()
    # What an index of the field holds, where it has one.
    indexed = field.sort_sql() if field.sortable else expression
    if op in {"empty", "filled"}:
        is_text = field.kind not in _NOT_TEXT
        test = f"{field.sort_sql()} = ''" if is_text else f"{expression} IS NULL"
        return f"({test})" if op == "empty" else f"NOT ({test})"
    if op == "contains" and field.has_key:
        return f't."{field.name}_key" {_like(value, statement)}'
    if op == "in":
        return _in(indexed, value, statement)
    if field.has_key and op in _SIGNS:
        typed = statement.add(_typed(ctx, field, value))
        folded = f"lower(crm_unaccent({typed}))"
        return f"({indexed} {_SIGNS[op]} {folded} AND {expression} = {typed})"
    # The second half is for values that the index holds as the last of all, where there is none.
    is_whole = field.kind not in _NOT_TEXT or op in {"contains", "me", "not"}
    exact = "" if is_whole else f" AND {expression} IS NOT NULL"
    left = indexed if op in _SIGNS or op in IN_DAYS else expression
    return f"({compare(ctx, field, left, op, value, statement)}{exact})"


def compare(
    ctx: Context, field: Field, left: str, op: str, value: str, statement: Statement
) -> str:
    """Answer the condition that an expression is as asked.

    Args:
        field: How people meet the value: its kind, and for a reference what it refers to.
        left: SQL of the value.

    Raises:
        InvalidError: The value does not fit.
    """
    add = statement.add
    if op == "filled":
        is_text = field.kind not in _NOT_TEXT
        return f"coalesce({left}, '') <> ''" if is_text else f"{left} IS NOT NULL"
    if op == "me":
        return f"{left} = {add(ctx.user_id)}"
    if op == "contains":
        return _contains(ctx, field, left, value, statement)
    if op == "in":
        return _in(left, value, statement)
    if op in IN_DAYS:
        return _in_days(ctx, field, left, op, value, statement)
    cast = "::numeric" if field.kind in _NUMBERS else ""
    typed = f"{add(_typed(ctx, field, value))}{cast}"
    sign = _SIGNS.get(op)
    return f"{left} IS DISTINCT FROM {typed}" if sign is None else f"{left} {sign} {typed}"


def _in(left: str, value: str, statement: Statement) -> str:
    return f"{left} = ANY({statement.add(value.split(',')[:_MOST])}::text[])"


def _in_days(
    ctx: Context, field: Field, left: str, op: str, value: str, statement: Statement
) -> str:
    """Answer the condition of a span that is counted from the reader's today."""
    text = value.strip()
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1  # noqa: PLR2004
    if not 0 <= days <= _MOST_DAYS:
        raise _does_not_fit(ctx, field, value)
    today = ctx.now().astimezone(ctx.time_zone).date()

    def begin(day: date) -> str:
        is_moment = field.kind == "datetime"
        return statement.add(datetime.combine(day, time.min, ctx.time_zone) if is_moment else day)

    if op == "older":
        return f"{left} < {begin(today - timedelta(days))}"
    first, last = (today - timedelta(days), today) if op == "recent" else (
        today, today + timedelta(days)
    )  # fmt: skip
    return f"{left} >= {begin(first)} AND {left} < {begin(last + timedelta(1))}"


def _contains(ctx: Context, field: Field, left: str, text: str, statement: Statement) -> str:
    if field.kind != "reference":
        return f"lower(crm_unaccent({left})) {_like(text, statement)}"
    table, titled = _titled(ctx, field, text, statement)
    return f"EXISTS (SELECT 1 FROM {table} WHERE r.id = {left} AND {titled})"  # noqa: S608 - checked names


def titled_ids(ctx: Context, field: Field, text: str, statement: Statement) -> str:
    """Answer an array of the records whose title contains a text, for a field that refers to them.

    A row that a plugin hides from the reader is none of them.
    """
    table, titled = _titled(ctx, field, text, statement)
    return f"ARRAY(SELECT r.id FROM {table} WHERE {titled})"  # noqa: S608 - checked names


def _titled(ctx: Context, field: Field, text: str, statement: Statement) -> tuple[str, str]:
    """Answer the table `r` a field refers to, and the condition on the titles in it."""
    folded = _like(text, statement)
    target = ctx.site.entity(field.reference)
    title = target.title_field
    key = f'r."{target.title}_key"' if title.has_key else f"lower(crm_unaccent({title.sql('r')}))"
    hidden = title_condition(ctx, target, "r", statement.next)
    shown = f" AND {hidden.text}" if hidden is not None else ""
    statement.args.extend(hidden.args if hidden is not None else ())
    return f'"{target.tablename}" r', f"{key} {folded}{shown}"


def _like(text: str, statement: Statement) -> str:
    escaped = text[:_MOST].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"LIKE lower(crm_unaccent({statement.add(f'%{escaped}%')}))"


def _moment(ctx: Context, value: str) -> datetime:
    """Answer the present moment, or that at which a day begins where the reader is."""
    if value == NOW:
        return ctx.now()
    return datetime.combine(date.fromisoformat(value), time.min, ctx.time_zone)


def _typed(ctx: Context, field: Field, value: str) -> Any:  # noqa: ANN401 - one return a kind
    value = value.strip()
    try:
        if field.kind in _NUMBERS:
            return read_decimal(value, _SHARED)
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
    except ValueProblem as problem:
        raise _does_not_fit(ctx, field, f"{value[:80]} {problem.told(ctx.translate)}") from problem
    except ValueError as error:
        raise _does_not_fit(ctx, field, value[:80]) from error
    if "\x00" in value:
        raise InvalidError(ctx.translate(N_("A filter holds a NUL character. Remove it.")))
    return value


def _does_not_fit(ctx: Context, field: Field, value: str) -> InvalidError:
    text = ctx.translate(N_("The filter on {field} has a value that does not fit: {value}."))
    return InvalidError(text.format(field=ctx.translate(field.label), value=value))
