"""What blanket orders say: the price that was agreed, what was called off, and what is left."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit_orders.domain.errors import RuleError, UnitError
from crmkit_orders.domain.money import QUANTITY_PLACES
from crmkit_orders.domain.prices import FoundPrice, PriceRule, agreed_step
from crmkit_orders.domain.units import convert
from crmkit_orders.reading import Row, read_row, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from crmkit import Context

_ZERO, _ONE = Decimal(0), Decimal(1)
_PRICE_PLACES = 6
#: A line of an agreement with what says whether it can be called off.
_LINES = (
    "SELECT l.*, a.number, a.state, a.company, a.valid_from, a.valid_until, "
    "coalesce(nullif(a.currency, ''), $1) AS currency, a.owner AS agreement_owner, "
    "(a.trashed_at IS NOT NULL) AS is_gone "
    "FROM orders_agreement_line l JOIN orders_agreement a ON a.id = l.agreement "
    "WHERE l.trashed_at IS NULL AND "
)


class Called(NamedTuple):
    """What orders take of a line of a blanket order, in its unit.

    Attributes:
        firm: Of confirmed orders; what was confirmed of them, and not what changed since.
        drafted: Of drafts, and of changes that nobody confirmed yet.
    """

    firm: Decimal = _ZERO
    drafted: Decimal = _ZERO


def in_unit(quantity: Decimal, unit: str, wanted: str) -> Decimal:
    """Answer a quantity in another unit, in the places of a quantity.

    Raises:
        UnitError: The one does not convert into the other.
    """
    if not unit or unit == wanted:
        return quantity
    return round(convert(quantity, unit, wanted), QUANTITY_PLACES)


def runs_on(row: Mapping[str, Any], day: date) -> bool:
    """Say whether an agreement, or a line with what it says, can be called off on a day."""
    first, last = row["valid_from"], row["valid_until"]
    return (
        row["state"] == "running"
        and (first is None or first <= day)
        and (last is None or day <= last)
    )


def today_of(ctx: Context) -> date:
    """Answer the day it is at the site, where agreements begin and end."""
    return ctx.now().astimezone(ctx.config.zone).date()


async def find_line(ctx: Context, line: int | None) -> Row | None:
    """Answer a line of an agreement with what its agreement says; None without one."""
    return await read_row(ctx, f"{_LINES}l.id = $2", ctx.config.currency, line)


async def lines_by_id(ctx: Context, ids: Iterable[int]) -> dict[int, Row]:
    """Answer lines of agreements by id, each as `find_line` does."""
    wanted = sorted(set(ids))
    rows = await read_rows(ctx, f"{_LINES}l.id = ANY($2::bigint[])", ctx.config.currency, wanted)
    return {row["id"]: row for row in rows}


async def lines_of(ctx: Context, agreement: int) -> list[Row]:
    """Answer the lines of an agreement in their order, each as `find_line` does."""
    return await read_rows(
        ctx, f"{_LINES}l.agreement = $2 ORDER BY l.position, l.id", ctx.config.currency, agreement
    )


async def agreed_rules(
    ctx: Context, product: Mapping[str, Any], document: Mapping[str, Any], currency: str,
    on: date, line: Mapping[str, Any] | None = None,
) -> list[PriceRule]:  # fmt: skip
    """Answer what was agreed on for a product with the client of a document, as rules.

    Args:
        line: Of an order, where it is there: what was confirmed of it is left for it.
    """
    if document["company"] is None:
        return []
    rows = await read_rows(
        ctx,
        f"{_LINES}l.product = $2 AND a.company = $3 AND a.state = 'running' "
        "AND a.trashed_at IS NULL AND coalesce(nullif(a.currency, ''), $1) = $4 "
        "AND coalesce(a.valid_until, $5) >= $5 AND l.unit_price IS NOT NULL ORDER BY l.id",
        ctx.config.currency, product["id"], document["company"], currency, on,
    )  # fmt: skip
    made = []
    for row in rows:
        try:
            left = _left_for(row, line)
            if left is not None:
                left = max(_ZERO, in_unit(left, row["unit"], product["unit"]))
            price = price_in(row, product["unit"])
        except UnitError:
            continue  # it was agreed in a unit that the product no longer has
        made.append(
            PriceRule(
                id=row["id"], list_name=row["number"], company=row["company"], price=price,
                valid_from=row["valid_from"], valid_until=row["valid_until"], currency=currency,
                is_agreed=True, left=left,
            )
        )  # fmt: skip
    return made


def _left_for(row: Mapping[str, Any], line: Mapping[str, Any] | None) -> Decimal | None:
    """Answer what is left of an agreed line for an order's line, which may take of it already."""
    left: Decimal | None = row["remaining"]
    if left is None or line is None or line.get("agreement_line") != row["id"]:
        return left
    return left + in_unit(line.get("confirmed") or _ZERO, line["unit"], row["unit"])


