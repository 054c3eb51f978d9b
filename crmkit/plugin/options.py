"""Settings of a plugin: a Struct with defaults, and what administrators changed of it."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import msgspec

# Types are read out of the annotations anew at each call, and settings are asked for all the time.
_fields = cache(msgspec.structs.fields)


def read_settings(
    kind: type[msgspec.Struct], stored: dict[str, Any]
) -> tuple[msgspec.Struct, dict[str, str]]:
    """Make settings of what is stored.

    Returns:
        The settings, and problems by field: a stored value that no longer fits counts as absent.

    Raises:
        msgspec.ValidationError: A field has no default and nothing that fits is stored.
    """
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in _fields(kind):
        if field.name not in stored:
            continue
        try:
            values[field.name] = msgspec.convert(stored[field.name], field.type, strict=False)
        except msgspec.ValidationError as error:
            problems[field.name] = str(error)
    return msgspec.convert(values, kind), problems


def is_by_role(field: msgspec.structs.FieldInfo) -> bool:
    """Say whether a setting has a value for each role.

    `Annotated[dict[str, int], Meta(extra={"by": "role"})]`: role name to value, those that are
    left empty are not in it.
    """
    info = msgspec.inspect.type_info(field.type)
    extra = getattr(info, "extra", None) or {}
    return extra.get("by") == "role"


def type_by_role(field: msgspec.structs.FieldInfo) -> Any:  # noqa: ANN401 - a type
    """Answer the type that the value of a role has."""
    kind = field.type
    while get_args(kind) and getattr(kind, "__metadata__", None):
        kind = get_args(kind)[0]
    return get_args(kind)[1]


def labels_of(field: msgspec.structs.FieldInfo) -> dict[str, str]:
    """Answer how people read the values of a choice, English.

    `Annotated[Literal["off", "on"], Meta(extra={"labels": {"off": N_("Never")}})]`: one that has no
    label is read as it is stored.
    """
    info = msgspec.inspect.type_info(field.type)
    extra = getattr(info, "extra", None) or {}
    return dict(extra.get("labels") or {})


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    """Say whether a setting is never shown: `Annotated[str, Meta(extra={"secret": True})]`."""
    info = msgspec.inspect.type_info(field.type)
    extra = getattr(info, "extra", None) or {}
    return bool(extra.get("secret"))
