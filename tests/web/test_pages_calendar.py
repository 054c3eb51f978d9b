from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import icalendar
import pytest
from structlog.testing import capture_logs

from crmkit.model.calendar_item import CalendarItem
from crmkit.web.ics import write_ics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.testing.fixtures import Clock
    from tests.web.conftest import Browse

    Make = Callable[..., Awaitable[int]]

_NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
_TODAY = _NOW.date()


async def _address(client: httpx.AsyncClient, **form: str) -> str:
    made = await client.post("/settings/calendar", data=form or {"holidays": "1"})
    found = re.search(r"http://localhost(/calendar/[\w-]{43}\.ics)", made.text)
    assert found is not None, made.text
    return found[1]


async def _read(browse: Browse, address: str) -> dict[str, icalendar.Event]:
    answer = await (await browse("")).get(address)
    assert 200 == answer.status_code, answer.text
    calendar: Any = icalendar.Calendar.from_ical(answer.content)
    return {str(event["SUMMARY"]): event for event in calendar.walk("VEVENT")}


@pytest.fixture
async def owner(browse: Browse, db: Database, clock: Clock) -> tuple[httpx.AsyncClient, int]:
    """A seller in Berlin, and the id."""
    clock.set(_NOW)
    client = await browse("seller")
    user = await db.value("SELECT max(id) FROM core_user")
    await db.execute("UPDATE core_user SET time_zone = 'Europe/Berlin' WHERE id = $1", user)
    return client, user


async def test_an_address_is_made_renewed_ended_and_ends_with_its_person(
    browse: Browse, admin: Context, owner: tuple[httpx.AsyncClient, int]
) -> None:
    client, user = owner
    assert "Make an address" in (await client.get("/settings/account")).text
    first = await _address(client)
    await _read(browse, first)
    page = (await client.get("/settings/account")).text
    assert "Make a new address" in page
    assert first.split("/")[2] not in page, "shown once"
    second = await _address(client)
    anybody = await browse("")
    assert 404 == (await anybody.get(first)).status_code
    await client.post("/settings/calendar/end")
    assert 404 == (await anybody.get(second)).status_code
    third = await _address(client)
    await admin.save("core.user", user, active=False)
    await admin.save("core.user", user, active=True)
    assert 404 == (await anybody.get(third)).status_code
    fourth = await _address(await browse("seller"))
    await admin.db.execute("UPDATE core_user SET active = false")
    assert 404 == (await anybody.get(fourth)).status_code
    assert 0 == await admin.db.value("SELECT count(*) FROM core_feed")
    for strange in ("x.ics", "x", f"{'a' * 43}.ics", third.removesuffix(".ics")):
        assert 404 == (await anybody.get(f"/calendar/{strange.rpartition('/')[2]}")).status_code
    assert 405 == (await anybody.put(third)).status_code


