"""Tables of a plugin whose records stand beside those of another, one each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from crmkit.model.columns import Reference
from crmkit.model.entity import Entity, FieldOptions
from crmkit.model.role import Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from crmkit.model.extension import Extension, Side

    Failure = Callable[[str, str], Exception]


class SidePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A side as the Site resolved it.

    Attributes:
        plugin: Id of the plugin that adds it.
        label: English heading.
        entity: Name of the entity of the side records.
        column: Their reference to the record they stand beside.
        permission: Verb of that entity the reader needs besides `read`.
    """

    plugin: str
    label: str
    entity: str
    column: str
    order: int
    permission: Verb

    def place(self) -> tuple[int, str, str]:
        """Answer what sides are sorted by."""
        return self.order, self.plugin, self.entity


def plan_sides(
    plugin: str,
    extension: Extension,
    entities: Iterable[tuple[str, Entity]],
    names: Mapping[str, str],
    failure: Failure,
) -> list[SidePlan]:
    """Resolve the sides of an extension.

    Args:
        entities: Declarations of the whole Site with their plugins.
        names: Table name to entity name.

    Raises:
        Exception: As `failure` makes it: the table does not fit.
    """
    place = f"Plugin `{plugin}`: sides of `{extension.entity}`"
    own = {names[_tablename(each.table)]: each for owner, each in entities if owner == plugin}
    tables = {name: table for table, name in names.items()}
    found: list[SidePlan] = []
    for side in extension.sides:
        name = names.get(_tablename(side.table), "")
        if name not in own:
            raise failure(
                plugin,
                f"{place}: `{_tablename(side.table)}` is no table of this plugin's records. "
                "Yield an Entity of it from `entities()`.",
            )
        if any(each.entity == name for each in found):
            raise failure(plugin, f"{place}: `{name}` stands twice. Take one of them away.")
        column = _reference(own[name], tables.get(extension.entity, ""))
        if not column:
            raise failure(
                plugin,
                f"{place}: `{name}` has no reference to it that is unique and required. Declare "
                f'one as `Reference("{tables.get(extension.entity, "")}", unique=True, '
                f"required=True)` and run `crmkit makemigrations {plugin}`.",
            )
        found.append(_side(plugin, side, name, column))
    return found


def _side(plugin: str, side: Side, name: str, column: str) -> SidePlan:
    return SidePlan(
        plugin=plugin,
        label=side.label,
        entity=name,
        column=column,
        order=side.order,
        permission=side.permission,
    )


def _reference(entity: Entity, target: str) -> str:
    """Answer the column by which the entity stands beside records of a table, "" for none."""
    options = {_name(column): each for column, each in entity.fields.items()}
    for column in entity.table._meta.columns:  # noqa: SLF001 - Piccolo has no public name
        if not isinstance(column, Reference) or column.target != target or not column.unique:
            continue
        required = options.get(_name(column), FieldOptions()).required
        if column._meta.required if required is None else required:  # noqa: SLF001
            return _name(column)
    return ""


def _name(column: Any) -> str:  # noqa: ANN401 - a column of Piccolo
    return str(column._meta.name)  # noqa: SLF001


def _tablename(table: object) -> str:
    """Answer the name of a table; of what is none, how it reads."""
    meta = getattr(table, "_meta", None)
    return str(getattr(meta, "tablename", "") or repr(table))
