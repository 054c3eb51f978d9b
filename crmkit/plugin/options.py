"""Settings of a plugin: a Struct with defaults, and what administrators changed of it."""

from __future__ import annotations

from typing import Any

import msgspec


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
    for field in msgspec.structs.fields(kind):
        if field.name not in stored:
            continue
        try:
            values[field.name] = msgspec.convert(stored[field.name], field.type, strict=False)
        except msgspec.ValidationError as error:
            problems[field.name] = str(error)
    return msgspec.convert(values, kind), problems


def is_secret(field: msgspec.structs.FieldInfo) -> bool:
    """Say whether a setting is never shown: `Annotated[str, Meta(extra={"secret": True})]`."""
    info = msgspec.inspect.type_info(field.type)
    extra = getattr(info, "extra", None) or {}
    return bool(extra.get("secret"))
