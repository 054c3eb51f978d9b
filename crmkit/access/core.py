"""The reserved plugin `core`: its entities, with rules no door gets around."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crmkit.access.feeds import end_feed
from crmkit.access.mail_templates import problems_of_template, tidy_template
from crmkit.access.messages import (
    erase_messages,
    hide_messages,
    messages_of_person,
    move_messages,
    refuse_messages,
)
from crmkit.access.roles import load_roles
from crmkit.access.working_time import (
    complete_working_time,
    first_values,
    problems_of_working_time,
)
from crmkit.errors import Veto
from crmkit.model.mail_template import MAIL_TEMPLATES
from crmkit.model.messages import MESSAGES
from crmkit.model.people import TEAMS, USERS, User
from crmkit.model.role import VERBS, Role
from crmkit.model.values import Choice
from crmkit.model.working_time import ABSENCES_OF_PEOPLE, CALENDARS, HOLIDAYS
from crmkit.plugin.hookspecs import Plugin
from crmkit.plugin.site import Choice as SiteChoice
from crmkit.plugin.site import build_site
from crmkit.plugin.stored import read_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.model.entity import Entity
    from crmkit.plugin.events import FormEvent, MergeEvent, PersonEvent, QueryEvent, SaveEvent
    from crmkit.plugin.site import Site
    from crmkit.plugin.sql import Sql

ADMINISTRATOR = "administrator"
_USER = "core.user"
_WIDTH = {"none": 0, "own": 1, "team": 2, "all": 3}
_LOCK = 0x63726D61  # "crma"


class Core(Plugin):
    """Users, teams, working time, messages, mail templates; the rules on who may get which role."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self.site_roles = roles

    def entities(self) -> Iterable[Entity]:
        """Contribute users, their role a choice of those the site has, teams and working time."""
        choices = tuple(Choice(role.name, role.label) for role in self.site_roles.values())
        fields = {**USERS.fields, User.role: replace(USERS.fields[User.role], choices=choices)}
        people = (replace(USERS, fields=fields), TEAMS)
        return (*people, CALENDARS, HOLIDAYS, ABSENCES_OF_PEOPLE, MESSAGES, MAIL_TEMPLATES)

    async def validate(self, event: SaveEvent) -> Mapping[str, str]:
        """Answer what is wrong with hours, places, absences and mail templates."""
        return {**await problems_of_working_time(event), **problems_of_template(event)}

    async def before_save(self, event: SaveEvent) -> None:
        """Refuse a role above one's own, and losing the last administrator; end calendar feeds."""
        refuse_messages(event)
        tidy_template(event)
        await complete_working_time(event)
        if event.entity.name != _USER:
            return
        after = {**event.before, **event.values}
        if event.values.get("role", event.before.get("role")) != event.before.get("role"):
            self._check_grant(event.ctx, str(event.values["role"]))
        if _administers(event.before) and not _administers(after):
            await _keep_one(event)
        if event.before.get("active") and not after.get("active"):
            await end_feed(event.ctx.db, event.record_id)

    def filter_query(self, event: QueryEvent) -> Sql | None:
        """Show messages to those alone who may see them."""
        return hide_messages(event)

    async def after_merge(self, event: MergeEvent) -> None:
        """Let messages follow their record."""
        await move_messages(event)

    async def personal_data(self, event: PersonEvent) -> Mapping[str, Any] | None:
        """Answer the messages with a person."""
        return await messages_of_person(event)

    async def erase_personal_data(self, event: PersonEvent) -> list[str] | None:
        """Delete the messages with a person."""
        return await erase_messages(event)

    async def initial_values(self, event: FormEvent) -> Mapping[str, Any] | None:
        """Begin the form of an absence with oneself and today."""
        return first_values(event)

    async def before_delete(self, event: SaveEvent) -> None:
        """Refuse to trash the last administrator; who is gone has no calendar to be read."""
        if event.entity.name != _USER:
            return
        if _administers(event.before):
            await _keep_one(event)
        await end_feed(event.ctx.db, event.record_id)

    def _check_grant(self, ctx: Context, name: str) -> None:
        role = self.site_roles.get(name)
        if role is None:
            message = "The role was not given."
            raise Veto(message, role=f"is none of this site: {', '.join(self.site_roles)}")
        for entity in ctx.site.entities:
            for verb in VERBS:
                own = ctx.principal.role.scope(entity, verb)
                if _WIDTH[role.scope(entity, verb)] > _WIDTH[own]:
                    message = "The role was not given."
                    raise Veto(message, role=f"may {verb} {entity} further than your own role")
        for _plugin, each in ctx.site.contributions["permissions"]:
            if role.grants(each.name) and not ctx.principal.role.grants(each.name):
                message = "The role was not given."
                raise Veto(message, role=f"has `{each.name}`, which your own role has not")


def site_of(config: Config, choice: SiteChoice | None = None) -> Site:
    """Build the Site of a folder: its plugins, its roles, its own fields.

    Args:
        choice: What the database says; None loads what crmkit.toml enables, else all there is.

    Raises:
        ConfigError: config/roles.toml cannot be used.
    """
    roles = load_roles(config.folder / "config" / "roles.toml")
    if choice is None:
        law = config.plugins.enabled
        choice = SiteChoice(enabled=frozenset(law) if law is not None else None)
    return build_site(Core(roles), choice, config.folder)


async def read_site(config: Config, db: Database, blocked: Mapping[str, str] | None = None) -> Site:
    """Build the Site of a folder as its database says.

    Args:
        blocked: Plugin id to why it must not load.
    """
    return site_of(config, await read_choice(db, config.plugins.enabled, blocked))


def _administers(user: Mapping[str, Any]) -> bool:
    return bool(
        user
        and user.get("role") == ADMINISTRATOR
        and user.get("active")
        and user.get("trashed_at") is None
    )


async def _keep_one(event: SaveEvent) -> None:
    """Refuse when nobody else administers; two that demote each other wait for one another."""
    await event.ctx.db.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    others = await event.ctx.db.value(
        "SELECT count(*) FROM core_user WHERE role = $1 AND active AND trashed_at IS NULL "
        "AND id <> $2 AND password_hash <> ''",
        ADMINISTRATOR,
        event.record_id,
    )
    if not others:
        message = "This is the last administrator. Make somebody else one first."
        raise Veto(message, role="would leave nobody who administers; make another one first")
