"""`crmkit hours`: working calendars, and when so much work is done."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import rich_click as click

from crmkit.cli import _SITE, _commands, _run
from crmkit.cli.opening import open_site
from crmkit.cli.tables import AS_JSON, print_rows
from crmkit.errors import InvalidError, NotFoundError
from crmkit.model.working_time import WEEKDAYS
from crmkit.work.calendars import calendar_of, default_row, list_calendars
from crmkit.work.clock import add as add_time
from crmkit.work.clock import spans
from crmkit.work.durations import parse_duration

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from crmkit.model.context import Context
    from crmkit.work.calendars import CalendarRow


@_commands.group(invoke_without_command=True)
@_SITE
@AS_JSON
@click.pass_context
def hours(called: click.Context, site: Path, *, as_json: bool) -> None:
    """Show working calendars; `add` counts with them."""
    if called.invoked_subcommand is not None:
        return

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            rows = await list_calendars(ctx) or (await default_row(ctx),)
        print_rows([_row(each) for each in rows], as_json=as_json)

    _run(work())


@hours.command()
@_SITE
@AS_JSON
@click.option("--team", help="Name of a team, whose calendar counts; default is the site's.")
@click.option("--user", help="Name or e-mail of a person, whose absences count as well.")
@click.argument("moment")
@click.argument("length")
def add(
    site: Path, moment: str, length: str, team: str | None, user: str | None, *, as_json: bool
) -> None:
    """Say when LENGTH of work from MOMENT on is done: `add 2026-11-26T17:00 4h`.

    A moment without an offset is one of the calendar's own zone.
    """

    async def work() -> None:
        async with open_site(site) as opened:
            ctx = opened.context()
            calendar = await calendar_of(
                ctx, await _find_team(ctx, team), await _find_user(ctx, user)
            )
            zone = ZoneInfo(calendar.zone)
            start, duration = _moment(moment, zone), _length(length)
            end = add_time(start, duration, calendar).astimezone(zone)
            counted = [
                (begin.astimezone(zone).isoformat(), until.astimezone(zone).isoformat())
                for begin, until in spans(start, end, calendar)
            ]
        if as_json:
            told = {"start": start.isoformat(), "end": end.isoformat(), "zone": calendar.zone}
            click.echo(json.dumps(told | {"spans": counted}))
        else:
            click.echo(f"{end.isoformat(timespec='minutes')} ({calendar.zone})")

    _run(work())


def _row(calendar: CalendarRow) -> dict[str, object]:
    return {
        "name": calendar.name or "Office hours",
        "default": calendar.is_default,
        "zone": calendar.time_zone,
        "country": calendar.country,
        "region": calendar.region,
        **dict(zip(WEEKDAYS, calendar.week, strict=True)),
        "own_holidays": len(calendar.own),
    }


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(
            f"`{text}` is no date with a time. Write it as 2026-11-26T17:00."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _length(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InvalidError(str(error)) from error


async def _find_team(ctx: Context, name: str | None) -> int | None:
    if name is None:
        return None
    found: int | None = await ctx.db.value(
        "SELECT id FROM core_team WHERE name_key = lower(crm_unaccent($1)) "
        "AND trashed_at IS NULL ORDER BY id LIMIT 1",
        name,
    )
    if found is None:
        raise NotFoundError(f"There is no team `{name}`. See `crmkit export core.team`.")
    return found


async def _find_user(ctx: Context, name: str | None) -> int | None:
    if name is None:
        return None
    found: int | None = await ctx.db.value(
        "SELECT id FROM core_user WHERE (name_key = lower(crm_unaccent($1)) "
        "OR lower(email) = lower($1)) AND trashed_at IS NULL ORDER BY id LIMIT 1",
        name,
    )
    if found is None:
        raise NotFoundError(f"There is no user `{name}`. See `crmkit export core.user`.")
    return found
