"""Which plugins can be loaded, and in which order: requires and after, ties by id."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from crmkit.plugin.manifest import check_api

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmkit.plugin.manifest import Manifest


class Refusal(tuple[str, str]):
    """A state, `incompatible` or `blocked`, and its reason."""

    __slots__ = ()

    @property
    def state(self) -> str:
        """The state."""
        return self[0]

    @property
    def reason(self) -> str:
        """A sentence that says what is missing."""
        return self[1]


def order_plugins(
    manifests: Mapping[str, Manifest], enabled: Iterable[str]
) -> tuple[list[str], dict[str, Refusal]]:
    """Answer the enabled plugins in the order they load, and those that cannot, with the reason.

    Args:
        manifests: Of all plugins that exist, by id.
        enabled: Ids that are to be loaded.
    """
    refused: dict[str, Refusal] = {}
    wanted = sorted(set(enabled))
    for name in wanted:
        if name in manifests and (refusal := refusal_of(manifests[name])):
            refused[name] = refusal
    able = [name for name in wanted if name in manifests and name not in refused]
    able = _without_unmet(able, manifests, refused)
    return _sorted(able, manifests, refused), refused


def refusal_of(manifest: Manifest) -> Refusal | None:
    """Answer why a plugin cannot load whatever other plugins there are, or None."""
    if reason := check_api(manifest):
        return Refusal(("incompatible", reason))
    for each in map(Requirement, manifest.python):
        try:
            version = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            return Refusal(("blocked", f"It needs the Python package {each}: install it."))
        if not each.specifier.contains(version, prereleases=True):
            return Refusal(("blocked", f"It needs the Python package {each}, here is {version}."))
    return None


def _without_unmet(
    able: list[str], manifests: Mapping[str, Manifest], refused: dict[str, Refusal]
) -> list[str]:
    """Leave out what needs a plugin that is not there, until nothing more falls."""
    while True:
        unmet = {name: reason for name in able if (reason := _unmet(name, able, manifests))}
        if not unmet:
            return able
        refused |= {name: Refusal(("blocked", reason)) for name, reason in unmet.items()}
        able = [name for name in able if name not in unmet]


def _unmet(name: str, able: list[str], manifests: Mapping[str, Manifest]) -> str:
    manifest = manifests[name]
    for other, versions in manifest.needs.items():
        if other not in manifests:
            return f"It needs the plugin `{other}`, which is not installed."
        if other not in able:
            return f"It needs the plugin `{other}`: switch that on first."
        version = manifests[other].version
        if not versions.contains(version, prereleases=True):
            return f"It needs the plugin `{other}` {versions}, here is {version}."
    # Of two that exclude each other the one that comes first by id stays.
    for other in able:
        against = name in manifests[other].conflicts or other in manifest.conflicts
        if against and other < name:
            return f"It cannot work beside the plugin `{other}`: switch one of them off."
    return ""


def _sorted(
    able: list[str], manifests: Mapping[str, Manifest], refused: dict[str, Refusal]
) -> list[str]:
    while True:
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for name in able:
            manifest = manifests[name]
            before = {each for each in (*manifest.needs, *manifest.after) if each in able}
            sorter.add(name, *sorted(before))
        try:
            sorter.prepare()
        except CycleError as error:
            ring = sorted(set(error.args[1]))
            text = f"It stands in a ring of requirements: {', '.join(ring)}. Break the ring."
            refused |= {name: Refusal(("blocked", text)) for name in ring}
            able = _without_unmet([n for n in able if n not in ring], manifests, refused)
            continue
        return _by_id(sorter)


def _by_id(sorter: TopologicalSorter[str]) -> list[str]:
    done: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()])
        first = ready.pop(0)
        done.append(first)
        sorter.done(first)
    return done
