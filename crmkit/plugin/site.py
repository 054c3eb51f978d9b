"""The Site: an immutable value made of declarations."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from gettext import NullTranslations
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec
import structlog

import crmkit.model
from crmkit.db.migrations import MigrationSource
from crmkit.errors import NotFoundError, PluginError
from crmkit.model.extension import Extension
from crmkit.model.field import Field
from crmkit.model.role import Role
from crmkit.model.values import N_, Sentence
from crmkit.plugin.contributions import Contributions, read_contributions
from crmkit.plugin.discovery import Found, discover
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.documents import with_documents
from crmkit.plugin.extending import Extensions, plan_extensions
from crmkit.plugin.hookspecs import optional_hooks
from crmkit.plugin.loading import load_plugin
from crmkit.plugin.manifest import Manifest, notice_of
from crmkit.plugin.metrics import MetricPlan, plan_metrics
from crmkit.plugin.options import read_settings
from crmkit.plugin.order import Refusal, order_plugins, refusal_of
from crmkit.plugin.plan import AddedFields, EntityPlan
from crmkit.plugin.planning import link_plans, plan_entity
from crmkit.plugin.texts import read_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crmkit.model.adapters import FieldType
    from crmkit.model.entity import Entity
    from crmkit.plugin.hookspecs import Plugin

_log = structlog.get_logger("crmkit.site")

CORE = "core"
#: Kinds of hooks that a plugin may publish.
_PUBLISHED = frozenset({"T", "I"})
CORE_MIGRATIONS = MigrationSource(CORE, Path(crmkit.model.__file__).parent / "migrations")


class CorePlugin(Protocol):
    """The reserved plugin `core`, which the access layer brings: users, teams, and roles."""

    site_roles: Mapping[str, Role]

    def entities(self) -> Iterable[Entity]:
        """Contribute users and teams."""


class StoredPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """What the database keeps of a plugin.

    Attributes:
        state: enabled, disabled, archived or purged.
        version: Of the code that wrote its data last.
        guards: Entities it protects, also when its code is gone.
        settings: Key to value.
    """

    id: str
    name: str = ""
    state: str = "enabled"
    version: str = ""
    guards: tuple[str, ...] = ()
    settings: dict[str, Any] = {}


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What a Site is made of besides code.

    Attributes:
        enabled: Ids to load; None is every plugin that exists.
        with_defaults: Load those as well whose manifest says `default` and that the database
            does not know yet.
        stored: What the database keeps of plugins, by id.
        custom_fields: Entity name to the company's own fields.
        blocked: Plugin id to why it must not load although it is enabled (its migration failed,
            its data are newer).
        quarantine: Plugin id to the parts that are no longer called, each with its last error.
        webhooks: Number of each webhook that is on to the patterns of events it is told of.
    """

    enabled: frozenset[str] | None = None
    with_defaults: bool = False
    stored: Mapping[str, StoredPlugin] = {}
    custom_fields: Mapping[str, tuple[Field, ...]] = {}
    blocked: Mapping[str, str] = {}
    quarantine: Mapping[str, Mapping[str, str]] = {}
    webhooks: Mapping[int, tuple[str, ...]] = {}


class PluginInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin as this Site sees it.

    Attributes:
        state: available, enabled, quarantined, disabled, archived, purged, incompatible, blocked
            or failed.
        reason: Why it is in that state, when it is not by choice.
        trace: Traceback of a failure, for administrators.
        notices: What an administrator should know of one that works.
        folder: Where its code lies; None when the code is gone.
    """

    manifest: Manifest
    state: str
    reason: str = ""
    trace: str = ""
    notices: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def is_on(self) -> bool:
        """Whether it serves, be it without the parts that failed too often."""
        return self.state in {"enabled", "quarantined"}


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """All that the enabled plugins declare.

    Attributes:
        entities: Entity name to plan.
        hooks: The dispatcher.
        sources: Migrations, in the order they run.
        plugins: Every plugin that exists or is known to the database, by id.
        failed: Plugin id, or name of a folder, to the reason it was left out.
        roles: Role name to role, as the site has them.
        contributions: What each registration hook gave, with the plugin's id.
        extensions: What plugins add to entities.
        metrics: Whole name to metric.
        texts: Plugin id to language to its catalogue, in the order of the plugins.
        guarded: Entity name to the plugin that protects its rows and cannot load.
        choice: What it was made of.
        folder: Of the site; None has no plugins of its own.
    """

    entities: Mapping[str, EntityPlan]
    hooks: Dispatcher
    sources: tuple[MigrationSource, ...]
    plugins: Mapping[str, PluginInfo]
    failed: Mapping[str, str]
    roles: Mapping[str, Role]
    contributions: Contributions
    extensions: Extensions
    metrics: Mapping[str, MetricPlan]
    texts: Mapping[str, Mapping[str, NullTranslations]]
    guarded: Mapping[str, str]
    choice: Choice
    folder: Path | None = None

    def entity(self, name: str) -> EntityPlan:
        """Answer an entity.

        Raises:
            NotFoundError: No enabled plugin declares it.
        """
        try:
            return self.entities[name]
        except KeyError:
            text = N_("There is no entity `{name}` here.")
            raise NotFoundError(Sentence(text, name=name)) from None

    def settings(self, kind: type[msgspec.Struct]) -> msgspec.Struct:
        """Answer the settings of the plugin whose `Settings` that is; wrong ones count as absent.

        Raises:
            NotFoundError: No enabled plugin has these settings.
        """
        for name, plugin in self.hooks.plugins.items():
            if plugin.Settings is kind:
                stored = self.choice.stored.get(name)
                return read_settings(kind, stored.settings if stored else {})[0]
        raise NotFoundError(f"No plugin that is on has the settings `{kind.__name__}`.")


class _Failure(Exception):  # noqa: N818 - carries a reason from a step to the loop
    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(reason)
        self.plugin = plugin


def build_site(core: CorePlugin, choice: Choice | None = None, folder: Path | None = None) -> Site:
    """Build the Site from what is installed.

    Args:
        core: The reserved plugin, `crmkit.access.core.Core`.
        folder: Of the site, whose `plugins/` may hold plugins of its own.

    A plugin that cannot be loaded is named in `failed` and left out; the rest is built.
    """
    return _Build(core, choice or Choice(), folder).run()


class _Build:
    """One build: plugins fall out of it one by one until what is left fits together."""

    def __init__(self, core: CorePlugin, choice: Choice, folder: Path | None) -> None:
        self.core = core
        self.choice = choice
        self.folder = folder
        discovery = discover(folder)
        self.found = discovery.found
        self.broken = discovery.broken
        self.refused: dict[str, Refusal] = {
            name: Refusal(("blocked", reason))
            for name, reason in choice.blocked.items()
            if name in self.found
        }
        self.traces: dict[str, str] = {}
        self.loaded: dict[str, Plugin] = {}
        self.texts: dict[str, Mapping[str, NullTranslations]] = {}
        self.unread: dict[str, str] = {}

    def run(self) -> Site:
        while True:
            try:
                return self._try()
            except _Failure as failure:
                self._fail(failure.plugin, str(failure), failure.__cause__)

    def _fail(self, plugin: str, reason: str, error: BaseException | None) -> None:
        if plugin == CORE:
            raise PluginError(reason) from error
        self.refused[plugin] = Refusal(("failed", reason))
        cause = (error.__cause__ or error) if error is not None else None
        self.traces[plugin] = "".join(traceback.format_exception(cause)) if cause else ""

    def _try(self) -> Site:
        order = self._order()
        plugins: dict[str, Plugin] = {CORE: cast("Plugin", self.core)}
        for name in order:
            plugins[name] = self._load(name)
            self._read_texts(name)
        given = read_contributions(plugins, _Failure)
        names = _names(given)
        extensions = plan_extensions(given, names, self.found, _Failure)
        plans = self._plan(given, names, extensions)
        guarded = self._guarded()
        return Site(
            entities=MappingProxyType(link_plans(plans, guarded)),
            hooks=Dispatcher(plugins, self.choice.quarantine),
            sources=(CORE_MIGRATIONS, *(_source(self.found[name]) for name in order)),
            plugins=MappingProxyType(self._infos(extensions)),
            failed=MappingProxyType(self._failed()),
            roles=MappingProxyType({**_roles(given), **self.core.site_roles}),
            contributions=given,
            extensions=extensions,
            metrics=MappingProxyType(plan_metrics(given, plans, _Failure)),
            texts=MappingProxyType(self.texts),
            guarded=MappingProxyType(guarded),
            choice=self.choice,
            folder=self.folder,
        )

    @property
    def _enabled(self) -> set[str]:
        known = set(self.found)
        if self.choice.enabled is None:
            return known
        defaults = {
            name
            for name in known - set(self.choice.stored)
            if self.choice.with_defaults and self.found[name].manifest.default
        }
        return known & self.choice.enabled | defaults

    def _order(self) -> list[str]:
        manifests = {name: found.manifest for name, found in self.found.items()}
        wanted = {name for name in self._enabled if name not in self.refused}
        order, refused = order_plugins(manifests, wanted)
        for name, refusal in refused.items():
            missing = next((m for m in manifests[name].needs if m in self.refused), "")
            text = f"It needs the plugin `{missing}`, which does not load."
            self.refused[name] = Refusal(("blocked", text)) if missing else refusal
        return order

    def _load(self, name: str) -> Plugin:
        if name not in self.loaded:
            try:
                self.loaded[name] = load_plugin(self.found[name])
            except PluginError as error:
                raise _Failure(name, error.message) from error
        for hook, kind in self.loaded[name].publishes.items():
            if not hook.startswith(f"{name}_") or kind not in _PUBLISHED:
                raise _Failure(
                    name,
                    f"Plugin `{name}`: publishes: `{hook}` must be named `{name}_...` and be of "
                    f"the kind T or I, not {kind!r}.",
                )
        return self.loaded[name]

    def _unheard(self, name: str) -> str:
        """Answer a sentence on hooks of other plugins that nobody publishes just now."""
        published = {hook for each in self.loaded.values() for hook in each.publishes}
        plugin = self.loaded.get(name)
        missing = sorted(set(optional_hooks(plugin)) - published) if plugin is not None else []
        said = ", ".join(f"`{hook}`" for hook in missing)
        return f"No plugin that is on publishes {said}; what it does there waits." if said else ""

    def _read_texts(self, name: str) -> None:
        """Read translations; a plugin that works is not left out for a text that does not."""
        if name in self.texts or name in self.unread:
            return
        try:
            self.texts[name] = read_texts(name, self.found[name].folder)
        except PluginError as error:
            self.unread[name] = f"Its translations are left out: {error.message}"

    def _plan(
        self, given: Contributions, names: Mapping[str, str], extensions: Extensions
    ) -> dict[str, EntityPlan]:
        plans: dict[str, EntityPlan] = {}
        types = {each.name: each for _plugin, each in given["field_types"]}
        permissions = {each.name for _plugin, each in given["permissions"]}
        for plugin, entity in given["entities"]:
            name = names[_tablename(entity)]
            own = [_typed(each, types) for each in self.choice.custom_fields.get(name, ())]
            added = [AddedFields("Own fields", tuple(own))] if own else []
            try:
                plan = plan_entity(
                    plugin, entity, names, (*added, *extensions.fields_of(name, self._titles()))
                )
            except PluginError as error:
                raise _Failure(plugin, error.message) from error
            if plan.permission and plan.permission not in permissions:
                raise _Failure(
                    plugin,
                    f"Plugin `{plugin}`: `{name}` needs `{plan.permission}`, which no plugin that "
                    "is on declares. Declare it in `permissions`.",
                )
            if name in plans:
                raise _Failure(
                    plugin,
                    f"Plugin `{plugin}`: `{name}` is declared by `{plans[name].plugin}` already.",
                )
            plans[name] = with_documents(extensions.complete(plan), given, _Failure)
        return plans

    def _titles(self) -> dict[str, str]:
        return {name: found.manifest.name for name, found in self.found.items()}

    def _failed(self) -> dict[str, str]:
        reasons = {name: refusal.reason for name, refusal in self.refused.items()} | self.broken
        for name, reason in reasons.items():
            _log.error("plugin left out", plugin=name, reason=reason)
        return reasons

    def _guarded(self) -> dict[str, str]:
        """Answer the entities whose guard is wanted and cannot load: their rows stay hidden."""
        guards = {
            name: self.found[name].manifest.guards for name in self._enabled if name in self.refused
        }
        for name, stored in self.choice.stored.items():
            if stored.state == "enabled" and name not in self.found:
                guards[name] = stored.guards
        return {entity: name for name, entities in guards.items() for entity in entities}

    def _infos(self, extensions: Extensions) -> dict[str, PluginInfo]:
        infos = {}
        for name, found in self.found.items():
            notices = [
                notice_of(found.manifest),
                *extensions.notices.get(name, ()),
                self.unread.get(name, ""),
                self._unheard(name),
            ]
            state, reason = self._state(name)
            infos[name] = PluginInfo(
                manifest=found.manifest,
                state=state,
                reason=reason,
                trace=self.traces.get(name, ""),
                notices=tuple(each for each in notices if each),
                folder=found.folder,
            )
        for name, stored in self.choice.stored.items():
            if name not in infos and stored.state != "purged":
                infos[name] = _gone(stored, self.broken.get(name, ""))
        return infos

    def _state(self, name: str) -> tuple[str, str]:
        if name in self.refused:
            return self.refused[name].state, self.refused[name].reason
        if name in self._enabled:
            silenced = ", ".join(f"`{part}`" for part in self.choice.quarantine.get(name, ()))
            if silenced:
                return "quarantined", f"It failed too often and is no longer called: {silenced}."
            return "enabled", ""
        unfit = refusal_of(self.found[name].manifest)
        if unfit is not None:
            return unfit.state, unfit.reason
        stored = self.choice.stored.get(name)
        if stored is None or stored.state == "enabled":
            return "available", ""
        return stored.state, ""


def _gone(stored: StoredPlugin, broken: str) -> PluginInfo:
    """Answer a plugin whose code is no longer there; its data are."""
    manifest = Manifest(
        id=stored.id, name=stored.name or stored.id, version=stored.version, crmkit=">=1"
    )
    reason = broken or "Its code is gone; its data are kept. Install it again, or purge it."
    state = "failed" if stored.state == "enabled" else stored.state
    return PluginInfo(manifest=manifest, state=state, reason=reason)


def _typed(field: Field, types: Mapping[str, FieldType]) -> Field:
    """Answer a company's field with the plugin's kind it is of; without the plugin it is a text."""
    if "." not in field.kind:
        return field
    return msgspec.structs.replace(field, kind="text", type=types.get(field.kind))


def _roles(given: Contributions) -> dict[str, Role]:
    return {role.name: role for _, role in given["roles"]}


def _source(found: Found) -> MigrationSource:
    return MigrationSource(found.manifest.id, found.migrations, tuple(found.manifest.needs))


def _names(given: Contributions) -> dict[str, str]:
    """Answer table name to entity name."""
    tables = [_tablename(entity) for _, entity in given["entities"]]
    return {table: table.replace("_", ".", 1) for table in tables}


def _tablename(entity: Entity) -> str:
    return str(entity.table._meta.tablename)  # noqa: SLF001 - Piccolo has no public name


__all__ = ["CORE_MIGRATIONS", "Choice", "Extension", "PluginInfo", "Site", "StoredPlugin",
           "build_site"]  # fmt: skip
