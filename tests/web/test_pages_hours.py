from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.db.engine import Database
    from tests.web.conftest import Browse

    Make = Callable[..., Awaitable[int]]

URL = "/settings/hours"


async def test_it_shows_the_week_and_is_linked_from_the_settings(browse: Browse) -> None:
    client = await browse("administrator")
    page = await client.get(URL)
    assert 200 == page.status_code
    assert "Office hours" in page.text
    assert '<rect x="540" y="0" width="540"' in page.text
    assert f'href="{URL}"' in (await client.get("/settings")).text


@pytest.mark.parametrize("role", ["seller", "manager", "read-only"])
async def test_it_is_for_administrators(browse: Browse, role: str) -> None:
    client = await browse(role)
    assert 403 == (await client.get(URL)).status_code
    settings = (await client.get("/settings")).text
    assert URL not in settings
    assert 'href="/core.absence"' in settings


async def test_a_night_shift_is_drawn_on_both_days(browse: Browse, make: Make) -> None:
    number = await make("core.calendar", name="Nights", sunday="22:00-6:00")
    text = (await (await browse("administrator")).get(URL)).text
    card = text[text.index(f'id="calendar-{number}"') :]
    monday, sunday = card.index('<rect x="0" y="0" width="360"'), card.index('<rect x="1320"')
    assert monday < sunday


async def test_the_calculator_counts_in_the_chosen_calendar(browse: Browse, make: Make) -> None:
    client = await browse("administrator")
    number = await make("core.calendar", name="Mondays", monday="9:00-11:00")
    asked = "start=2026-11-26T17:00&length=4h"
    page = await client.get(f"{URL}?{asked}")
    assert "Friday, 27 November 2026, 12:00" in page.text
    assert "Thu 26 Nov" in page.text
    page = await client.get(f"{URL}?show={number}&{asked}")
    assert "Monday, 7 December 2026, 11:00" in page.text
    page = await client.get(f"{URL}?show={number}&start=2026-11-26T17:00&length=40h")
    assert "and 12 more spans" in page.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("length=soon", "is no length of work"),
        ("length=4h&start=soon", "is not a date with a time"),
        ("length=4h&start=0001-01-01T00:00", "is not a date with a time"),
        ("length=999999h", "not open for so long"),
    ],
)
async def test_what_the_calculator_cannot_read_stays_and_is_explained(
    browse: Browse, query: str, said: str
) -> None:
    page = await (await browse("administrator")).get(f"{URL}?{query}")
    assert 422 == page.status_code
    assert said in page.text
    assert 'aria-invalid="true"' in page.text or 'role="alert"' in page.text


async def test_holidays_to_come_are_in_the_readers_language(
    browse: Browse, make: Make, db: Database
) -> None:
    client = await browse("administrator")
    await db.execute("UPDATE core_calendar SET country = 'RU'")
    await db.execute("INSERT INTO core_holiday (name, day) VALUES ('Outing', now() + '1 day')")
    page = (await client.get(URL)).text
    assert "New Year Holidays" in page
    assert "your own" in page
    await db.execute("UPDATE core_user SET language = 'ru'")
    assert "Новогодние каникулы" in (await client.get(URL)).text


async def test_a_site_without_a_calendar_shows_what_holds(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    await db.execute("UPDATE core_calendar SET trashed_at = now()")
    page = await client.get(f"{URL}?start=2026-11-26T17:00&length=4h")
    assert "Friday, 27 November 2026, 12:00" in page.text


async def test_a_calendar_that_cannot_be_read_is_named(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    await db.execute("UPDATE core_calendar SET monday = 'nine'")
    assert 200 == (await client.get(URL)).status_code
    page = await client.get(f"{URL}?length=4h")
    assert 422 == page.status_code
    assert "cannot be read" in page.text


async def test_a_form_shows_what_is_wrong_beside_the_field(browse: Browse, db: Database) -> None:
    client = await browse("administrator")
    page = await client.post(
        "/core.calendar/new",
        data={"name": "Wrong", "monday": "nine", "country": "Germani", "time_zone": "Europe/Bonn"},
    )
    assert 422 == page.status_code
    for said in ("`nine`", "did you mean DE (Germany)?", "is no time zone"):
        assert said in page.text
    assert 'value="nine"' in page.text
    assert 1 == await db.value("SELECT count(*) FROM core_calendar")


async def test_the_form_of_an_absence_begins_with_oneself(browse: Browse, db: Database) -> None:
    client = await browse("seller")
    me = await db.value("SELECT max(id) FROM core_user")
    page = (await client.get("/core.absence/new")).text
    assert f'value="{me}"' in page
    made = await client.post(
        "/core.absence/new", data={"first_day": "2026-12-01", "last_day": "2026-12-04", "note": ""}
    )
    assert 303 == made.status_code
    row = await db.row("SELECT absentee, owner, kind, note FROM core_absence")
    assert (me, me, "vacation", "Vacation") == tuple(row or ())
