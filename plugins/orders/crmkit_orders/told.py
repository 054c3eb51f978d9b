"""What the rules of `domain` refuse, in the reader's language."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from crmkit import Sentence, format_date, format_full_date, format_number, format_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit import Context
    from crmkit_orders.domain.errors import RuleError


def fill(ctx: Context, text: str, values: Mapping[str, object]) -> str:
    """Answer a text of the domain translated, its places filled as the reader writes them."""
    shown: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Decimal):
            shown[name] = format_number(ctx, plain(value))
        else:
            shown[name] = format_date(ctx, value) if isinstance(value, date) else value
    return ctx.translate(text).format(**shown)


def told(ctx: Context, error: RuleError) -> str:
    """Answer why a rule refuses."""
    return fill(ctx, error.text, error.values)


def kept(text: str, values: Mapping[str, object]) -> Sentence:
    """Answer a text of the domain to be kept, so that any reader reads it in his language."""
    shown = {n: plain(v) if isinstance(v, Decimal) else v for n, v in values.items()}
    return Sentence(text, **shown)


def full_moment(ctx: Context, moment: datetime) -> str:
    """Answer a moment for clients, by the clock of the site, that reads the same on any day."""
    ours = replace(ctx, principal=replace(ctx.principal, time_zone=ctx.config.time_zone))
    day = format_full_date(ours, moment.astimezone(ours.time_zone).date())
    return f"{day}, {format_time(ours, moment)}"


def plain(number: Decimal) -> Decimal:
    """Answer a number without zeros at its end: 2.0000 is 2."""
    short = number.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral() else short
