"""Static files of plugins: `static/` in a plugin's folder, below `/static/<id>/<digest>/`.

The digest is of all its files, so an address never changes its content, and files may refer to
each other by relative addresses. `<id>.css` and `<id>.js` are part of every page.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from crmkit.plugin.site import Site

_DIGITS = 10


class PluginFolder(msgspec.Struct, frozen=True):
    """The static files of one plugin."""

    root: Path
    prefix: str
    names: frozenset[str]


class PluginFiles:
    """The static files of the plugins of one Site.

    Attributes:
        folders: Plugin id to its files.
        styles: Addresses of the style sheets of every page, in the order of the plugins.
        scripts: Addresses of the scripts of every page.
    """

    def __init__(self, site: Site) -> None:
        found = {
            name: _read(name, info.folder / "static")
            for name, info in site.plugins.items()
            if info.is_on and info.folder is not None and (info.folder / "static").is_dir()
        }
        self.folders = found
        self.styles = tuple(each.prefix + f"{n}.css" for n, each in found.items()
                            if f"{n}.css" in each.names)  # fmt: skip
        self.scripts = tuple(each.prefix + f"{n}.js" for n, each in found.items()
                             if f"{n}.js" in each.names)  # fmt: skip

    def url(self, name: str) -> str:
        """Answer the address of a file such as `loyalty/star.svg`.

        Raises:
            KeyError: There is no such file; a mistake in a template.
        """
        owner, _, rest = name.partition("/")
        folder = self.folders[owner]
        if rest not in folder.names:
            raise KeyError(name)
        return folder.prefix + rest


def _read(plugin: str, root: Path) -> PluginFolder:
    digest = hashlib.sha256()
    names = []
    for path in sorted(each for each in root.rglob("*") if each.is_file()):
        name = path.relative_to(root).as_posix()
        names.append(name)
        digest.update(name.encode() + b"\0" + path.read_bytes())
    prefix = f"/static/{plugin}/{digest.hexdigest()[:_DIGITS]}/"
    return PluginFolder(root, prefix, frozenset(names))
