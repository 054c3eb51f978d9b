"""Finds plugins through the entry point group `crmkit.plugins`, without importing them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit.errors import PluginError
from crmkit.plugin.hookspecs import Plugin
from crmkit.plugin.manifest import Manifest, read_manifest

if TYPE_CHECKING:
    from types import ModuleType

GROUP = "crmkit.plugins"


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that is installed: its manifest, its module's name and folder."""

    manifest: Manifest
    module: str
    folder: Path

    @property
    def migrations(self) -> Path:
        """Where its migrations lie."""
        return self.folder / "migrations"


def discover() -> list[Found]:
    """List installed plugins by id.

    Raises:
        PluginError: A manifest cannot be read, or an id stands twice; both places are named.
    """
    found: dict[str, Found] = {}
    for entry in metadata.entry_points(group=GROUP):
        folder = _folder(entry.value)
        plugin = Found(read_manifest(folder / "plugin.toml"), entry.value, folder)
        known = found.get(plugin.manifest.id)
        if known is not None and known.folder != folder:
            raise PluginError(
                f"Plugin `{plugin.manifest.id}` is installed twice: {known.folder} and {folder}."
            )
        found[plugin.manifest.id] = plugin
    return [found[key] for key in sorted(found)]


def _folder(module: str) -> Path:
    # The parent package is imported by this, the plugin itself is not.
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise PluginError(f"The entry point names `{module}`, which is not installed.")
    return Path(spec.origin).parent


def load_plugin(found: Found) -> Plugin:
    """Import a plugin and make its object.

    Raises:
        PluginError: The import fails, or there is not exactly one Plugin class in it.
    """
    try:
        module = importlib.import_module(found.module)
    except Exception as error:
        raise PluginError(f"Plugin `{found.manifest.id}` cannot be imported: {error!r}.") from error
    classes = _plugin_classes(module)
    if len(classes) != 1:
        raise PluginError(f"{found.module}: exactly one class must derive from Plugin.")
    return classes[0]()


def _plugin_classes(module: ModuleType) -> list[type[Plugin]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Plugin)
        and value.__module__.split(".")[: len(module.__name__.split("."))]
        == module.__name__.split(".")
    ]
