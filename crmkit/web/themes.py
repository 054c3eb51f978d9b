"""Themes: a folder with theme.toml, tokens for light and dark, and templates that replace others.

Looked for in `themes/` of the site, then among those that come with crmkit.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crmkit.errors import ConfigError

if TYPE_CHECKING:
    from crmkit.config import Config

_OWN = Path(__file__).parent / "themes"
_TOKEN = re.compile(r"^[a-z][a-z0-9-]{0,40}$")
# A colour, length or font: nothing that could end the declaration or fetch something.
_VALUE = re.compile(r"^[#\w ,.%()+*/'\"-]{1,200}$")


class ThemeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What theme.toml says: tokens without `--crm-`, for light and for dark."""

    name: str
    parent: str = ""
    light: dict[str, str] = {}
    dark: dict[str, str] = {}


class Theme(msgspec.Struct, frozen=True):
    """A theme and where it lies."""

    file: ThemeFile
    folder: Path


def theme_chain(config: Config) -> list[Theme]:
    """Answer the theme of a site and those it descends from, the nearest first.

    Raises:
        ConfigError: A theme is missing, cannot be read, or descends from itself.
    """
    chain: list[Theme] = []
    name = config.theme
    while name:
        if name in [theme.folder.name for theme in chain]:
            raise ConfigError(f"The theme `{name}` descends from itself. Mend `parent`.")
        chain.append(_read(config, name))
        name = chain[-1].file.parent
    return chain


def _read(config: Config, name: str) -> Theme:
    if not _TOKEN.match(name):
        raise ConfigError(f"`theme` is the name of a folder below themes/, not {name!r}.")
    places = [config.folder / "themes" / name, _OWN / name]
    folder = next((place for place in places if (place / "theme.toml").is_file()), None)
    if folder is None:
        raise ConfigError(f"There is no theme `{name}`: {places[0]}/theme.toml is missing.")
    path = folder / "theme.toml"
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), ThemeFile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, OSError) as error:
        raise ConfigError(f"{path}: {error}.") from error
    for token, value in (*file.light.items(), *file.dark.items()):
        if not _TOKEN.match(token) or not _VALUE.match(value) or "url(" in value:
            raise ConfigError(f"{path}: `{token} = {value!r}` is no token with a CSS value.")
    return Theme(file, folder)


def theme_css(config: Config) -> str:
    """Answer the tokens of a site's theme as a stylesheet, "" without one."""
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for theme in reversed(theme_chain(config)):
        light |= theme.file.light
        dark |= theme.file.dark
    if not light and not dark:
        return ""
    lines = [
        # `light-dark` takes colours alone: a length is the same in both.
        f"--crm-{token}: light-dark({value}, {dark[token]});"
        if token in dark
        else f"--crm-{token}: {value};"
        for token, value in light.items()
    ]
    lines += [
        f"--crm-{token}: light-dark(var(--crm-{token}), {value});"
        for token, value in dark.items()
        if token not in light
    ]
    return "@layer theme { :root, [data-bs-theme] { " + " ".join(lines) + " } }"


def theme_url(css: str) -> str:
    """Answer the address of a stylesheet, which changes with its text."""
    return f"/theme/{hashlib.sha256(css.encode()).hexdigest()[:10]}.css" if css else ""