def price_in(row: Mapping[str, Any], unit: str) -> Decimal:
    """Answer the agreed price of one of another unit.

    Raises:
        UnitError: The one does not convert into the other.
    """
    price: Decimal = row["unit_price"]
    if not unit or unit == row["unit"]:
        return price
    return round(price * convert(_ONE, unit, row["unit"]), _PRICE_PLACES)


async def called_price(ctx: Context, line: int, unit: str) -> FoundPrice | None:
    """Answer the price of an order's line that takes of a blanket order, however much is left."""
    row = await find_line(ctx, line)
    if row is None or row["unit_price"] is None:
        return None
    try:
        price = price_in(row, unit)
    except RuleError:
        return None
    return agreed_step(row["id"], row["number"], price, row["remaining"])


async def called_of(ctx: Context, lines: Mapping[int, str], but: int = 0) -> dict[int, Called]:
    """Count what orders take of lines of agreements; one statement.

    Args:
        lines: Id of each to its unit.
        but: Id of an order that is not counted.
    """
    rows = await read_rows(
        ctx,
        "SELECT l.agreement_line AS line, l.unit, sum(x.firm) AS firm, "
        "sum(CASE WHEN l.trashed_at IS NULL THEN greatest(coalesce(l.quantity, 0) "
        "- coalesce(l.cancelled, 0) - x.firm, 0) ELSE 0 END) AS drafted "
        'FROM orders_order_line l JOIN orders_order o ON o.id = l."order", LATERAL ('
        "SELECT CASE WHEN o.state = 'draft' THEN 0 ELSE "
        "greatest(coalesce(l.confirmed, 0) - coalesce(l.cancelled, 0), 0) END AS firm) x "
        "WHERE l.agreement_line = ANY($1::bigint[]) AND o.id <> $2 "
        "AND o.state <> 'cancelled' AND o.trashed_at IS NULL GROUP BY 1, 2",
        sorted(lines), but,
    )  # fmt: skip
    found = dict.fromkeys(lines, Called())
    for row in rows:
        unit, before = lines[row["line"]], found[row["line"]]
        found[row["line"]] = Called(
            before.firm + in_unit(row["firm"], row["unit"], unit),
            before.drafted + in_unit(row["drafted"], row["unit"], unit),
        )
    return found


async def lock_agreements(ctx: Context, lines: Iterable[int]) -> None:
    """Lock the agreements of lines until the transaction ends, in the order of their ids.

    Orders that call off one agreement take turns, so that each sees what the other took. Lines
    of orders that are being written refer to an agreement, which this weaker lock allows.
    """
    await read_rows(
        ctx,
        "SELECT id FROM orders_agreement WHERE id IN (SELECT agreement FROM orders_agreement_line "
        "WHERE id = ANY($1::bigint[])) ORDER BY id FOR NO KEY UPDATE",
        sorted(set(lines)),
    )


def lines_called(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Answer the lines of agreements that lines of an order take of."""
    return sorted({row["agreement_line"] for row in rows if row["agreement_line"]})
