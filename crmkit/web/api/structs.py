"""Structs of an entity, made from its plan: what is read, what makes one, what changes one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmkit.model.field import Field
    from crmkit.plugin.plan import EntityPlan
    from crmkit.plugin.site import Site

#: No NUL; half characters cannot be written in a pattern, the reader of bodies refuses them.
_STORABLE = r"^[^\u0000]*$"
_FILLED = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
_DECIMAL = r"^-?[0-9]{1,13}(\.[0-9]{1,10})?$"
_MONEY = r"^-?[0-9]{1,13}(\.[0-9]{1,4})?$"
_Whole = Annotated[int, Meta(ge=-(2**63) + 1, le=2**63 - 1)]
_Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
_Moment = Annotated[datetime, Meta(tz=True)]
_READ: dict[str, Any] = {
    "number": _Whole,
    "checkbox": bool,
    "date": date,
    "datetime": _Moment,
    "reference": _Id,
}
_WRITE: dict[str, Any] = {
    **_READ,
    "decimal": Annotated[str, Meta(pattern=_DECIMAL)],
    "money": Annotated[str, Meta(pattern=_MONEY)],
}


class EntityStructs(msgspec.Struct, frozen=True):
    """The structs of one entity.

    Attributes:
        read: A row; what was not asked for is left out.
        new: What POST takes.
        patch: What PATCH takes, `version` included.
        types: Field name to the type its JSON value must have.
    """

    read: type[msgspec.Struct]
    new: type[msgspec.Struct]
    patch: type[msgspec.Struct]
    types: Mapping[str, Any]


class SiteStructs:
    """The structs of a Site, each entity's made when it is first asked for."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.documents: dict[object, bytes] = {}
        self._made: dict[str, EntityStructs] = {}

    def of(self, plan: EntityPlan) -> EntityStructs:
        """Answer the structs of an entity."""
        if plan.name not in self._made:
            self._made[plan.name] = make_structs(plan)
        return self._made[plan.name]


def make_structs(plan: EntityPlan) -> EntityStructs:
    """Make the structs of an entity; their names are the entity's, so that none clash."""
    types = {name: _write_type(plan, field) for name, field in _writable(plan).items()}
    new = _struct(plan, "new", types, lambda field: not _needed(plan, field))
    patch = _struct(
        plan,
        "patch",
        types,
        lambda _field: True,
        ("version", _Whole | UnsetType, UNSET),
    )
    return EntityStructs(_read_struct(plan), new, patch, types)


def _needed(plan: EntityPlan, field: Field) -> bool:
    lifecycle = plan.lifecycle  # a new record begins in the first state
    return field.required and not (lifecycle is not None and lifecycle.column == field.name)


def _writable(plan: EntityPlan) -> dict[str, Field]:
    return {name: field for name, field in plan.fields.items() if field.editable}


def _write_type(plan: EntityPlan, field: Field) -> Any:  # noqa: ANN401 - a type
    kind = _WRITE.get(field.kind)
    if kind is None and field.kind == "choice":
        keys = tuple(choice.value for choice in field.choices)
        kind = Literal[(*keys, *(() if field.required else ("",)))] if keys else str
    if kind is None:
        pattern = _FILLED if _needed(plan, field) else _STORABLE
        kind = Annotated[str, Meta(max_length=field.max_length, pattern=pattern)]
    return kind if _needed(plan, field) else kind | None


def _name(plan: EntityPlan, kind: str) -> str:
    return f"{plan.name}.{kind}"


def _struct(
    plan: EntityPlan,
    kind: str,
    types: Mapping[str, Any],
    is_optional: Callable[[Field], bool],
    *more: tuple[str, Any, Any],
) -> type[msgspec.Struct]:
    needed: list[Any] = []
    optional: list[Any] = list(more)
    custom: dict[str, list[Any]] = {}
    for name, each in types.items():
        if name.startswith("custom."):
            _, owner, key = name.split(".", 2)
            custom.setdefault(owner, []).append((key, each | UnsetType, UNSET))
        elif is_optional(plan.fields[name]):
            optional.append((name, each | UnsetType, UNSET))
        else:
            needed.append((name, each))
    if custom:
        optional.append(("custom", _custom(plan, kind, custom) | UnsetType, UNSET))
    return msgspec.defstruct(
        _name(plan, kind), [*needed, *optional], forbid_unknown_fields=True, kw_only=True
    )


def _custom(plan: EntityPlan, kind: str, owners: Mapping[str, list[Any]]) -> Any:  # noqa: ANN401
    members = [
        (
            owner,
            msgspec.defstruct(
                _name(plan, f"{kind}.custom.{owner}"), fields, forbid_unknown_fields=True
            )
            | UnsetType,
            UNSET,
        )
        for owner, fields in owners.items()
    ]
    return msgspec.defstruct(_name(plan, f"{kind}.custom"), members, forbid_unknown_fields=True)


def _read_struct(plan: EntityPlan) -> type[msgspec.Struct]:
    types: dict[str, Any] = {}
    custom: dict[str, list[Any]] = {}
    for name, field in plan.fields.items():
        kind = _READ.get(field.kind, str) | None
        if field.is_custom:
            _, owner, key = name.split(".", 2)
            custom.setdefault(owner, []).append((key, kind | UnsetType, UNSET))
            continue
        types[name] = kind
        if field.kind == "reference":
            types[f"{name}_title"] = str | None
    fields: list[Any] = [("id", _Id), ("version", _Whole | UnsetType, UNSET)]
    fields.append(("trashed_at", _Moment | None | UnsetType, UNSET))
    fields += [(name, kind | UnsetType, UNSET) for name, kind in types.items()]
    if any(field.kind == "money" for field in plan.fields.values()) and "currency" not in types:
        fields.append(("currency", str | None | UnsetType, UNSET))
    if custom:
        fields.append(("custom", _custom(plan, "read", custom) | UnsetType, UNSET))
    return msgspec.defstruct(_name(plan, "read"), fields, kw_only=True)
