"""One statement for each list: columns, permission, filters, search, order, keyset page."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from crmkit.access.predicate import predicate, title_condition
from crmkit.errors import InvalidError
from crmkit.records.amounts import currency_sql
from crmkit.records.filters import Filter, filter_sql
from crmkit.records.statement import Statement

if TYPE_CHECKING:
    from crmkit.model.context import Context
    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan

PAGE_SIZE = 50
COUNT_CAP = 1000


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows.

    Attributes:
        columns: Field names; empty means the entity's list.
        filters: All must hold.
        sort: Field name; "" sorts by title.
        token: Where the page begins, from `Listing.next_token` or `prev_token`.
        backwards: The token is the beginning of the page after.
        search: Substring of the title, folded.
        trashed: Only what lies in the trash.
    """

    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: str = ""
    descending: bool = False
    token: str = ""
    backwards: bool = False
    limit: int = PAGE_SIZE
    search: str = ""
    trashed: bool = False


class Listing(msgspec.Struct, frozen=True):
    """A page of rows; a reference `x` has its title in `x__title`."""

    rows: list[asyncpg.Record]
    next_token: str = ""
    prev_token: str = ""


class Count(msgspec.Struct, frozen=True):
    """How many rows; `capped` says there are more."""

    number: int
    capped: bool


class GroupRow(msgspec.Struct, frozen=True):
    """Rows of one value: the stored value, its title, how many, and the sum of a money field."""

    value: Any
    title: str
    count: int
    total: Decimal | None


async def where_clause(
    ctx: Context, plan: EntityPlan, query: ListQuery, statement: Statement
) -> str:
    """Answer the condition of a list: permission first, then trash, filters and search.

    Raises:
        InvalidError: A filter names no field, or its value does not fit.
    """
    allowed = predicate(ctx, plan, "read", "t", statement.next)
    statement.args.extend(allowed.args)
    parts = [f"({allowed.text})", f"t.trashed_at IS {'NOT ' if query.trashed else ''}NULL"]
    for each in query.filters:
        parts.append(await filter_sql(ctx, plan, each, statement))  # noqa: PERF401 - awaited in order
    if query.search.strip():
        title = plan.title_field
        column = f't."{title.name}_key"' if title.has_key else f"lower({title.sql()})"
        term = statement.add(f"%{_like(query.search.strip()[:200])}%")
        parts.append(f"{column} LIKE lower(crm_unaccent({term}))")
    return " AND ".join(parts)


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def sort_field(plan: EntityPlan, query: ListQuery) -> Field:
    """Answer the field a list is sorted by.

    Raises:
        InvalidError: There is none of that name, or it has no order.
    """
    field = plan.field(query.sort or plan.title)
    if field is None or not (field.sortable or field.name == plan.title):
        raise InvalidError(
            f"`{query.sort}` is no field to sort {plan.name} by.", {"sort": "choose another field"}
        )
    return field


_CASTS = {
    "number": "::text::numeric",
    "decimal": "::text::numeric",
    "money": "::text::numeric",
    "date": "::text::date",
    "datetime": "::text::timestamptz",
}


def _encode(value: Any, record: int) -> str:  # noqa: ANN401
    raw = msgspec.json.encode([str(value), record])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(token: str) -> tuple[str, int]:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        value, record = msgspec.json.decode(raw, type=tuple[str, int])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidError(
            "The page mark in the address is damaged. Open the list from its first page.",
            {"page": "open the first page"},
        ) from error
    return value, record


def select_list(
    ctx: Context, plan: EntityPlan, names: tuple[str, ...], statement: Statement
) -> str:
    """Answer the select list for fields; references bring their title along, each by itself.

    A title is looked up by its id in a subquery: seven joins take 6 ms to plan, seven subqueries
    half of one, and a page has few rows. What reads whole tables takes `joined_list`.
    """
    columns, _joins = _columns(ctx, plan, names, statement, joined=False)
    return columns


def joined_list(
    ctx: Context, plan: EntityPlan, names: tuple[str, ...], statement: Statement
) -> tuple[str, str]:
    """Answer (select list, joins) for fields of very many rows."""
    return _columns(ctx, plan, names, statement, joined=True)


def _columns(
    ctx: Context,
    plan: EntityPlan,
    names: tuple[str, ...],
    statement: Statement,
    *,
    joined: bool,
) -> tuple[str, str]:
    columns = ["t.id", "t.version", "t.owner AS owner_id", "t.trashed_at"]
    joins: list[str] = []
    for name in names:
        field = plan.fields[name]
        columns.append(f'{field.sql()} AS "{name}"')
        if field.kind == "money" and not field.is_custom:
            columns.append(f'{currency_sql(ctx, plan)} AS "currency"')
        if field.kind == "reference" and field.reference:
            alias = f"r{len(joins)}" if joined else "r"
            table, condition = titled(ctx, field, alias, field.sql(), statement)
            title = field.title_sql(alias)
            if joined:
                joins.append(f"LEFT JOIN {table} ON {condition}")
            else:
                title = f"(SELECT {title} FROM {table} WHERE {condition})"  # noqa: S608
            columns.append(f'{title} AS "{name}__title"')
    return ", ".join(dict.fromkeys(columns)), " ".join(joins)


