"""Built files: names to hashed URLs, and the ASGI wrapper that serves them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
from markupsafe import Markup
from servestatic import ServeStaticASGI  # type: ignore[import-untyped]

from crmkit.errors import ConfigError

if TYPE_CHECKING:
    from litestar.types import ASGIApp

    from crmkit.web.plugin_files import PluginFiles

_FOLDER = Path(__file__).parent / "static" / "vendor"
_PREFIX = "/static/"
#: Ten digits of the content's hash in the name: the file never changes under it.
_IMMUTABLE = r"\.[0-9a-f]{10}\.(css|js|svg)$|^/static/[a-z][a-z0-9]*/[0-9a-f]{10}/"


class _Asset(msgspec.Struct, frozen=True):
    file: str
    integrity: str


@cache
def _manifest() -> dict[str, _Asset]:
    try:
        raw = (_FOLDER / "manifest.json").read_bytes()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{_FOLDER}: the built CSS and JavaScript are missing. Run `python assets/build.py`."
        ) from error
    return msgspec.json.decode(raw, type=dict[str, _Asset])


@cache
def _icons() -> dict[str, str]:
    return msgspec.json.decode((_FOLDER / "icons.json").read_bytes(), type=dict[str, str])


def asset(name: str) -> str:
    """Answer the URL of a built file, such as `core.css`.

    Raises:
        ConfigError: The files are not built.
        KeyError: There is no such file; a mistake in a template.
    """
    return _PREFIX + _manifest()[name].file


def integrity(name: str) -> str:
    """Answer the subresource integrity of a built file."""
    return _manifest()[name].integrity


@cache
def icon(name: str, size: int = 16) -> Markup:
    """Draw a Tabler icon inline; one that was not built shows as a dot.

    Args:
        size: 12, 14, 16, 18, 20 or 24 pixels.
    """
    paths = _icons().get(name, '<path d="M12 12h.01" />')
    css = "i" if size == 16 else f"i i-{size}"  # noqa: PLR2004 - the default size has no class
    return Markup(  # noqa: S704 - from our own build
        f'<svg class="{css}" viewBox="0 0 24 24" aria-hidden="true">{paths}</svg>'
    )


def serve_static(app: ASGIApp, files: PluginFiles) -> ASGIApp:
    """Answer /static/ from the built files and those of plugins; the rest is `app`'s."""
    served = ServeStaticASGI(
        app,
        root=_FOLDER,
        prefix=_PREFIX,
        max_age=0,
        allow_all_origins=False,
        immutable_file_test=_IMMUTABLE,
    )
    for folder in files.folders.values():
        served.add_files(folder.root, folder.prefix)
    return cast("ASGIApp", served)
