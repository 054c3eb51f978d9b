"""Filters that plugins add to the lists of others, resolved and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crmkit.model.field import Field
from crmkit.model.list_filter import OPERATORS, Build

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from crmkit.model.list_filter import ListFilter

    Failure = Callable[[str, str], Exception]


class AddedFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter as the Site resolved it.

    Attributes:
        plugin: Id of the plugin that adds it.
        field: How people meet it: name, label, kind, choices, the entity of a reference.
        reads: Names of the entities whose rows it looks at.
    """

    plugin: str
    field: Field
    operators: tuple[str, ...]
    reads: tuple[str, ...]
    build: Build
    hint: str = ""


def plan_filter(
    plugin: str,
    title: str,
    entity: str,
    added: ListFilter,
    entities: Collection[str],
    failure: Failure,
) -> AddedFilter | None:
    """Resolve a filter; None while an entity that it looks at is not there.

    Args:
        title: Name of the plugin for people.
        entity: Name of the entity that is listed.
        entities: Names of all entities of the Site.

    Raises:
        Exception: As `failure` makes it: it does not fit.
    """
    place = f"Plugin `{plugin}`: filters of `{entity}`: `{added.name}`"
    if added.kind not in OPERATORS:
        raise failure(plugin, f"{place} is of the kind {added.kind!r}; take another one.")
    if not added.reads:
        raise failure(plugin, f"{place} names no entity in `reads`, whose rows it looks at.")
    if added.kind == "reference" and not added.reference:
        raise failure(plugin, f"{place} names no entity in `reference`.")
    possible = OPERATORS[added.kind]
    wrong = [each for each in added.operators if each not in possible]
    if wrong:
        raise failure(
            plugin, f"{place}: `{wrong[0]}` is no operator of {added.kind}; take {possible}."
        )
    needed = {*added.reads, *((added.reference,) if added.reference else ())}
    if not needed <= set(entities):
        return None
    return AddedFilter(
        plugin=plugin,
        field=Field(
            name=f"{plugin}.{added.name}",
            label=added.label,
            kind=added.kind,
            choices=tuple(added.choices),
            reference=added.reference,
            source=title,
        ),
        operators=tuple(added.operators) or possible,
        reads=tuple(added.reads),
        build=added.build,
        hint=added.hint,
    )
