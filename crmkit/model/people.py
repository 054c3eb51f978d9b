"""Users and teams: every record refers to them, so they stand below everything."""

from __future__ import annotations

from crmkit.model.columns import Email, Flag, Line, Name, Phone, Pick, Reference
from crmkit.model.entity import Entity, FieldOptions, Group
from crmkit.model.record import Record
from crmkit.model.values import N_, Choice

THEMES = (
    Choice("system", N_("As the system")),
    Choice("light", N_("Light")),
    Choice("dark", N_("Dark")),
)
LANGUAGES = (Choice("en", "English"), Choice("ru", "Русский"))


class Team(Record, tablename="core_team"):
    """People who share records; its manager also sees the teams below."""

    name = Name(length=120, required=True)
    manager = Reference("core_user")
    parent = Reference("core_team")
    calendar = Reference("core_calendar")


class User(Record, tablename="core_user"):
    """A person who signs in, or one who only owns records until invited."""

    name = Name(length=120, required=True)
    email = Email(length=254)
    login = Line(length=120)
    role = Line(length=40, default="seller")
    active = Flag(default=True)
    language = Pick(LANGUAGES)
    time_zone = Line(length=60)
    theme = Pick(THEMES, default="system")
    phone = Phone(length=60)


USERS = Entity(
    User,
    N_("Users"),
    singular=N_("User"),
    title=User.name,
    icon="users-group",
    list=[User.name, User.role, User.team, User.email, User.active],
    filters=[User.role, User.team, User.active],
    search=[User.email],
    form=[
        Group(N_("Who"), [User.name, User.email, User.login, User.phone]),
        Group(N_("Rights"), [User.role, User.team, User.active]),
        Group(N_("Preferences"), [User.language, User.time_zone]),
    ],
    fields={
        User.role: FieldOptions(label=N_("Role")),
        User.email: FieldOptions(label=N_("E-mail"), help=N_("For signing in and invitations.")),
        User.login: FieldOptions(label=N_("Sign-in name"), help=N_("May replace the e-mail.")),
        User.phone: FieldOptions(
            label=N_("Phone"),
            help=N_("Number or extension; who is called there is told who calls."),
        ),
        User.theme: FieldOptions(hidden=True),
    },
)

TEAMS = Entity(
    Team,
    N_("Teams"),
    singular=N_("Team"),
    title=Team.name,
    icon="hierarchy-2",
    list=[Team.name, Team.manager, Team.parent, Team.calendar],
    filters=[Team.parent, Team.manager],
    form=[Team.name, Team.manager, Team.parent, Team.calendar],
    fields={
        Team.calendar: FieldOptions(
            label=N_("Working calendar"),
            help=N_("Empty is that of the team above, else the default one."),
        ),
        Team.parent: FieldOptions(label=N_("Part of")),
        Team.manager: FieldOptions(help=N_("Sees what this team and the teams below it own.")),
    },
)
