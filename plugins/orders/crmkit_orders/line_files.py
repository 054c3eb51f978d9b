"""Lines of a file: which column is what, and every number read or refused with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmkit import N_, InvalidError, read_number
from crmkit_orders.domain.errors import AmountError
from crmkit_orders.domain.money import check_price, check_quantity
from crmkit_orders.domain.pasted_numbers import find_written
from crmkit_orders.domain.pasted_tables import heading_of
from crmkit_orders.domain.pasting import MOST_CHARACTERS, PastedLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from crmkit import Context, TableFile, TableRow

#: Problems that are named; of the others it is said how many there are.
_NAMED = 10

_NO_QUANTITY = N_("is no quantity; write a number above 0, with up to 4 digits after the point")
_NO_PRICE = N_("is no price; write a number with up to 6 digits after the point")
_FORMULA = N_("is a formula; put its value there")
_TOO_LONG = N_("is longer than 200 characters; shorten it")


class _WrongCellError(Exception):
    """A cell cannot be used; the arguments are its text and why, in the reader's language."""


def lines_of_file(ctx: Context, table: TableFile, currency: str) -> tuple[PastedLine, ...]:
    """Understand the rows of a file; numbers are written as the reader writes them.

    Returns:
        A line for each row, in order; one whose quantity cell is empty has none.

    Raises:
        InvalidError: The heading names no product, or cells cannot be used: all of them at once,
            each with its line.
    """
    places = heading_of(list(table.columns))
    if "code" not in places and "name" not in places:
        text = N_("The first line of the file does not say which column is what. Name a column "
                  "Code or Name, and others Quantity and Price.")  # fmt: skip
        raise InvalidError(ctx.translate(text))
    lines: list[PastedLine] = []
    wrong: list[str] = []
    for row in table.rows:
        try:
            lines.append(_line(ctx, row, places, currency))
        except _WrongCellError as error:
            value, problem = error.args
            text = N_("Line {line}: {problem}.") if not value else N_("Line {line}: `{value}` "
                                                                      "{problem}.")  # fmt: skip
            wrong.append(ctx.translate(text).format(line=row.line, value=value, problem=problem))
    if wrong:
        raise _refused(ctx, wrong)
    return tuple(lines)


def left_out(table: TableFile) -> Sequence[str]:
    """Answer the columns of a file that nothing was made of."""
    used = set(heading_of(list(table.columns)).values())
    return [name for place, name in enumerate(table.columns) if place not in used]


def _refused(ctx: Context, wrong: Sequence[str]) -> InvalidError:
    shown = list(wrong[:_NAMED])
    if len(wrong) > _NAMED:
        text = ctx.translate(N_("Lines with problems besides these: {n}."))
        shown.append(text.format(n=len(wrong) - _NAMED))
    text = ctx.translate(N_("Nothing was added. Mend the file and send it again."))
    return InvalidError(text, {f"line {number}": each for number, each in enumerate(shown)})


def _line(ctx: Context, row: TableRow, places: Mapping[str, int], currency: str) -> PastedLine:
    cells = {name: row.cells[place].strip() for name, place in places.items()}
    for text in cells.values():
        if text.startswith("="):
            raise _WrongCellError(text[:MOST_CHARACTERS], ctx.translate(_FORMULA))
        if len(text) > MOST_CHARACTERS:
            raise _WrongCellError(text[:20], ctx.translate(_TOO_LONG))
    code, name = cells.get("code", ""), cells.get("name", "")
    if not code and not name:
        text = N_("there is no product; enter its code or its name")
        raise _WrongCellError("", ctx.translate(text))
    quantity = _number(ctx, cells.get("quantity", ""), _NO_QUANTITY, currency)
    price = _number(ctx, cells.get("unit_price", ""), _NO_PRICE, currency)
    try:
        if quantity is not None:
            check_quantity(quantity)
    except AmountError as error:
        raise _WrongCellError(cells["quantity"], ctx.translate(_NO_QUANTITY)) from error
    if quantity is not None and quantity <= 0:
        raise _WrongCellError(cells["quantity"], ctx.translate(_NO_QUANTITY))
    try:
        if price is not None:
            check_price(price)
    except AmountError as error:
        raise _WrongCellError(cells["unit_price"], ctx.translate(_NO_PRICE)) from error
    said = " ".join(text for text in (code, name) if text)
    return PastedLine(
        number=row.line, text=said[:MOST_CHARACTERS], code=code, name=name, quantity=quantity,
        unit_price=price, problem="",
    )  # fmt: skip


def _number(ctx: Context, text: str, problem: str, currency: str) -> Decimal | None:
    """Answer the number of a cell, with at most a known mark such as "pcs" around it."""
    if not text:
        return None
    written = find_written(text)
    if written is None:
        raise _WrongCellError(text, ctx.translate(problem))
    try:
        number = read_number(ctx, written.body, currency)
    except InvalidError as error:
        raise _WrongCellError(text, error.message.rstrip(".")) from error
    return -number if written.is_negative else number
