"""The Site: an immutable value made of declarations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

import msgspec
import structlog

import crmkit.model
from crmkit.db.migrations import MigrationSource
from crmkit.errors import NotFoundError, PluginError
from crmkit.model.field import Field
from crmkit.model.role import Role
from crmkit.model.values import Choice
from crmkit.plugin.discovery import Found, discover, load_plugin
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.plan import EntityPlan, link_steps, plan_entity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crmkit.db.engine import Database
    from crmkit.model.entity import Entity
    from crmkit.plugin.hookspecs import Plugin

_log = structlog.get_logger("crmkit.site")

CORE_MIGRATIONS = MigrationSource("core", Path(crmkit.model.__file__).parent / "migrations")


class CorePlugin(Protocol):
    """The reserved plugin `core`, which the access layer brings: users, teams, and roles."""

    roles: Mapping[str, Role]

    def entities(self) -> Iterable[Entity]:
        """Contribute users and teams."""


class Site(msgspec.Struct, frozen=True):
    """All that the enabled plugins declare.

    Attributes:
        entities: Entity name to plan.
        hooks: The dispatcher.
        sources: Migrations, in the order they run.
        failed: Plugin id to the reason it was left out.
        roles: Role name to role, as the site has them.
    """

    entities: Mapping[str, EntityPlan]
    hooks: Dispatcher
    sources: tuple[MigrationSource, ...]
    failed: Mapping[str, str]
    roles: Mapping[str, Role]

    def entity(self, name: str) -> EntityPlan:
        """Answer an entity.

        Raises:
            NotFoundError: No enabled plugin declares it.
        """
        try:
            return self.entities[name]
        except KeyError:
            raise NotFoundError(f"There is no entity `{name}` here.") from None


def build_site(
    core: CorePlugin,
    enabled: Sequence[str] | None = None,
    custom_fields: Mapping[str, Sequence[Field]] | None = None,
) -> Site:
    """Build the Site from what is installed.

    Args:
        core: The reserved plugin, `crmkit.access.core.Core`.
        enabled: Ids of plugins; None is all installed.
        custom_fields: Entity name to the company's own fields.

    A plugin that cannot be loaded is named in `failed` and left out; the rest is built.
    """
    plugins: dict[str, Plugin] = {"core": cast("Plugin", core)}
    sources = {"core": CORE_MIGRATIONS}
    failed: dict[str, str] = {}
    for found in discover():
        name = found.manifest.id
        if enabled is not None and name not in enabled:
            continue
        try:
            plugins[name] = load_plugin(found)
        except PluginError as error:
            failed[name] = error.message
            continue
        sources[name] = _source(found)
    plans = _plan_all(plugins, custom_fields or {}, failed)
    for name, reason in failed.items():
        _log.error("plugin left out", plugin=name, reason=reason)
        plugins.pop(name, None)
    return Site(
        entities=MappingProxyType(link_steps(plans)),
        hooks=Dispatcher(plugins),
        sources=tuple(source for name, source in sources.items() if name not in failed),
        failed=MappingProxyType(failed),
        roles=MappingProxyType(dict(core.roles)),
    )


def _source(found: Found) -> MigrationSource:
    return MigrationSource(found.manifest.id, found.migrations, found.manifest.requires)


def _plan_all(
    plugins: Mapping[str, Plugin],
    custom: Mapping[str, Sequence[Field]],
    failed: dict[str, str],
) -> dict[str, EntityPlan]:
    """Plan every plugin's entities; one whose declarations do not fit goes to `failed` alone."""
    declared: dict[str, list[Entity]] = {}
    for name, plugin in plugins.items():
        try:
            declared[name] = list(plugin.entities())
        except Exception as error:  # noqa: BLE001 - a stranger's code
            failed[name] = f"Its entities cannot be read: {error!r}."
    names = {
        _tablename(entity): _tablename(entity).replace("_", ".", 1)
        for entities in declared.values()
        for entity in entities
    }
    plans: dict[str, EntityPlan] = {}
    for name, entities in declared.items():
        try:
            own = {
                plan.name: plan
                for plan in (
                    plan_entity(name, each, names, custom.get(names[_tablename(each)], ()))
                    for each in entities
                )
            }
            _check_new(name, own, plans)
        except PluginError as error:
            failed[name] = error.message
            continue
        plans |= own
    return plans


def _check_new(
    plugin: str, own: Mapping[str, EntityPlan], others: Mapping[str, EntityPlan]
) -> None:
    twice = sorted(set(own) & set(others))
    if twice:
        raise PluginError(
            f"Plugin `{plugin}`: `{twice[0]}` is declared by `{others[twice[0]].plugin}` already."
        )


def _tablename(entity: Entity) -> str:
    return str(entity.table._meta.tablename)  # noqa: SLF001 - Piccolo has no public name


async def load_custom_fields(db: Database) -> dict[str, list[Field]]:
    """Read the company's own fields: entity name to fields, by id."""
    rows = await db.rows("SELECT * FROM core_custom_field ORDER BY id")
    fields: dict[str, list[Field]] = {}
    for row in rows:
        fields.setdefault(row["entity"], []).append(
            Field(
                name=f"custom.user.{row['name']}",
                label=row["label"],
                kind=row["kind"],
                required=row["required"],
                choices=tuple(Choice(value, value) for value in row["choices"]),
                listed=row["listed"],
                filterable=True,
                max_length=500,
            )
        )
    return fields
