"""Finds plugins in the site's folder and by entry points, without importing them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit.errors import PluginError
from crmkit.plugin.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "crmkit.plugins"
#: Folder of a company's own plugins below its site, and the package they are imported from.
OWN = "plugins"
MANIFEST = "plugin.toml"


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that is there: its manifest, its module's name, its folder.

    Attributes:
        root: Folder to be on sys.path for the import; None where it is installed.
    """

    manifest: Manifest
    module: str
    folder: Path
    root: Path | None = None

    @property
    def migrations(self) -> Path:
        """Where its migrations lie."""
        return self.folder / "migrations"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What exists, by id, and what looks like a plugin but cannot be read, by name."""

    found: dict[str, Found] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def discover(site: Path | None = None) -> Discovery:
    """Find plugins: the site's own folder first, then entry points.

    Args:
        site: Folder of the site; None looks at entry points alone.

    A manifest that cannot be read, and an id that stands twice, are named in `broken`.
    """
    found: dict[str, Found] = {}
    broken: dict[str, str] = {}
    for name, candidate in (*_own(site), *_installed()):
        if isinstance(candidate, PluginError):
            broken[name] = candidate.message
            continue
        known = found.get(candidate.manifest.id)
        if known is None:
            found[candidate.manifest.id] = candidate
        elif known.folder != candidate.folder:
            broken[candidate.manifest.id] = (
                f"The plugin `{candidate.manifest.id}` is there twice: {known.folder} and "
                f"{candidate.folder}. Remove one of them."
            )
    for twice in broken.keys() & found.keys():
        del found[twice]
    return Discovery({key: found[key] for key in sorted(found)}, broken)


def _own(site: Path | None) -> Iterator[tuple[str, Found | PluginError]]:
    folder = site.resolve() / OWN if site is not None else None
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob(f"*/{MANIFEST}")):
        name = path.parent.name
        if (folder / "__init__.py").exists():
            # It would make a closed package of a folder that others may add to (TRAPS L6).
            yield name, PluginError(f"{folder / '__init__.py'}: remove it, it hides plugins.")
            continue
        if not name.isidentifier():
            yield name, PluginError(f"{path.parent}: the name of the folder must be a Python name.")
            continue
        try:
            yield name, Found(read_manifest(path), f"{OWN}.{name}", path.parent, folder.parent)
        except PluginError as error:
            yield name, error


def _installed() -> Iterator[tuple[str, Found | PluginError]]:
    for entry in metadata.entry_points(group=GROUP):
        try:
            folder = _folder(entry.value)
            yield entry.name, Found(read_manifest(folder / MANIFEST), entry.value, folder)
        except PluginError as error:
            yield entry.name, error


def _folder(module: str) -> Path:
    try:
        # The parent package is imported by this, the plugin itself is not.
        spec = sys.modules[module].__spec__ if module in sys.modules else find_spec(module)
    except (ImportError, ValueError) as error:
        raise PluginError(f"The entry point `{module}` cannot be found: {error}.") from error
    if spec is None or spec.origin is None:
        raise PluginError(
            f"The entry point names `{module}`, which is not installed. Install or remove it."
        )
    return Path(spec.origin).parent
