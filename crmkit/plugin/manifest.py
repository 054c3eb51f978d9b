"""plugin.toml: read as data, nothing is imported to learn what exists."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

_ID = re.compile(r"^[a-z][a-z0-9]{1,30}$")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a plugin says of itself."""

    id: str
    name: str
    version: str
    crmkit: str
    summary: str = ""
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    category: str = ""
    icon: str = "plug"
    author: str = ""
    license: str = ""


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        PluginError: The file is missing, no TOML, or has a wrong key or value.
    """
    try:
        manifest = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Manifest)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PluginError(f"{path}: {error}.") from error
    if not _ID.match(manifest.id):
        raise PluginError(f"{path}: `id` is lower-case letters and digits, such as loyalty.")
    return manifest