def titled(
    ctx: Context, field: Field, alias: str, value: str, statement: Statement
) -> tuple[str, str]:
    """Answer (table, condition) of what a reference points to; a row a plugin hides is not there.

    Args:
        value: Expression of the id.
    """
    table, condition = f'"{field.target_table}" {alias}', f"{alias}.id = {value}"
    target = ctx.site.entity(field.reference)
    hidden = title_condition(ctx, target, alias, statement.next)
    if hidden is None:
        return table, condition
    statement.args.extend(hidden.args)
    return table, f"{condition} AND {hidden.text}"


async def list_statement(ctx: Context, plan: EntityPlan, query: ListQuery) -> tuple[str, list[Any]]:
    """Answer the one statement of a list page and its arguments.

    Raises:
        InvalidError: A field, filter or page mark that does not fit.
    """
    statement = Statement()
    names = query.columns or plan.list
    unknown = [name for name in names if name not in plan.fields]
    if unknown:
        raise InvalidError(
            f"{plan.name} has no field `{unknown[0]}`.", {"columns": "choose others"}
        )
    field = sort_field(plan, query)
    key = field.sort_sql()
    where = await where_clause(ctx, plan, query, statement)
    descending = query.descending != query.backwards
    if query.token:
        value, record = _decode(query.token)
        cast = _CASTS.get(field.kind, "::text")
        sign = "<" if descending else ">"
        where += (
            f" AND ({key}, t.id) {sign} "
            f"({statement.add(value)}{cast}, {statement.add(record)}::bigint)"
        )
    order = "DESC" if descending else "ASC"
    columns = select_list(ctx, plan, names, statement)
    # Rows first, titles after: they are looked up for one page only.
    text = (
        f"SELECT {columns}, t.sort_key FROM ("  # noqa: S608 - checked names
        f'SELECT t.*, {key} AS sort_key FROM "{plan.tablename}" t WHERE {where} '
        f"ORDER BY {key} {order}, t.id {order} LIMIT {int(query.limit) + 1}"
        f") t ORDER BY t.sort_key {order}, t.id {order}"
    )
    return text, statement.args


async def list_records(ctx: Context, plan: EntityPlan, query: ListQuery) -> Listing:
    """Read one page of a list."""
    text, args = await list_statement(ctx, plan, query)
    try:
        rows = await ctx.db.rows(text, *args)
    except asyncpg.DataError as error:
        if query.token:
            raise InvalidError(
                "The page mark in the address does not fit this order. Open the first page.",
                {"page": "open the first page"},
            ) from error
        raise InvalidError(
            "A filter has a value that does not fit. Change or remove it."
        ) from error
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    if query.backwards:
        rows.reverse()
    has_next = more if not query.backwards else bool(query.token)
    has_prev = bool(query.token) if not query.backwards else more
    return Listing(
        rows=rows,
        next_token=_encode(rows[-1]["sort_key"], rows[-1]["id"]) if rows and has_next else "",
        prev_token=_encode(rows[0]["sort_key"], rows[0]["id"]) if rows and has_prev else "",
    )


async def count_records(
    ctx: Context, plan: EntityPlan, query: ListQuery, cap: int | None = COUNT_CAP
) -> Count:
    """Count what a list would show, at most `cap`; None counts all."""
    statement = Statement()
    where = await where_clause(ctx, plan, query, statement)
    limit = f" LIMIT {cap + 1}" if cap is not None else ""
    number = await ctx.db.value(
        f'SELECT count(*) FROM (SELECT 1 FROM "{plan.tablename}" t WHERE {where}{limit}) x',  # noqa: S608
        *statement.args,
    )
    if cap is not None and number > cap:
        return Count(cap, capped=True)
    return Count(number, capped=False)


async def group_records(
    ctx: Context, plan: EntityPlan, query: ListQuery, by: str, sum_field: str = ""
) -> list[GroupRow]:
    """Count and sum all rows of each value of a field, uncapped, largest sum first.

    Of money what is in the currency of the site is added up.

    Raises:
        InvalidError: The list cannot be grouped or summed by that field.
    """
    field = plan.field(by)
    if field is None or field.kind not in {"reference", "choice", "text", "checkbox"}:
        raise InvalidError(f"{plan.name} cannot be grouped by `{by}`.", {"group": "choose another"})
    total = plan.field(sum_field) if sum_field else None
    statement = Statement()
    where = await where_clause(ctx, plan, query, statement)
    summed = f"sum({total.sql()})" if total is not None else "NULL::numeric"
    if total is not None and total.kind == "money" and "currency" in plan.fields:
        # Sums of different currencies mean nothing: only the site's own is added up.
        summed += f" FILTER (WHERE t.currency IN ('', {statement.add(ctx.config.currency)}))"
    inner = (
        f"SELECT {field.sql()} AS value, count(*) AS count, {summed} AS total "  # noqa: S608
        f'FROM "{plan.tablename}" t WHERE {where} GROUP BY 1'
    )
    title = "g.value::text"
    join = ""
    if field.kind == "reference" and field.reference:
        table, condition = titled(ctx, field, "r", "g.value", statement)
        join = f"LEFT JOIN {table} ON {condition}"
        title = f"coalesce({field.title_sql('r')}::text, '')"
    rows = await ctx.db.rows(
        f"SELECT g.value, {title} AS title, g.count, g.total FROM ({inner}) g {join} "  # noqa: S608
        "ORDER BY g.total DESC NULLS LAST, g.count DESC, 2 LIMIT 500",
        *statement.args,
    )
    return [
        GroupRow(row["value"], field.choice_label(row["title"] or ""), row["count"], row["total"])
        for row in rows
    ]


def plain(value: Any) -> Any:  # noqa: ANN401
    """Answer a value as JSON keeps it: dates as ISO text, decimals as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value
