"""When mail may come, against a model that walks minute by minute, over every clock change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit.work import quiet_hours
from crmkit.work.quiet_hours import MailTimes, next_digest, next_loud
from tests.work.test_clock_properties import _RUNS, _SETTINGS, ZONES, changes, moments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MINUTE = timedelta(minutes=1)
_SATURDAY = 5


def walk(moment: datetime, times: MailTimes, zone: str) -> Iterator[tuple[datetime, bool, bool]]:
    """Go on from days before a moment: each minute, whether it is loud, whether a digest is due.

    The clock on the wall is read every minute; put back in autumn, it is not believed again until
    it shows what it has not shown yet.
    """
    local, at = ZoneInfo(zone), moment.replace(second=0, microsecond=0) - timedelta(days=6)
    latest = at.astimezone(local).replace(tzinfo=None)
    while True:
        before, latest = latest, max(latest, at.astimezone(local).replace(tzinfo=None))
        day = latest.replace(hour=0, minute=0)
        due = any(
            before < each + timedelta(hours=times.digest_at.hour, minutes=times.digest_at.minute)
            <= latest
            for each in (day - timedelta(days=1), day)
            if not (times.quiet_weekends and each.weekday() >= _SATURDAY)
        )  # fmt: skip
        yield at, not is_quiet(latest, times), due
        at += _MINUTE


def is_quiet(wall: datetime, times: MailTimes) -> bool:
    if times.quiet_weekends and wall.weekday() >= _SATURDAY:
        return True
    begin, end, at = times.quiet_from, times.quiet_to, wall.time()
    if begin is None or end is None or begin == end:
        return False
    return begin <= at < end if begin < end else at >= begin or at < end


def loud_by_walking(moment: datetime, times: MailTimes, zone: str) -> datetime:
    return next(
        max(at, moment)
        for at, loud, _due in walk(moment, times, zone)
        if at + _MINUTE > moment and loud
    )


def digest_by_walking(moment: datetime, times: MailTimes, zone: str) -> datetime:
    waits = False
    for at, loud, due in walk(moment, times, zone):
        waits = waits or due
        if waits and loud:
            if at >= moment:
                return at
            waits = False
    raise AssertionError


@st.composite
def mail_times(draw: st.DrawFn) -> MailTimes:
    """Quiet hours of any length, often with an edge at night, where clocks change."""
    minutes = st.integers(0, 239) | st.integers(0, 1439)
    begin, end, digest = [time(*divmod(draw(minutes), 60)) for _ in range(3)]
    has_hours = draw(st.integers(0, 5))
    return MailTimes(
        quiet_from=begin if has_hours else None, quiet_to=end if has_hours else None,
        quiet_weekends=draw(st.booleans()), digest_at=digest,
    )  # fmt: skip


@pytest.mark.parametrize("runs", _RUNS)
def test_mail_comes_at_the_first_minute_that_is_not_quiet(runs: int) -> None:
    @settings(**_SETTINGS, max_examples=40 * runs)
    @given(st.data(), st.sampled_from(ZONES), mail_times())
    def check(data: st.DataObject, zone: str, times: MailTimes) -> None:
        moment = data.draw(moments(zone))
        found = next_loud(moment, times, zone)
        assert found >= moment
        assert found == loud_by_walking(moment, times, zone)
        assert found == next_loud(found, times, zone)

    check()


@pytest.mark.parametrize("runs", _RUNS)
def test_the_digest_comes_when_its_time_is_there_and_it_is_not_quiet(runs: int) -> None:
    @settings(**_SETTINGS, max_examples=30 * runs)
    @given(st.data(), st.sampled_from(ZONES), mail_times())
    def check(data: st.DataObject, zone: str, times: MailTimes) -> None:
        moment = data.draw(moments(zone))
        found = next_digest(moment, times, zone)
        assert found == digest_by_walking(moment, times, zone)
        assert found == next_loud(found, times, zone)

    check()


@pytest.mark.parametrize("plan", [next_loud, next_digest])
def test_without_quiet_hours_the_model_finds_mail_that_comes_in_them(
    plan: Callable[[datetime, MailTimes, str], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counter-test: the model sees the rule missing, in both weeks the clock is changed."""
    spring, autumn = changes("Europe/Berlin", 2026)
    times = MailTimes(digest_at=time(6, 30))
    model = loud_by_walking if plan is next_loud else digest_by_walking
    assert model(spring, times, "Europe/Berlin") == plan(spring, times, "Europe/Berlin")
    monkeypatch.setattr(quiet_hours, "_quiet", lambda *_: ())
    for change in (spring, autumn):
        assert model(change, times, "Europe/Berlin") != plan(change, times, "Europe/Berlin")


@pytest.mark.parametrize(
    ("at", "times", "loud", "digest"),
    [  # Berlin; 2026-10-23 is a Friday, the clock is put back on Sunday
        ("2026-10-23T19:59", MailTimes(), "2026-10-23T19:59", "2026-10-26T08:00"),
        ("2026-10-23T20:00", MailTimes(), "2026-10-26T07:00", "2026-10-26T08:00"),
        ("2026-10-21T22:00", MailTimes(digest_at=time(6)), "2026-10-22T07:00", "2026-10-22T07:00"),
        ("2026-10-21T08:00", MailTimes(), "2026-10-21T08:00", "2026-10-21T08:00"),
        ("2026-10-25T02:10", MailTimes(quiet_weekends=False, quiet_to=time(2, 30)),
         "2026-10-25T02:30", "2026-10-25T08:00"),
    ],
)  # fmt: skip
def test_what_people_expect(at: str, times: MailTimes, loud: str, digest: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moment, *expected = [
        datetime.fromisoformat(each).replace(tzinfo=berlin).astimezone(UTC)
        for each in (at, loud, digest)
    ]
    zone = "Europe/Berlin"
    assert expected == [next_loud(moment, times, zone), next_digest(moment, times, zone)]
