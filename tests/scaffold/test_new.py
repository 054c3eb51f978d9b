"""What `crmkit new` writes serves at once, and a wrong word is refused before anything is."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import ConflictError, InvalidError, NotFoundError
from crmkit.records.plugins.switch import enable_plugin
from crmkit.scaffold.entity import new_entity
from crmkit.scaffold.plugin import new_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from crmkit.testing.sites import Place

_FIELDS = (
    "label:text",
    "amount:int",
    "reason:choice(purchase,gift)",
    "person:crm.person",
    "due:date",
    "price:money",
)


async def test_a_new_plugin_with_an_entity_serves(place: Place) -> None:
    new_plugin(place.folder, "bonus")
    new_entity(place.folder, "bonus.points", _FIELDS)
    new_entity(place.folder, "bonus.gift_card", ("code:name", "used:bool"))
    async with place.start() as running:
        await enable_plugin(running.ctx, "bonus", running.dsn)
        await running.rebuild()
        assert {} == dict(running.site.failed)
        await running.ctx.create("bonus.points", label="Spring", amount=5)
        async with await running.client() as client:
            for path in ("/bonus.points", "/bonus.points/1", "/bonus.gift_card"):
                assert 200 == (await client.get(path)).status_code, path


def test_the_code_passes_the_linter(tmp_path: Path) -> None:
    folder = new_plugin(tmp_path, "bonus")
    new_entity(tmp_path, "bonus.points", _FIELDS)
    new_entity(tmp_path, "bonus.gift_card", ("code:name",))
    for words in (("check", "--select", "E,F,I,UP"), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--line-length", "100", str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert 0 == done.returncode, done.stdout


def test_the_tests_it_brings_pass_and_fail_with_the_plugin(tmp_path: Path) -> None:
    folder = new_plugin(tmp_path, "bonus")
    new_entity(tmp_path, "bonus.points", _FIELDS)

    def tried() -> str:
        words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests"))
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip

    assert "1 passed" in tried()
    manifest = folder / "plugin.toml"
    manifest.write_text(manifest.read_text().replace(">=1,<2", ">=9"), encoding="utf-8")
    assert "1 failed" in tried()


def test_existing_names_are_refused(tmp_path: Path) -> None:
    new_plugin(tmp_path, "bonus")
    new_entity(tmp_path, "bonus.points", ("amount:int",))
    with pytest.raises(ConflictError, match="there already"):
        new_plugin(tmp_path, "bonus")
    with pytest.raises(ConflictError, match="`Points` already"):
        new_entity(tmp_path, "bonus.points", ("amount:int",))
    with pytest.raises(NotFoundError, match="crmkit new plugin other"):
        new_entity(tmp_path, "other.points", ("amount:int",))


@pytest.mark.parametrize(
    "field", ["class:int", "owner:int", "a b:int", "a:whole", "A:int", "a:", "a:choice()"]
)
def test_wrong_words_write_nothing(tmp_path: Path, field: str) -> None:
    folder = new_plugin(tmp_path, "bonus")
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    with pytest.raises(InvalidError):
        new_entity(tmp_path, "bonus.points", (field,))
    assert before == {path: path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.parametrize("plugin_id", ["Bonus", "../x", "1a", "a", "bonus-card"])
def test_a_wrong_id_writes_nothing(tmp_path: Path, plugin_id: str) -> None:
    with pytest.raises(InvalidError, match="cannot be the id"):
        new_plugin(tmp_path, plugin_id)
    assert [] == list(tmp_path.iterdir())
