"""What companies and people can be chosen by: what they bought, when last, how often, for how much.

An order counts from its confirmation on and while it is not cancelled, with the day on which it
was confirmed. Of orders that the reader may not see nothing is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import N_, Computed, Extension, ListFilter, format_date, format_money
from crmkit_orders.asking import Question
from crmkit_orders.states import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmkit import Context, FilterQuestion

    Build = Callable[[FilterQuestion], str]

_ORDER, _LINE = "orders.order", "orders.order_line"
#: As the indexes of migration 0005 say it, so that PostgreSQL finds them.
_COUNTS = "state NOT IN ('draft', 'cancelled')"
#: Operators that hold of the last order when they hold of any: the last one is the latest.
_FROM_THEN_ON = frozenset({"from", "over", "recent", "filled"})


def _bought(client: str) -> Build:
    """A product stands in a line of an order of theirs."""

    def build(question: FilterQuestion) -> str:
        orders = question.rows(_ORDER, "o")
        lines = question.parts(_LINE, "l", "o")
        return (
            f"{question.record} IN (SELECT o.{client} FROM {orders}, {lines} "  # noqa: S608 - of our own
            f"WHERE o.{_COUNTS} AND o.{client} IS NOT NULL AND {question.test('l.product')})"
        )

    return build


def _last(client: str) -> Build:
    """The latest of their confirmations is of a day."""

    def build(question: FilterQuestion) -> str:
        some = (
            f"EXISTS (SELECT 1 FROM {question.rows(_ORDER, 'o')} "  # noqa: S608 - of our own
            f"WHERE o.{client} = {question.record} AND o.{_COUNTS} "
            f"AND {question.test('o.confirmed_at')})"
        )
        if question.op in _FROM_THEN_ON:
            return some
        return (
            f"{some} AND NOT EXISTS (SELECT 1 FROM {question.rows(_ORDER, 'p')} "  # noqa: S608
            f"WHERE p.{client} = {question.record} AND p.{_COUNTS} "
            f"AND NOT {question.test('p.confirmed_at')})"
        )

    return build


def _total(client: str) -> Build:
    """Their orders of one currency come to an amount, tax included; without one it is 0."""

    def build(question: FilterQuestion) -> str:
        currency = f" AND o.currency = {question.add(question.currency)}"
        return _adds_up(question, client, "sum(o.gross)", currency)

    return build


def _count(client: str) -> Build:
    """There are so many of their orders."""

    def build(question: FilterQuestion) -> str:
        return _adds_up(question, client, "count(*)", "")

    return build


def _adds_up(question: FilterQuestion, client: str, what: str, more: str) -> str:
    """Answer the condition on a figure of a client's orders, found once for all clients."""
    found = f"FROM {question.rows(_ORDER, 'o')} WHERE o.{_COUNTS} AND o.{client} IS NOT NULL{more}"
    return (
        f"({question.record} IN (SELECT o.{client} {found} GROUP BY o.{client} "
        f"HAVING {question.test(what)}) OR ({question.test('0::numeric')} "
        f"AND {question.record} NOT IN (SELECT o.{client} {found})))"
    )


def _filters(client: str) -> list[ListFilter]:
    return [
        ListFilter(
            "product", N_("Product bought"), _bought(client), (_ORDER, _LINE), kind="reference",
            reference="orders.product", operators=("contains", "is", "not"),
        ),
        ListFilter(
            "last_order", N_("Last order"), _last(client), (_ORDER,), kind="datetime",
            operators=("recent", "older", "from", "under", "empty", "filled"),
        ),
        ListFilter(
            "total", N_("Orders in all"), _total(client), (_ORDER,), kind="money",
            operators=("from", "under"), hint=N_("1000 EUR"),
        ),
        ListFilter(
            "count", N_("Number of orders"), _count(client), (_ORDER,), kind="number",
            operators=("from", "under", "is"),
        ),
    ]  # fmt: skip


async def _last_orders(ctx: Context, client: str, ids: Sequence[int]) -> Mapping[int, object]:
    question = Question(ctx)
    rows = await question.rows(
        f"SELECT t.{client} AS client, max(t.confirmed_at) AS at FROM orders_order t "  # noqa: S608
        f"WHERE t.{client} = ANY({question.add(list(ids))}::bigint[]) AND t.{_COUNTS} "
        f"AND {question.may(_ORDER)} GROUP BY 1"
    )
    return {
        row["client"]: format_date(ctx, row["at"].astimezone(ctx.time_zone).date())
        for row in rows
        if row["at"]
    }


async def _open_values(ctx: Context, client: str, ids: Sequence[int]) -> Mapping[int, object]:
    question = Question(ctx)
    running = question.add(sorted(RUNNING))
    rows = await question.rows(
        f"SELECT t.{client} AS client, t.currency, sum(t.gross) AS open FROM orders_order t "  # noqa: S608
        f"WHERE t.{client} = ANY({question.add(list(ids))}::bigint[]) "
        f"AND t.state = ANY({running}::text[]) AND {question.may(_ORDER)} "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )
    found: dict[int, object] = {}
    for row in rows:
        if row["open"]:
            said = format_money(ctx, row["open"], row["currency"] or ctx.config.currency)
            before = found.get(row["client"])
            found[row["client"]] = f"{before} + {said}" if before else said
    return found


def _columns(client: str) -> list[Computed]:
    async def last(ctx: Context, ids: Sequence[int]) -> Mapping[int, object]:
        return await _last_orders(ctx, client, ids)

    async def open_value(ctx: Context, ids: Sequence[int]) -> Mapping[int, object]:
        return await _open_values(ctx, client, ids)

    return [
        Computed("last_order", N_("Last order"), last, (_ORDER,)),
        Computed("open_value", N_("Open value"), open_value, (_ORDER,)),
    ]


SEGMENTS = tuple(
    Extension(f"crm.{client}", filters=_filters(client), columns=_columns(client))
    for client in ("company", "person")
)
