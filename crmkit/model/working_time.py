"""Working calendars, own holidays and absences: the tables the business clock reads."""

from __future__ import annotations

from crmkit.model.columns import Date, Flag, Line, Name, Pick, Reference
from crmkit.model.entity import Entity, FieldOptions, Group
from crmkit.model.record import Record
from crmkit.model.values import N_, Choice

CALENDAR, HOLIDAY, ABSENCE = "core.calendar", "core.holiday", "core.absence"
#: Columns of a calendar's hours, Monday first.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ABSENCES = (
    Choice("vacation", N_("Vacation"), 2),
    Choice("sick", N_("Sick leave"), 6),
    Choice("other", N_("Other absence"), 8),
)
_HOURS = N_("Such as 9:00-13:00, 14:00-18:00; empty is closed.")


class WorkingCalendar(Record, tablename="core_calendar"):
    """When a team works; the default one is everybody's who has none."""

    name = Name(length=120, required=True)
    time_zone = Line(length=60)
    country = Line(length=60)
    region = Line(length=60)
    monday = Line(length=120)
    tuesday = Line(length=120)
    wednesday = Line(length=120)
    thursday = Line(length=120)
    friday = Line(length=120)
    saturday = Line(length=120)
    sunday = Line(length=120)
    is_default = Flag(default=False)


class Holiday(Record, tablename="core_holiday"):
    """A day that differs from the week; it goes before a public holiday of the same day."""

    name = Name(length=120, required=True)
    day = Date(required=True)
    # Set to nothing it would hold for every calendar.
    calendar = Reference("core_calendar", on_delete="restrict")
    hours = Line(length=120)


class Absence(Record, tablename="core_absence"):
    """Days, or hours of days, on which a person does not work; both days are included."""

    note = Line(length=200, required=True)
    absentee = Reference("core_user")
    deputy = Reference("core_user")
    kind = Pick(ABSENCES, default="vacation")
    first_day = Date(required=True)
    last_day = Date()
    hours = Line(length=120)


CALENDARS = Entity(
    WorkingCalendar,
    N_("Working calendars"),
    singular=N_("Working calendar"),
    title=WorkingCalendar.name,
    icon="clock",
    in_menu=False,
    list=[
        WorkingCalendar.name,
        WorkingCalendar.is_default,
        WorkingCalendar.country,
        WorkingCalendar.region,
        WorkingCalendar.time_zone,
        WorkingCalendar.monday,
    ],
    form=[
        WorkingCalendar.name,
        WorkingCalendar.is_default,
        Group(
            N_("Where"),
            [WorkingCalendar.time_zone, WorkingCalendar.country, WorkingCalendar.region],
        ),
        Group(
            N_("Hours of the week"),
            [
                WorkingCalendar.monday,
                WorkingCalendar.tuesday,
                WorkingCalendar.wednesday,
                WorkingCalendar.thursday,
                WorkingCalendar.friday,
                WorkingCalendar.saturday,
                WorkingCalendar.sunday,
            ],
        ),
    ],
    fields={
        WorkingCalendar.is_default: FieldOptions(
            label=N_("Default"), help=N_("Holds for every team without a calendar of its own.")
        ),
        WorkingCalendar.time_zone: FieldOptions(
            help=N_("Such as Europe/Berlin; empty is the site's own.")
        ),
        WorkingCalendar.country: FieldOptions(
            help=N_("Whose public holidays are free: a code such as DE; empty is none.")
        ),
        WorkingCalendar.region: FieldOptions(
            label=N_("Part of the country"), help=N_("Its code, such as BY for Bavaria.")
        ),
        WorkingCalendar.monday: FieldOptions(label=N_("Monday"), help=_HOURS),
        WorkingCalendar.tuesday: FieldOptions(label=N_("Tuesday")),
        WorkingCalendar.wednesday: FieldOptions(label=N_("Wednesday")),
        WorkingCalendar.thursday: FieldOptions(label=N_("Thursday")),
        WorkingCalendar.friday: FieldOptions(label=N_("Friday")),
        WorkingCalendar.saturday: FieldOptions(label=N_("Saturday")),
        WorkingCalendar.sunday: FieldOptions(label=N_("Sunday")),
    },
)

HOLIDAYS = Entity(
    Holiday,
    N_("Own holidays"),
    singular=N_("Own holiday"),
    title=Holiday.name,
    icon="calendar",
    in_menu=False,
    list=[Holiday.name, Holiday.day, Holiday.calendar, Holiday.hours],
    filters=[Holiday.day, Holiday.calendar],
    form=[Holiday.name, Holiday.day, Holiday.calendar, Holiday.hours],
    order=Holiday.day,
    fields={
        Holiday.day: FieldOptions(label=N_("Day")),
        Holiday.calendar: FieldOptions(
            label=N_("Working calendar"), help=N_("Empty holds for all of them.")
        ),
        Holiday.hours: FieldOptions(
            label=N_("Hours"), help=N_("Hours of that day, such as 9:00-13:00; empty is closed.")
        ),
    },
)

ABSENCES_OF_PEOPLE = Entity(
    Absence,
    N_("Absences"),
    singular=N_("Absence"),
    title=Absence.note,
    icon="calendar",
    list=[Absence.note, Absence.absentee, Absence.kind, Absence.first_day, Absence.last_day],
    filters=[Absence.absentee, Absence.kind, Absence.first_day, Absence.last_day],
    form=[
        Absence.absentee,
        Absence.kind,
        Absence.first_day,
        Absence.last_day,
        Absence.hours,
        Absence.deputy,
        Absence.note,
    ],
    order=Absence.first_day,
    fields={
        Absence.note: FieldOptions(label=N_("Note"), help=N_("Empty takes the kind of absence.")),
        Absence.absentee: FieldOptions(label=N_("Who is away"), help=N_("Empty is yourself.")),
        Absence.kind: FieldOptions(label=N_("Kind")),
        Absence.first_day: FieldOptions(label=N_("First day")),
        Absence.last_day: FieldOptions(
            label=N_("Last day"), help=N_("Included; empty is one day.")
        ),
        Absence.hours: FieldOptions(
            label=N_("Hours"), help=N_("Such as 14:00-16:00 on each day; empty is whole days.")
        ),
        Absence.deputy: FieldOptions(
            label=N_("Deputy"), help=N_("Who hears of deadlines meanwhile.")
        ),
        Absence.owner: FieldOptions(readonly=True),
        Absence.team: FieldOptions(readonly=True),
    },
)
