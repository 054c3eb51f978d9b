"""Makes the plan of an entity: resolves names, fields and labels, and checks them all."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
from piccolo.columns import (
    Boolean,
    Column,
    Date,
    Integer,
    Numeric,
    Text,
    Timestamptz,
    Varchar,
)

from crmkit.errors import PluginError
from crmkit.model.columns import Name, Pick, Reference
from crmkit.model.entity import FieldOptions, Group
from crmkit.model.field import Field
from crmkit.model.lifecycle import Lifecycle, State
from crmkit.model.record import SYSTEM_COLUMNS
from crmkit.model.values import Choice
from crmkit.plugin.plan import (
    AddedFields,
    CallPlan,
    EntityPlan,
    FormGroup,
    PartOf,
    PartsPlan,
    StepLink,
    StepPlan,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmkit.model.action import Action
    from crmkit.model.entity import Entity

#: Plain Piccolo columns and what they are to people; narrow ones before what they derive from.
_KINDS: dict[type[Column], str] = {
    Boolean: "checkbox",
    Integer: "number",
    Numeric: "decimal",
    Varchar: "text",
    Text: "textarea",
    Timestamptz: "datetime",
    Date: "date",
}
_WHO = frozenset({"owner", "team"})
#: An account is one person's, a team a rule: none of the core's records become one.
_NO_MERGE = frozenset({"merged"})
_SORTABLE = frozenset({"text", "number", "decimal", "money", "date", "datetime", "choice"})


def plan_entity(
    plugin: str, entity: Entity, names: Mapping[str, str], added: Sequence[AddedFields] = ()
) -> EntityPlan:
    """Resolve a declaration.

    Args:
        plugin: Id of the plugin.
        names: Table name to entity name, of the whole Site.
        added: Fields that the company and other plugins add to this entity.

    Raises:
        PluginError: The table's name lacks the plugin's prefix, or a column is of another table.
    """
    entity = _with_board(entity)
    tablename: str = entity.table._meta.tablename  # noqa: SLF001 - Piccolo has no public name
    if not tablename.startswith(f"{plugin}_"):
        raise PluginError(
            f"Plugin `{plugin}`: the table `{tablename}` must be named `{plugin}_...`."
        )
    fields = {field.name: field for field in _fields(entity, names)}
    title = _name(entity.title)
    for column in (
        *entity.list,
        *entity.filters,
        *entity.search,
        *entity.sums,
        *entity.subtitle,
        *entity.facts,
        entity.title,
    ):
        if _name(column) not in fields:
            raise PluginError(
                f"`{names[tablename]}`: `{_name(column)}` is no visible column of it."
            )
    form = _form(entity, fields)
    order = [name for group in form for name in group.names]
    ordered = {name: fields[name] for name in (*order, *(n for n in fields if n not in order))}
    custom = [field for group in added for field in group.fields]
    ordered |= {field.name: field for field in custom}
    form = (
        *form,
        *(
            FormGroup(group.label, tuple(field.name for field in group.fields), group.source)
            for group in added
        ),
    )
    listed = tuple(_name(column) for column in entity.list) or tuple(order[:6])
    listed += tuple(field.name for field in custom if field.listed)
    filters = (
        {_name(column) for column in entity.filters}
        | {f.name for f in custom if f.filterable}
        | {"owner"}
    )
    filters |= {"team", title}
    # Sorting needs an index, and an index costs each write: lists sort by what they were made for.
    sorted_by = filters | {*listed, "created_at", "updated_at"}
    sorted_by |= {_name(column) for column in (entity.order, entity.closed) if column is not None}
    for name, field in ordered.items():
        if field.sortable and name not in sorted_by:
            ordered[name] = msgspec.structs.replace(field, sortable=False)
    return EntityPlan(
        table=entity.table,
        name=names[tablename],
        plugin=plugin,
        tablename=tablename,
        label=entity.label,
        singular=entity.singular or entity.label,
        icon=entity.icon,
        title=title,
        fields=ordered,
        list=(title, *(name for name in listed if name != title)),
        filters=tuple(name for name in ordered if name in filters),
        search=tuple(_name(column) for column in entity.search),
        form=form,
        board=_name(entity.board) if entity.board is not None else "",
        lifecycle=entity.lifecycle,
        sums=tuple(_name(column) for column in entity.sums),
        order=_name(entity.order) if entity.order is not None else "",
        closed=_name(entity.closed) if entity.closed is not None else "",
        subtitle=tuple(_name(column) for column in entity.subtitle),
        facts=tuple(_name(column) for column in entity.facts)
        or tuple(name for name in listed if name != title),
        steps=_steps(entity),
        actions=_actions(names[tablename], entity),
        person=entity.person,
        part_of=_part_of(entity, names),
        shared=entity.shared,
        permission=entity.permission,
        in_menu=entity.in_menu,
        silent=frozenset(entity.silent) | (_NO_MERGE if plugin == "core" else frozenset()),
        parts=_parts(entity, names),
        derived=frozenset(_name(c) for c, options in entity.fields.items() if options.derived),
    )


def _part_of(entity: Entity, names: Mapping[str, str]) -> PartOf | None:
    column = entity.part_of
    if column is None:
        return None
    if not isinstance(column, Reference) or column.target not in names:
        raise PluginError(
            f"`{entity.table._meta.tablename}`: `part_of` is `{_name(column)}`, which refers to no "  # noqa: SLF001
            "entity of this Site."
        )
    return PartOf(names[column.target], _name(column))


def _parts(entity: Entity, names: Mapping[str, str]) -> tuple[PartsPlan, ...]:
    made = []
    for each in entity.parts:
        tablename: str = entity.table._meta.tablename  # noqa: SLF001
        lines: str = each.reference._meta.table._meta.tablename  # noqa: SLF001
        if not isinstance(each.reference, Reference) or each.reference.target != tablename:
            raise PluginError(
                f"`{tablename}`: its parts `{each.label}` refer by `{_name(each.reference)}` to "
                "another table."
            )
        made.append(
            PartsPlan(
                entity=names[lines],
                column=_name(each.reference),
                label=each.label,
                columns=tuple(_name(column) for column in each.columns),
                order=_name(each.order),
                below=tuple(_name(column) for column in each.below),
                needed={_name(column): asks for column, asks in each.needed.items()},
                offered={_name(column): asks for column, asks in each.offered.items()},
                totals=each.totals,
                locked=each.locked,
                paste=each.paste,
                table=each.table,
                table_help=each.table_help,
            )
        )
    return tuple(made)


def link_plans(
    plans: Mapping[str, EntityPlan], guarded: Mapping[str, str]
) -> dict[str, EntityPlan]:
    """Tell each entity what its references point to and where the steps of its records are.

    Args:
        guarded: Entities whose rows must stay hidden: not even their titles are read.
    """
    linked = {
        name: msgspec.structs.replace(
            plan,
            fields={key: _link(field, plans, guarded) for key, field in plan.fields.items()},
        )
        for name, plan in plans.items()
    }
    return _link_steps({n: p for n, p in linked.items() if n not in guarded}, linked)


def _link(field: Field, plans: Mapping[str, EntityPlan], guarded: Mapping[str, str]) -> Field:
    if not field.target_table:
        return field
    target = plans.get(field.reference)
    if target is None or target.name in guarded:
        name = field.target_table.replace("_", ".", 1)
        return msgspec.structs.replace(field, reference="", sleeping=name, editable=False)
    return msgspec.structs.replace(field, target_title=target.title_field.sql("{alias}"))


def _link_steps(
    shown: Mapping[str, EntityPlan], plans: Mapping[str, EntityPlan]
) -> dict[str, EntityPlan]:
    links: dict[str, list[StepLink]] = {}
    for plan in shown.values():
        if plan.steps is None:
            continue
        for field in plan.fields.values():
            if field.reference and field.reference != plan.name and field.name not in _WHO:
                links.setdefault(field.reference, []).append(StepLink(plan.name, field.name))
    return {
        name: msgspec.structs.replace(plan, step_links=tuple(links.get(name, ())))
        for name, plan in plans.items()
    }


def _steps(entity: Entity) -> StepPlan | None:
    steps = entity.steps
    if steps is None:
        return None
    call = steps.call
    return StepPlan(
        kind=_name(steps.kind),
        due=_name(steps.due),
        done=_name(steps.done),
        text=_name(steps.text),
        kinds=tuple(steps.kinds),
        call=CallPlan(
            call.kind,
            _name(call.began),
            _name(call.direction) if call.direction is not None else "",
        )
        if call is not None
        else None,
        minutes=_name(steps.minutes) if steps.minutes is not None else "",
    )


def _actions(name: str, entity: Entity) -> tuple[Action, ...]:
    seen: set[str] = set()
    for action in entity.actions:
        if action.name in seen or not action.name.replace("-", "").isalnum():
            raise PluginError(
                f"`{name}`: the action `{action.name}` needs a name of its own, of letters, "
                "digits and dashes."
            )
        seen.add(action.name)
    return tuple(entity.actions)


def _name(column: Column) -> str:
    return str(column._meta.name)  # noqa: SLF001


def _form(entity: Entity, fields: Mapping[str, Field]) -> tuple[FormGroup, ...]:
    groups: list[FormGroup] = []
    loose: list[str] = []
    for part in entity.form:
        if isinstance(part, Group):
            groups.append(FormGroup(part.label, tuple(_name(column) for column in part.columns)))
        else:
            loose.append(_name(part))
    if not entity.form:
        loose = [name for name, field in fields.items() if field.editable]
    return ((FormGroup("", tuple(loose)), *groups) if loose else tuple(groups)) or ()


def _fields(entity: Entity, names: Mapping[str, str]) -> list[Field]:
    found = []
    filters = {_name(column) for column in entity.filters} | {"owner", "team", _name(entity.title)}
    search = {_name(column) for column in entity.search}
    options_by_name = {_name(column): options for column, options in entity.fields.items()}
    for column in entity.table._meta.columns:  # noqa: SLF001
        name = _name(column)
        options = options_by_name.get(name, FieldOptions())
        if options.hidden or (name in SYSTEM_COLUMNS and name not in {"created_at", "updated_at"}):
            continue
        found.append(_field(column, options, entity, names, name in filters, name in search))
    return found


def _field(
    column: Column,
    options: FieldOptions,
    entity: Entity,
    names: Mapping[str, str],
    filterable: bool,  # noqa: FBT001
    searchable: bool,  # noqa: FBT001
) -> Field:
    name = _name(column)
    kind = getattr(column, "kind", None) or _piccolo_kind(column)
    lifecycle = entity.lifecycle
    choices: tuple[Choice, ...] = ()
    if lifecycle is not None and lifecycle.column == name:
        kind = "choice"
        choices = tuple(Choice(s.name, s.label, s.hue) for s in lifecycle.states)
    elif options.choices:
        kind, choices = "choice", tuple(options.choices)
    elif isinstance(column, Pick):
        choices = column.options
    elif column._meta.choices:  # noqa: SLF001 - Piccolo's own way to say it
        kind, choices = "choice", _enum_choices(column)
    is_system = name in {"created_at", "updated_at"}
    required = column._meta.required if options.required is None else options.required  # noqa: SLF001
    return Field(
        name=name,
        label=options.label or name.replace("_", " ").capitalize(),
        kind=kind,
        required=bool(required) or name == _name(entity.title),
        help=options.help,
        choices=choices,
        reference=names.get(column.target, "") if isinstance(column, Reference) else "",
        target_table=column.target if isinstance(column, Reference) else "",
        editable=not (options.readonly or options.derived or is_system),
        filterable=filterable,
        sortable=kind in _SORTABLE,
        searchable=searchable,
        has_key=isinstance(column, Name),
        max_length=column.length if isinstance(column, Varchar) else None,
        grouped=getattr(column, "grouped", True),
        unique=isinstance(column, Reference) and column.unique,
        related=options.related,
        said=options.said,
        share_of=_name(options.share_of) if options.share_of is not None else "",
    )


def _with_board(entity: Entity) -> Entity:
    """Give an entity whose board stands over a plain choice the lifecycle that allows all moves."""
    if entity.board is None or entity.lifecycle is not None:
        return entity
    name = _name(entity.board)
    options = next((o for c, o in entity.fields.items() if _name(c) == name), FieldOptions())
    choices = options.choices or getattr(entity.board, "options", ()) or _enum_choices(entity.board)
    if not choices:
        raise PluginError(
            f"`{entity.table._meta.tablename}`: the board stands over `{name}`, which is no "  # noqa: SLF001
            "choice. Give it choices or a lifecycle."
        )
    states = tuple(State(each.value, each.label, hue=each.hue) for each in choices)
    begin = entity.board.get_default_value()
    begin = str(getattr(begin, "value", begin) or "")
    return dataclasses.replace(entity, lifecycle=Lifecycle(name, states, begin=begin))


def _enum_choices(column: Column) -> tuple[Choice, ...]:
    """Answer the choices of a plain Piccolo column: an Enum, its values are what is stored."""
    members = column._meta.choices or ()  # noqa: SLF001
    return tuple(
        Choice(str(each.value), each.name.replace("_", " ").capitalize(), number % 8 + 1)
        for number, each in enumerate(members)
    )


def _piccolo_kind(column: Column) -> str:
    for kind, name in _KINDS.items():
        if isinstance(column, kind):
            return name
    raise PluginError(
        f"`{_name(column)}`: {type(column).__name__} is no column for records. "
        "Take one of crmkit.model.columns."
    )
