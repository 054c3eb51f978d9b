"""Rules of working calendars, own holidays, absences and zones that hold for every door."""

from __future__ import annotations

import asyncio
import difflib
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from crmkit.errors import Veto
from crmkit.model.calendar import HOURS_PROBLEMS, HoursError, parse_hours, write_hours
from crmkit.model.public_holidays import (
    countries,
    find_country,
    find_region,
    nearest_country,
    nearest_regions,
)
from crmkit.model.values import N_
from crmkit.model.working_time import ABSENCE, ABSENCES, CALENDAR, HOLIDAY, WEEKDAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmkit.plugin.events import FormEvent, SaveEvent

#: Entities with a time zone.
_WITH_ZONE = (CALENDAR, "core.user")
#: Entity to its columns that hold hours.
_HOURS = {CALENDAR: WEEKDAYS, HOLIDAY: ("hours",), ABSENCE: ("hours",)}


def first_values(event: FormEvent) -> Mapping[str, Any] | None:
    """Answer what the form of a new absence begins with; None for other forms."""
    if event.entity.name != ABSENCE:
        return None
    ctx = event.ctx
    today = ctx.now().astimezone(ctx.time_zone).date()
    return {"absentee": ctx.user_id, "kind": ABSENCES[0].value, "first_day": today}


async def complete_working_time(event: SaveEvent) -> None:
    """Write hours, countries and zones one way, and fill in whose absence it is.

    Raises:
        Veto: The absence is of somebody the writer may not enter absences for.
    """
    for name in _HOURS.get(event.entity.name, ()):
        if event.values.get(name):
            event.values[name] = _tidy(str(event.values[name]))
    if event.entity.name in _WITH_ZONE and event.values.get("time_zone"):
        event.values["time_zone"] = _known_zone(str(event.values["time_zone"]))
    if event.entity.name == CALENDAR:
        await _complete_calendar(event)
    if event.entity.name == ABSENCE:
        await _complete_absence(event)


def _tidy(text: str) -> str:
    try:
        return write_hours(parse_hours(text))
    except HoursError:
        return text  # `problems_of_working_time` says what is wrong with it


def _known_zone(typed: str) -> str:
    folded = {zone.casefold(): zone for zone in available_timezones()}
    return folded.get(typed.strip().casefold().replace(" ", "_"), typed.strip())


async def _complete_calendar(event: SaveEvent) -> None:
    values = event.values
    if values.get("country"):
        values["country"] = await _ask(find_country, str(values["country"])) or values["country"]
    if values.get("region"):
        country = str(values.get("country", event.before.get("country")) or "")
        region = await _ask(find_region, country, str(values["region"]))
        values["region"] = region or values["region"]
    if values.get("is_default") and event.ctx.cause != "import":
        await _unmark_others(event)


async def _unmark_others(event: SaveEvent) -> None:
    """Take the mark of the default from the others.

    An import looks at its rows before it may write: there the calendar saved last is the default.
    """
    rows = await event.ctx.db.rows(
        "SELECT id FROM core_calendar WHERE is_default AND trashed_at IS NULL "
        "AND id IS DISTINCT FROM $1",
        event.record_id,
    )
    for row in rows:
        await event.ctx.save(CALENDAR, row["id"], is_default=False)


async def _ask(function: Any, *words: str) -> Any:  # noqa: ANN401 - whatever it answers
    """Call what may import the package of holidays, beside the loop."""
    return await asyncio.to_thread(function, *words)


async def _complete_absence(event: SaveEvent) -> None:
    values, ctx = event.values, event.ctx
    if event.record_id is None and not values.get("absentee"):
        values["absentee"] = values.get("owner") or ctx.user_id
    whole = {**event.before, **values}
    absentee = whole.get("absentee")
    if absentee is not None and absentee != event.before.get("absentee"):
        await _check_reach(event, absentee)
    # Rights reach as far as owner and team: an absence is its person's own, whoever enters it.
    if absentee is not None:
        values["owner"] = absentee
    kind = whole.get("kind") or ABSENCES[0].value
    values["kind"] = kind
    if not str(whole.get("note") or "").strip():
        label = next((each.label for each in ABSENCES if each.value == kind), ABSENCES[-1].label)
        values["note"] = ctx.translate(label)


