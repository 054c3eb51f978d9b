"""plugin.toml: read as data, nothing is imported to learn what exists."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from crmkit.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

#: Version of the plugin API; a plugin states in `crmkit` which ones it was written for.
API_VERSION = "1.0"

_ID = re.compile(r"^[a-z][a-z0-9]{1,30}$")
_FROM, _BELOW, _ONE = {">=", ">", "==", "~="}, {"<", "<="}, {"==", "~="}
#: What stands in addresses or names already.
_RESERVED = frozenset(
    {"api", "core", "entity", "healthz", "history", "login", "logout", "own", "readyz", "runs",
     "search", "settings", "setup", "static", "theme", "user"}
)  # fmt: skip


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a plugin says of itself.

    Attributes:
        id: Prefix of its URLs, tables, templates, permissions, settings and event names.
        version: Of the plugin; also what its data was last written with.
        crmkit: Versions of the plugin API it is written for, such as ">=1.3,<2".
        tested: Newest version of the plugin API it was tried with; above it a notice.
        requires: Plugins it needs, such as "orders>=1.2".
        after: Plugins it is loaded after when they are there.
        conflicts: Plugins it cannot work beside.
        python: Distributions it needs, such as "segno>=1.6".
        guards: Entities whose rows its `filter_query` or `check_access` protects; while it cannot
            load, they are not shown at all.
        personal_data: It keeps data on people.
        default: Switched on in a new site.
    """

    id: str
    name: str
    version: str
    crmkit: str
    summary: str = ""
    tested: str = ""
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    python: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    category: str = ""
    icon: str = "plug"
    author: str = ""
    license: str = ""
    docs: str = ""
    personal_data: bool = False
    default: bool = False

    @property
    def needs(self) -> dict[str, SpecifierSet]:
        """Plugin ids it requires, with the versions that will do."""
        return {each.name: each.specifier for each in map(Requirement, self.requires)}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        PluginError: The file is missing, no TOML, or has a wrong key or value; names the place.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        _check_keys(path, raw)
        manifest = msgspec.convert(raw, Manifest)
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{path}: cannot be read ({error}).") from error
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{path}: this is no valid TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise PluginError(f"{path}: {error}.") from error
    if not _ID.match(manifest.id) or manifest.id in _RESERVED:
        raise PluginError(
            f"{path}: `id` is 2 to 31 lower-case letters and digits, such as loyalty, "
            f"and none of {', '.join(sorted(_RESERVED))}."
        )
    _check_versions(path, manifest)
    return manifest


def _check_keys(path: Path, raw: dict[str, object]) -> None:
    known = [field.name for field in msgspec.structs.fields(Manifest)]
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise PluginError(f"{path}: unknown key `{key}`.{hint}")


def _check_versions(path: Path, manifest: Manifest) -> None:
    for key, text in (("version", manifest.version), ("tested", manifest.tested)):
        try:
            Version(text or "0")
        except InvalidVersion as error:
            raise PluginError(f"{path}: `{key}` is no version such as 1.4.0: {text!r}.") from error
    try:
        SpecifierSet(manifest.crmkit)
    except InvalidSpecifier as error:
        raise PluginError(
            f"{path}: `crmkit` says versions of the plugin API, such as >=1,<2: "
            f"{manifest.crmkit!r}."
        ) from error
    for key in ("requires", "python"):
        for text in getattr(manifest, key):
            try:
                Requirement(text)
            except InvalidRequirement as error:
                raise PluginError(
                    f"{path}: `{key}` holds names with versions, such as orders>=1.2: {text!r}."
                ) from error


def check_api(manifest: Manifest) -> str:
    """Answer why a plugin does not fit this version of the plugin API, or "".

    Only what needs a newer API, or another major, is refused: an upper bound below the current
    minor would stop working plugins at each release.
    """
    current = Version(API_VERSION)
    wanted = SpecifierSet(manifest.crmkit)
    if wanted.contains(current, prereleases=True):
        return ""
    bounds = [(each.operator, Version(each.version.removesuffix(".*"))) for each in wanted]
    if any(bound > current for operator, bound in bounds if operator in _FROM):
        return (
            f"It needs the plugin API {manifest.crmkit}, this is {API_VERSION}: "
            "install a newer crmkit."
        )
    # An upper bound speaks of an older major when it lets nothing of the current one in.
    first = Version(str(current.major))
    older = any(bound <= first for operator, bound in bounds if operator in _BELOW)
    if older or any(bound.major < current.major for operator, bound in bounds if operator in _ONE):
        return (
            f"It was built for the plugin API {manifest.crmkit}, this is {API_VERSION}: "
            "install a newer version of the plugin."
        )
    return ""


def notice_of(manifest: Manifest) -> str:
    """Answer what an administrator should know of a plugin that loads all the same, or ""."""
    if manifest.tested and Version(API_VERSION) > Version(manifest.tested):
        return f"Tried up to the plugin API {manifest.tested}; this is {API_VERSION}."
    return ""
