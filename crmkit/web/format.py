"""Values as the reader writes them: language, zone and currency decide."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from babel import Locale
from babel import dates as babel_dates
from babel import numbers as babel_numbers

from crmkit.model.money import places_or_two
from crmkit.web.translate import _

if TYPE_CHECKING:
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    from crmkit.model.context import Context

_WEEK = 7


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    return Locale.parse(language or "en")


@lru_cache(maxsize=20_000)
def _money(value: Decimal, currency: str, language: str) -> str:
    locale = _locale(language)
    is_whole = value == value.to_integral_value()
    places = 0 if is_whole else places_or_two(currency)
    cents = f"0.{'0' * places}" if places else "0"
    pattern = locale.currency_formats["standard"].pattern.replace("0.00", cents)
    return babel_numbers.format_currency(
        value, currency, pattern, locale=locale, currency_digits=False
    )


def format_money(ctx: Context, value: Decimal, currency: str) -> str:
    """Format an amount; whole amounts without cents."""
    return _money(value, currency or ctx.config.currency, ctx.language)


@lru_cache(maxsize=20_000)
def _number(value: Decimal | int, language: str) -> str:
    # The pattern of a language has three places: a price of 0.0045 a piece would read 0.004.
    return babel_numbers.format_decimal(value, locale=_locale(language), decimal_quantization=False)


def format_number(ctx: Context, value: Decimal | int) -> str:
    """Format a number with the separators of the language, and all of its places."""
    return _number(value, ctx.language)


@lru_cache(maxsize=20_000)
def _day(value: date, pattern: str, language: str) -> str:
    return babel_dates.format_date(value, pattern, locale=_locale(language))


def format_date(ctx: Context, value: date) -> str:
    """Format a day: near ones in words, this year's without the year."""
    today = ctx.now().astimezone(ctx.time_zone).date()
    distance = (value - today).days
    if abs(distance) <= 1:
        return (_("Yesterday"), _("Today"), _("Tomorrow"))[distance + 1]
    if 1 < distance < _WEEK:
        return _day(value, "EEEE", ctx.language)
    return _day(value, "medium" if value.year != today.year else "d MMM", ctx.language)


def format_long_date(ctx: Context, value: date) -> str:
    """Format a day with its weekday for a heading, such as Tuesday, 24 November."""
    text = _day(value, "EEEE, d MMMM", ctx.language)
    return text[:1].upper() + text[1:]


def format_full_date(ctx: Context, value: date) -> str:
    """Format a day with weekday and year, such as Tuesday, 24 November 2026."""
    return _day(value, "EEEE, d MMMM y", ctx.language)


def format_month(ctx: Context, value: date) -> str:
    """Format the month of a day, such as November 2026."""
    return _day(value, "LLLL y", ctx.language)


@lru_cache(maxsize=5_000)
def _time(value: datetime, zone: ZoneInfo, language: str) -> str:
    return babel_dates.format_time(value, "short", tzinfo=zone, locale=_locale(language))


def format_short_day(ctx: Context, value: date) -> str:
    """Format a day with its weekday, short, such as Tue 24 Nov."""
    return _day(value, "EEE d MMM", ctx.language)


def format_time(ctx: Context, value: datetime) -> str:
    """Format the time of day of a moment (aware), in the reader's zone."""
    return _time(value, ctx.time_zone, ctx.language)


def format_exact(ctx: Context, value: datetime) -> str:
    """Format a moment (aware) with its day, time and zone, for who wants to know it exactly."""
    local = value.astimezone(ctx.time_zone)
    return f"{format_full_date(ctx, local.date())}, {format_time(ctx, value)} ({ctx.time_zone.key})"


def format_zone(ctx: Context, zone: ZoneInfo) -> str:
    """Format the name of a time zone: the city by whose clock times are given."""
    return babel_dates.get_timezone_location(zone, locale=_locale(ctx.language), return_city=True)


def format_moment(ctx: Context, value: datetime) -> str:
    """Format a moment (aware) in the reader's zone; those of the last hour as minutes ago."""
    ago = ctx.now() - value
    if timedelta(0) <= ago < timedelta(hours=1):
        minutes = int(ago.total_seconds() // 60)
        return _("%(n)s min ago") % {"n": minutes} if minutes else _("Just now")
    local = value.astimezone(ctx.time_zone)
    return f"{format_date(ctx, local.date())} {_time(value, ctx.time_zone, ctx.language)}"
