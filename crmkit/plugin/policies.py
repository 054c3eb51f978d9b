"""`policies.toml` of a plugin: who may do what, as data that people can review.

    [[rights]]                      # one block for entities that are alike
    entities = ["orders.order", "orders.quote"]
    roles.administrator = "all"     # every verb, on every record
    roles.seller = { read = "team", create = "own", edit = "own", delete = "own" }

    [parts]                         # lines have the rights of their whole
    "orders.order_line" = "orders.order"

    [permissions]
    "orders.margin" = ["administrator"]

    [guards]                        # what nobody meets without that permission
    "orders.margin" = ["orders.cost", "orders.order_line.unit_cost"]

    [written]                       # what people write; all else is computed or kept by code
    "orders.order" = ["company", "note"]

    [public]
    addresses = ["/orders/status/{token:str}"]

Scopes are those of roles: `none`, `own` records, those of one's `team` as well, `all`, which
includes other teams' and nobody's. What is not named is denied.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import PluginError
from crmkit.model.adapters import Policy
from crmkit.model.role import VERBS, Scope, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "policies.toml"
#: Verb on a part to the verb on its whole that it is expected to be; said here once more, since
#: what is expected must not follow from what is done.
_OF_WHOLE: dict[Verb, Verb] = {
    "read": "read", "export": "export", "create": "edit", "edit": "edit", "delete": "edit",
    "admin": "admin",
}  # fmt: skip

_Rights = dict[Verb, Scope]


class _Block(msgspec.Struct, forbid_unknown_fields=True):
    entities: list[str]
    roles: dict[str, Scope | _Rights]


class _Public(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    addresses: tuple[str, ...]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rights: list[_Block] = []
    parts: dict[str, str] = {}
    permissions: dict[str, tuple[str, ...]] = {}
    guards: dict[str, tuple[str, ...]] = {}
    written: dict[str, tuple[str, ...]] = {}
    public: _Public = _Public(())


def read_policy(beside: str | Path) -> Policy:
    """Read `policies.toml` from a plugin's folder.

    Args:
        beside: A file of that folder, as in `read_policy(__file__)`.

    Raises:
        PluginError: The file is missing or no TOML, has a wrong key, verb or scope, or an entity
            twice; names the place.
    """
    path = Path(beside).with_name(NAME)
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{path}: cannot be read ({error}).") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PluginError(f"{path}: {error}.") from error
    rights: dict[str, dict[str, _Rights]] = {}
    for block in file.rights:
        for entity in block.entities:
            _check_new(path, rights, entity)
            rights[entity] = {name: _spelled(given) for name, given in block.roles.items()}
    _add_parts(path, rights, file.parts)
    return Policy(rights, file.permissions, file.guards, file.written, file.public.addresses)


def _check_new(path: Path, rights: Mapping[str, object], entity: str) -> None:
    if entity in rights:
        raise PluginError(f"{path}: `{entity}` stands twice. Say once who may do what with it.")


def _spelled(given: Scope | _Rights) -> _Rights:
    """Answer a right for each verb where one word stands for all."""
    return dict.fromkeys(VERBS, given) if isinstance(given, str) else given


def _add_parts(path: Path, rights: dict[str, dict[str, _Rights]], parts: Mapping[str, str]) -> None:
    """Give parts the rights of their wholes, which may be parts themselves and stand before."""
    for part, whole in parts.items():
        _check_new(path, rights, part)
        if whole not in rights:
            raise PluginError(
                f"{path}: `{part}` is part of `{whole}`, which has no rights above it. "
                "Add it to a block of `rights`."
            )
        rights[part] = {
            role: {
                verb: given[of_whole]
                for verb, of_whole in _OF_WHOLE.items()
                if of_whole in given
            }
            for role, given in rights[whole].items()
        }  # fmt: skip
