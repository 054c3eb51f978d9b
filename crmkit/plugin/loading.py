"""Imports the plugins that are switched on, each on its own."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from crmkit.errors import PluginError
from crmkit.plugin.hookspecs import Plugin

if TYPE_CHECKING:
    from types import ModuleType

    from crmkit.plugin.discovery import Found


def load_plugin(found: Found) -> Plugin:
    """Import a plugin and make its object.

    Raises:
        PluginError: The import fails, or there is not exactly one Plugin class in it; the cause
            carries the traceback.
    """
    if found.root is not None:
        _make_room(found)
    try:
        module = importlib.import_module(found.module)
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"{found.folder}: cannot be imported: {_said(error)}.") from error
    classes = _plugin_classes(module)
    if len(classes) != 1:
        raise PluginError(
            f"{found.module}: exactly one class must derive from Plugin, there are {len(classes)}."
        )
    try:
        return classes[0]()
    except Exception as error:
        raise PluginError(f"{found.module}.{classes[0].__name__}(): {_said(error)}.") from error


def _said(error: Exception) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__} in {error.filename}, line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}: {error}"


def _make_room(found: Found) -> None:
    """Let the site's folder be found, and forget a plugin of the same name of another site."""
    root = str(found.root)
    if root in sys.path:
        sys.path.remove(root)
    sys.path.insert(0, root)
    known = sys.modules.get(found.module)
    if known is not None and found.folder not in _folders(known):
        for name in [each for each in sys.modules if _is_below(each, found.module)]:
            del sys.modules[name]
    package = found.module.partition(".")[0]
    parent = sys.modules.get(package)
    if parent is not None and found.folder.parent not in _folders(parent):
        del sys.modules[package]
    importlib.invalidate_caches()


def _folders(module: ModuleType) -> list[object]:
    return [Path(each).resolve() for each in getattr(module, "__path__", ())]


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _plugin_classes(module: ModuleType) -> list[type[Plugin]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Plugin)
        and _is_below(value.__module__, module.__name__)
    ]
