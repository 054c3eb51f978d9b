"""Extensions, resolved: which plugin adds what to which entity."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.model.extension import KINDS, Extension, ExtField
from crmkit.model.field import Field
from crmkit.model.values import Choice
from crmkit.plugin.filtering import AddedFilter, plan_filter
from crmkit.plugin.plan import AddedFields, EntityPlan
from crmkit.plugin.sides import SidePlan, plan_sides

if TYPE_CHECKING:
    from crmkit.plugin.contributions import Contributions

    Failure = Callable[[str, str], Exception]

#: What an extension names to add panels to the home page, which shows no record.
HOME = "core.home"
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


class Added(msgspec.Struct, frozen=True):
    """One extension and the plugin it is of."""

    plugin: str
    extension: Extension


class Extensions(msgspec.Struct, frozen=True):
    """All extensions of a Site.

    Attributes:
        by_entity: Entity name to what is added, in the order of the plugins.
        notices: Plugin id to sentences on extensions that sleep or lead nowhere.
        sides: Entity name to the records that stand beside one of it, in the order they are shown.
        filters: Entity name to the filters that its list gets.
    """

    by_entity: Mapping[str, tuple[Added, ...]]
    notices: Mapping[str, tuple[str, ...]]
    sides: Mapping[str, tuple[SidePlan, ...]]
    filters: Mapping[str, tuple[AddedFilter, ...]]

    def of(self, entity: str) -> tuple[Added, ...]:
        """Answer what is added to an entity."""
        return self.by_entity.get(entity, ())

    def sides_of(self, entity: str) -> tuple[SidePlan, ...]:
        """Answer what stands beside a record of an entity."""
        return self.sides.get(entity, ())

    def fields_of(self, entity: str, titles: Mapping[str, str]) -> list[AddedFields]:
        """Answer the fields added to an entity, a group for each plugin.

        Args:
            titles: Plugin id to its name.
        """
        return [
            AddedFields(
                titles.get(each.plugin, each.plugin),
                tuple(_field(each.plugin, field, titles) for field in each.extension.fields),
                titles.get(each.plugin, each.plugin),
            )
            for each in self.of(entity)
            if each.extension.fields
        ]

    def complete(self, plan: EntityPlan) -> EntityPlan:
        """Answer an entity with the actions and filters that plugins add to it."""
        more = tuple(action for each in self.of(plan.name) for action in each.extension.actions)
        filters = {each.field.name: each for each in self.filters.get(plan.name, ())}
        return msgspec.structs.replace(plan, actions=(*plan.actions, *more), added_filters=filters)


def plan_extensions(
    given: Contributions, names: Mapping[str, str], known: Mapping[str, Any], failure: Failure
) -> Extensions:
    """Resolve the extensions of a Site.

    Args:
        names: Table name to entity name.
        known: Plugins that exist, by id; an extension of one that is not loaded sleeps.

    Raises:
        Exception: As `failure` makes it: two plugins add the same thing, or a name does not fit.
    """
    entities = {*names.values(), HOME}
    by_entity: dict[str, tuple[Added, ...]] = {}
    notices: dict[str, tuple[str, ...]] = {}
    sides: dict[str, tuple[SidePlan, ...]] = {}
    filters: dict[str, tuple[AddedFilter, ...]] = {}
    for plugin, extension in given["extensions"]:
        if extension.entity not in entities:
            owner = extension.entity.partition(".")[0]
            said = (
                f"What it adds to `{extension.entity}` waits until `{owner}` is switched on."
                if owner in known
                else f"What it adds to `{extension.entity}` leads nowhere: there is no such entity."
            )
            notices[plugin] = (*notices.get(plugin, ()), said)
            continue
        before = by_entity.get(extension.entity, ())
        _check(plugin, extension, before, failure)
        by_entity[extension.entity] = (*before, Added(plugin, extension))
        beside = (
            *sides.get(extension.entity, ()),
            *plan_sides(plugin, extension, given["entities"], names, failure),
        )
        sides[extension.entity] = tuple(sorted(beside, key=SidePlan.place))
        added = [
            plan_filter(plugin, _title(plugin, known), extension.entity, each, entities, failure)
            for each in extension.filters
        ]
        there = (each for each in added if each is not None)
        filters[extension.entity] = (*filters.get(extension.entity, ()), *there)
    return Extensions(by_entity, notices, sides, filters)


def _check(plugin: str, extension: Extension, before: tuple[Added, ...], failure: Failure) -> None:
    for kind in ("fields", "panels", "columns", "actions", "filters"):
        taken = {
            each.name: other.plugin for other in before for each in getattr(other.extension, kind)
        }
        for each in getattr(extension, kind):
            place = f"Plugin `{plugin}`: {kind} of `{extension.entity}`: `{each.name}`"
            if not _NAME.match(each.name.replace("-", "_")):
                raise failure(plugin, f"{place} is lower-case letters, digits, _ and -.")
            if each.name in taken:
                raise failure(plugin, f"{place} is added by `{taken[each.name]}` already.")
            taken[each.name] = plugin
    for field in extension.fields:
        if field.type not in KINDS:
            raise failure(
                plugin,
                f"Plugin `{plugin}`: the field `{field.name}` of `{extension.entity}` is of "
                f"{field.type!r}; take str, int, Decimal, bool or date.",
            )


def _title(plugin: str, known: Mapping[str, Any]) -> str:
    return str(known[plugin].manifest.name) if plugin in known else plugin


def _field(plugin: str, field: ExtField, titles: Mapping[str, str]) -> Field:
    choices = tuple(
        Choice(each, each.replace("_", " ").capitalize())
        if isinstance(each, str)
        else Choice(each[0], each[1])
        for each in field.choices
    )
    return Field(
        name=f"custom.{plugin}.{field.name}",
        label=field.label or field.name.replace("_", " ").capitalize(),
        kind="choice" if choices else KINDS[field.type],
        required=field.required,
        help=field.help,
        choices=choices,
        listed=field.listed,
        filterable=field.filter or field.listed,
        max_length=500,
        source=titles.get(plugin, plugin),
    )