async def test_own_steps_absences_and_holidays_stand_in_it(
    browse: Browse, make: Make, owner: tuple[httpx.AsyncClient, int]
) -> None:
    client, user = owner
    at = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
    hostile = "Talk; a, b\r\nBEGIN:VEVENT\\n"
    mine: dict[str, Any] = {"owner": user, "kind": "meeting"}
    await make("crm.activity", subject=hostile, due_at=at, minutes=45, body="See\nyou", **mine)
    await make("crm.activity", subject="Done", due_at=at, done_at=at, **mine)
    await make("crm.activity", subject="Rang", kind="call", done_at=at, minutes=5, owner=user)
    await make("crm.activity", subject="Not mine", kind="meeting", due_at=at)
    await make("crm.activity", subject="Long ago", due_at=at - timedelta(days=100), **mine)
    await make("crm.activity", subject="Far off", due_at=at + timedelta(days=500), **mine)
    away = {"absentee": user, "owner": user}
    await make("core.absence", note="Sea", first_day=_TODAY, last_day=date(2026, 5, 6), **away)
    await make("core.absence", note="Dentist", first_day=date(2026, 6, 1), hours="9:00-10:30",
               **away)  # fmt: skip
    await make("core.holiday", name="Founders' day", day=date(2026, 7, 1))

    found = await _read(browse, await _address(client))

    talk = next(event for title, event in found.items() if title.startswith("Talk"))
    assert "Talk; a, bBEGIN:VEVENT\\n" == str(talk["SUMMARY"])
    assert ("2026-05-05T14:00:00+02:00", "Europe/Berlin", timedelta(minutes=45)) == (
        talk.start.isoformat(), talk["DTSTART"].params["TZID"], talk.duration,
    )  # fmt: skip
    assert "See\nyou" == str(talk["DESCRIPTION"])
    assert str(talk["URL"]).startswith("http://localhost/crm.activity/")
    assert {"✓ Done", "✓ Rang", "Sea", "Dentist", "Founders' day"} == found.keys() - {
        str(talk["SUMMARY"])
    }
    assert timedelta(minutes=30) == found["✓ Done"].duration
    assert (_TODAY, date(2026, 5, 7)) == (found["Sea"].start, found["Sea"].end)
    dentist = found["Dentist"]
    assert ("2026-06-01T", timedelta(minutes=90)) == (
        dentist.start.isoformat()[:11], dentist.duration,
    )  # fmt: skip
    assert "TRANSPARENT" == found["Founders' day"]["TRANSP"]
    without = await _read(browse, await _address(client, other="1"))
    assert "Founders' day" not in without


async def test_programs_ask_again_cheaply_and_no_secret_is_logged(
    browse: Browse, make: Make, owner: tuple[httpx.AsyncClient, int]
) -> None:
    client, user = owner
    await make("crm.activity", subject="Talk", due_at=_NOW, owner=user)
    address = await _address(client)
    anybody = await browse("")
    with capture_logs() as logs:
        one, other = [await anybody.get(address) for _ in range(2)]
    assert one.content == other.content
    assert ("private, max-age=300", one.headers["etag"]) == (
        other.headers["cache-control"], other.headers["etag"],
    )  # fmt: skip
    assert b"BEGIN:VTIMEZONE" in one.content
    again = await anybody.get(address, headers={"If-None-Match": one.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)
    assert address.split("/")[2] not in str(logs)
    assert any(log.get("path") == "/calendar/" for log in logs)
    assert "no-store" in (await anybody.get("/calendar/x.ics")).headers["cache-control"]


async def test_what_a_person_may_no_longer_read_is_gone(
    browse: Browse, make: Make, db: Database, owner: tuple[httpx.AsyncClient, int]
) -> None:
    client, user = owner
    talk = await make("crm.activity", subject="Talk", due_at=_NOW, owner=user)
    address = await _address(client)
    assert "Talk" in await _read(browse, address)
    await db.execute("UPDATE crm_activity SET owner = NULL WHERE id = $1", talk)
    assert "Talk" not in await _read(browse, address)
    await db.execute("UPDATE crm_activity SET owner = $2 WHERE id = $1", talk, user)
    await db.execute("UPDATE core_user SET role = 'nothing' WHERE id = $1", user)
    assert 404 == (await (await browse("")).get(address)).status_code


def test_each_item_is_of_one_kind() -> None:
    day = date(2026, 5, 4)
    for begin, end in (
        (datetime(2026, 5, 4), None),  # noqa: DTZ001 - that is what is refused
        (day, _NOW), (_NOW, day), (_NOW, _NOW - timedelta(1)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="`x`"):
            CalendarItem(id="x", title="x", begin=begin, end=end)


def test_zones_of_any_rules_are_written_and_read() -> None:
    items = [CalendarItem(id=str(n), title="x", begin=_NOW + timedelta(days=30 * n))
             for n in range(12)]  # fmt: skip
    for zone in ("UTC", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Casablanca"):
        made = write_ics(items, "x", zone, "", _TODAY, _TODAY + timedelta(days=400))
        read: Any = icalendar.Calendar.from_ical(made)
        moments = [event.start.astimezone(UTC) for event in read.walk("VEVENT")]
        assert [item.begin for item in items] == moments, zone
        assert (zone == "UTC") is (b"VTIMEZONE" not in made)
