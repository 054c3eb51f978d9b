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
    sources = [CORE_MIGRATIONS]
    failed: dict[str, str] = {}
    for found in discover():
        name = found.manifest.id
        if enabled is not None and name not in enabled:
            continue
        try:
            plugins[name] = load_plugin(found)
        except PluginError as error:
            failed[name] = error.message
            _log.error("plugin left out", plugin=name, reason=error.message)
            continue
        sources.append(_source(found))
    return Site(
        entities=MappingProxyType(_entities(plugins, custom_fields or {})),
        hooks=Dispatcher(plugins),
        sources=tuple(sources),
        failed=MappingProxyType(failed),
        roles=MappingProxyType(dict(core.roles)),
    )


def _source(found: Found) -> MigrationSource:
    return MigrationSource(found.manifest.id, found.migrations, found.manifest.requires)


def _entities(
    plugins: Mapping[str, Plugin], custom: Mapping[str, Sequence[Field]]
) -> dict[str, EntityPlan]:
    declared = [(name, entity) for name, plugin in plugins.items() for entity in plugin.entities()]
    names = {
        entity.table._meta.tablename: entity.table._meta.tablename.replace("_", ".", 1)  # noqa: SLF001
        for _, entity in declared
    }
    plans = [
        plan_entity(
            name,
            entity,
            names,
            custom.get(names[entity.table._meta.tablename], ()),  # noqa: SLF001
        )
        for name, entity in declared
    ]
    return link_steps({plan.name: plan for plan in plans})


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
