"""A plugin that is broken is named and left out; the rest is built."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest
from piccolo.columns import Boolean, Date, Integer, Numeric, Text, Timestamptz, Varchar

from crmkit.access.core import Core, site_of
from crmkit.config import Config
from crmkit.errors import NotFoundError, PluginError
from crmkit.model.columns import Name, Reference
from crmkit.model.entity import Entity
from crmkit.model.record import Record
from crmkit.plugin.discovery import GROUP
from crmkit.plugin.hookspecs import Plugin
from crmkit.plugin.manifest import read_manifest
from crmkit.plugin.planning import plan_entity
from crmkit.plugin.site import Choice, build_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Install = Callable[..., None]

_MANIFEST = 'id = "{0}"\nname = "{0}"\nversion = "1.0.0"\ncrmkit = ">=1,<2"\n'
_WORKING = """
from crmkit import Entity, Plugin, Record
from crmkit.model.columns import Name

class Points(Record, tablename="{0}_points"):
    reason = Name(length=40, required=True)

class Loyalty(Plugin):
    def entities(self):
        yield Entity(Points, "Points", singular="Point", title=Points.reason)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a plugin for this test: its id and the code of its package."""
    real = metadata.entry_points(group=GROUP)
    extra: list[metadata.EntryPoint] = []
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [*real, *extra])

    def add(name: str, code: str, manifest: str = "") -> None:
        package = f"trial_{name}"
        folder = tmp_path / package
        folder.mkdir()
        (folder / "plugin.toml").write_text(manifest or _MANIFEST.format(name))
        (folder / "__init__.py").write_text(code.format(name) if "{0}" in code else code)
        extra.append(metadata.EntryPoint(name, package, GROUP))

    yield add
    for module in [each for each in sys.modules if each.startswith("trial_")]:
        del sys.modules[module]


def test_a_plugin_brings_its_entity(install: Install) -> None:
    install("loyalty", _WORKING)
    site = site_of(Config())
    plan = site.entity("loyalty.points")
    assert ("loyalty_points", "reason") == (plan.tablename, plan.title)
    assert {} == site.failed


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise ValueError('no network')", "no network"),
        ("import no_such_module", "no_such_module"),
        ("def broken(:", "SyntaxError"),
        ("", "exactly one class"),
        (_WORKING + "\nclass Second(Plugin):\n    pass\n", "exactly one class"),
        (_WORKING.replace('"{0}_points"', '"contact"'), "must be named `loyalty_"),
        (_WORKING.replace("Points.reason)", "Points.reason, list=[Points.gone])"), "gone"),
        (_WORKING.replace("yield", "1 / 0; yield"), "ZeroDivisionError"),
        (_WORKING + "\n    def entties(self):\n        return ()\n", "Did you mean `entities`"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_and_the_rest_serves(
    install: Install, code: str, told: str
) -> None:
    install("loyalty", code)
    site = site_of(Config())
    assert told in site.failed["loyalty"]
    assert "crm.company" in site.entities
    with pytest.raises(NotFoundError):
        site.entity("loyalty.points")


def test_only_enabled_plugins_are_imported(install: Install) -> None:
    install("loyalty", "raise AssertionError('imported')")
    site = build_site(Core(site_of(Config()).roles), Choice(enabled=frozenset({"crm"})))
    assert {} == site.failed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('id = "x"\nnme = "X"\n', "nme"),
        ('id = 7\nname = "X"\nversion = "1"\n', "id"),
        ("id = ", "plugin.toml"),
    ],
)
def test_a_wrong_manifest_is_named_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plugin.toml"
    path.write_text(text)
    with pytest.raises(PluginError, match=told) as refused:
        read_manifest(path)
    assert "plugin.toml" in str(refused.value)


class Plain(Record, tablename="trial_plain"):
    """Columns as Piccolo has them."""

    name = Name(length=10)
    number = Integer()
    share = Numeric()
    line = Varchar()
    text = Text()
    flag = Boolean()
    moment = Timestamptz()
    day = Date()
    company = Reference("crm_company")


class Other(Record, tablename="trial_other"):
    """Another table."""

    name = Name(length=10)


def test_plain_columns_become_the_right_kind() -> None:
    entity = Entity(Plain, "Plain", singular="Plain", title=Plain.name)
    names = {"trial_plain": "trial.plain", "crm_company": "crm.company"}
    plan = plan_entity("trial", entity, names, ())
    kinds = {name: field.kind for name, field in plan.fields.items()}
    assert {
        "name": "text", "number": "number", "share": "decimal", "line": "text",
        "text": "textarea", "flag": "checkbox", "moment": "datetime", "day": "date",
        "company": "reference",
    }.items() <= kinds.items()  # fmt: skip
    assert "crm.company" == plan.fields["company"].reference


def test_a_column_of_another_table_is_refused() -> None:
    entity = Entity(Plain, "Plain", singular="Plain", title=Plain.name, list=[Other.id])
    with pytest.raises(PluginError, match=r"trial\.plain"):
        plan_entity("trial", entity, {"trial_plain": "trial.plain"}, ())


@pytest.mark.parametrize(
    "name", ["created", "crm.person", "crm.person.created.twice", "Crm.a.b", ""]
)
def test_a_name_of_no_event_is_refused_when_the_class_is_made(name: str) -> None:
    with pytest.raises(PluginError, match="is no name of an event"):
        type("Trial", (Plugin,), {"listens": (name,)})
    fine = ("crm.*.created", "*.*.trashed")
    made: type[Plugin] = type("Trial", (Plugin,), {"listens": fine})
    assert fine == made.listens
