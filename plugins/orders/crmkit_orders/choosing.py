"""What a client takes of a quote: the options that are ticked, and how much of each."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from crmkit import N_, InvalidError, format_number, read_number
from crmkit_orders.domain.errors import RuleError
from crmkit_orders.domain.options import Span, check_taken, span_of
from crmkit_orders.told import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit import Context

_ZERO = Decimal(0)
_LONGEST = 30


class Choice(NamedTuple):
    """What a form says of the options of a quote, each by the id of its line.

    Attributes:
        taken: How much is taken of those that are ticked; of a wrong one as much as is offered.
        typed: What was entered as a quantity, ticked or not.
        problems: Why a quantity cannot be.
    """

    taken: Mapping[int, Decimal]
    typed: Mapping[int, str]
    problems: Mapping[int, str]


NOTHING = Choice({}, {}, {})


def is_open_option(row: Mapping[str, Any]) -> bool:
    """Say whether a line of a quote is an option that was not chosen yet."""
    return bool(row["is_optional"]) and not row["is_chosen"]


def span_of_row(row: Mapping[str, Any]) -> Span:
    """Answer how much of an option may be taken."""
    return span_of(row["quantity"] or _ZERO, row["min_quantity"], row["max_quantity"])


def read_choice(ctx: Context, rows: Sequence[Mapping[str, Any]], form: Mapping[str, Any]) -> Choice:
    """Answer what a client chose on the page of a quote, numbers by the language of `ctx`.

    Args:
        rows: Lines of the quote.
        form: `option.7` where the option of line 7 is ticked, `quantity.7` how much of it.
    """
    taken: dict[int, Decimal] = {}
    typed: dict[int, str] = {}
    problems: dict[int, str] = {}
    for row in filter(is_open_option, rows):
        number, span = row["id"], span_of_row(row)
        text = str(form.get(f"quantity.{number}") or "").strip()[:_LONGEST]
        if text:
            typed[number] = text
        if f"option.{number}" not in form:
            continue
        taken[number] = row["quantity"] or _ZERO
        try:
            wanted = read_number(ctx, text) if text else taken[number]
            check_taken(wanted, span)
            taken[number] = wanted
        except (InvalidError, RuleError):
            told = ctx.translate(N_("{option}: enter a quantity from {least} to {most}."))
            problems[number] = told.format(
                option=row["text"], least=format_number(ctx, plain(span.least)),
                most=format_number(ctx, plain(span.most)),
            )  # fmt: skip
    return Choice(taken, typed, problems)
