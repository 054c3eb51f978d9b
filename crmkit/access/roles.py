"""Reads roles from TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from crmkit.errors import ConfigError
from crmkit.model.role import Right, Role, Scope, Verb

_DEFAULT = Path(__file__).with_name("roles.toml")
_NEEDED = "administrator"


class _RoleFile(msgspec.Struct, forbid_unknown_fields=True):
    label: str
    rights: dict[str, dict[Verb, Scope]] = {}


def load_roles(path: Path) -> dict[str, Role]:
    """Read the roles of a site, or the default ones when it has no file of its own.

    Raises:
        ConfigError: The file is no TOML, has a wrong verb or scope, or lacks the administrator.
    """
    source = path if path.is_file() else _DEFAULT
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
        parsed = msgspec.convert(raw, dict[str, _RoleFile])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, OSError) as error:
        raise ConfigError(f"{source}: {error}.") from error
    if _NEEDED not in parsed:
        raise ConfigError(f"{source}: the role `{_NEEDED}` is missing; somebody must administer.")
    return {
        name: Role(
            name,
            role.label,
            tuple(
                Right(pattern, verb, scope)
                for pattern, verbs in role.rights.items()
                for verb, scope in verbs.items()
            ),
        )
        for name, role in parsed.items()
    }