async def _check_reach(event: SaveEvent, absentee: int) -> None:
    ctx = event.ctx
    scope = ctx.principal.role.scope(ABSENCE, "create" if event.record_id is None else "edit")
    if scope == "all" or absentee == ctx.user_id:
        return
    teams = list(ctx.principal.teams) if scope == "team" else []
    mate = await ctx.db.value(
        "SELECT 1 FROM core_user WHERE id = $1 AND team = ANY($2::bigint[])", absentee, teams
    )
    if mate is None:
        message = ctx.translate(N_("The absence was not entered."))
        raise Veto(message, absentee=ctx.translate(N_("is somebody you may not enter it for")))


async def problems_of_working_time(event: SaveEvent) -> Mapping[str, str]:
    """Answer what is wrong with a calendar, an own holiday, an absence or a zone, by field."""
    translate = event.ctx.translate
    whole = {**event.before, **event.values}
    problems: dict[str, str] = {}
    for name in _HOURS.get(event.entity.name, ()):
        try:
            parse_hours(str(whole.get(name) or ""))
        except HoursError as error:
            problems[name] = translate(HOURS_PROBLEMS[error.reason]).format(part=error.part)
    if event.entity.name in _WITH_ZONE:
        problems |= _problems_of_zone(event, str(whole.get("time_zone") or ""))
    if event.entity.name == CALENDAR:
        problems |= await _problems_of_place(event, whole)
    if event.entity.name == ABSENCE:
        first, last = whole.get("first_day"), whole.get("last_day")
        if first and last and last < first:
            problems["last_day"] = translate(N_("lies before the first day; enter a later one"))
        if whole.get("absentee") is None:
            problems["absentee"] = translate(N_("is needed; choose who is away"))
    return problems


def _problems_of_zone(event: SaveEvent, zone: str) -> dict[str, str]:
    if not zone or zone in available_timezones():
        return {}
    told = _near(
        event, N_("is no time zone; did you mean {near}?"),
        N_("is no time zone, such as Europe/Berlin"), _nearest_zone(zone),
    )  # fmt: skip
    return {"time_zone": told}


async def _problems_of_place(event: SaveEvent, whole: Mapping[str, Any]) -> dict[str, str]:
    translate = event.ctx.translate
    problems: dict[str, str] = {}
    country, region = (str(whole.get(name) or "") for name in ("country", "region"))
    if country and country not in await _ask(countries):
        problems["country"] = _near(
            event, N_("is no country with known holidays; did you mean {near}?"),
            N_("is no country with known holidays; enter a code such as DE"),
            await _ask(nearest_country, country),
        )  # fmt: skip
    elif region and not country:
        problems["region"] = translate(N_("needs its country; enter that as well"))
    elif region and region not in (await _ask(countries))[country]:
        problems["region"] = _near(
            event, N_("is no part of that country with holidays of its own; there are: {near}"),
            N_("has no holidays of its own there; leave it empty"),
            await _ask(nearest_regions, country, region),
        )  # fmt: skip
    return problems


def _near(event: SaveEvent, text: str, without: str, near: str) -> str:
    translate = event.ctx.translate
    return translate(text).format(near=near) if near else translate(without)


def _nearest_zone(typed: str) -> str:
    """Answer the zone most like a text, its city alone included."""
    by_name = {zone.rpartition("/")[2].casefold(): zone for zone in available_timezones()}
    by_name |= {zone.casefold(): zone for zone in available_timezones()}
    found = difflib.get_close_matches(typed.casefold().replace(" ", "_"), list(by_name), 1)
    return by_name[found[0]] if found else ""
