"""`crmkit plugin check` passes what keeps the contract, and names each thing that does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from crmkit.db.ddl import BASE
from crmkit.errors import NotFoundError, PluginError
from crmkit.records.plugins.switch import enable_plugin
from crmkit.scaffold.entity import new_entity
from crmkit.scaffold.plugin import new_plugin
from crmkit.testing.check import check_plugin
from crmkit.testing.checks import hooks, life, pages, schema
from crmkit.testing.checks.trial import Trial
from crmkit.testing.sites import DSN
from tests.sites import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from crmkit.testing.sites import Place, Running

_PROOF = Path(__file__).parents[1] / "plugins"
_TABLE = f"CREATE TABLE trial_note ({BASE}, name text NOT NULL DEFAULT '');\n"
_BACK = "-- backwards\nDROP TABLE trial_note;\n"
_NOTE = """
class Note(Record, tablename="trial_note"):
    name = Name(required=True)
"""
_PLUGIN = """
class Trial(Plugin):
    def entities(self):
        yield Entity(Note, "Notes", title=Note.name, list=[Note.name])
"""
_KEY = ", name_key text GENERATED ALWAYS AS (lower(crm_unaccent(name))) STORED"
_WHOLE = _TABLE.replace(");\n", f"{_KEY});\n") + _BACK


async def _told(problems: AsyncIterator[str]) -> str:
    return "\n".join([each async for each in problems])


async def _trial(running: Running, place: Place) -> Trial:
    await enable_plugin(running.ctx, "trial", running.dsn)
    await running.rebuild()
    assert "enabled" == running.site.plugins["trial"].state, running.site.plugins["trial"]
    return Trial(place, running, "trial")


# At commit time it is what `crmkit new` writes, below.
@pytest.mark.long
@pytest.mark.parametrize("plugin", ["crm", "loyalty", "twina", "hostile", "orders"])
async def test_what_keeps_the_contract_passes(plugin: str) -> None:
    proof = _PROOF / plugin
    found = await check_plugin(str(proof) if proof.is_dir() else plugin, os.environ[DSN])
    assert 13 == len(found)
    assert {} == {each.check: each.problems for each in found if each.problems}


async def test_what_crmkit_new_writes_passes(tmp_path: Path) -> None:
    new_plugin(tmp_path, "bonus")
    new_entity(
        tmp_path,
        "bonus.points",
        ("label:text", "reason:choice(gift,buy)", "order:int", "on:crm.company"),
    )
    found = await check_plugin("bonus", os.environ[DSN], tmp_path)
    assert {} == {each.check: each.problems for each in found if each.problems}


async def test_a_plugin_that_does_not_load_is_named_with_its_own_folder() -> None:
    found = await check_plugin(str(_PROOF / "guarded"), os.environ[DSN])
    assert 1 == len(found)
    assert "no licence" in found[0].problems[0]


def test_the_command_says_what_is_wrong_and_fails(tmp_path: Path) -> None:
    done = run(tmp_path, "plugin", "check", str(_PROOF / "future"))
    assert 1 == done.returncode
    assert "install a newer crmkit" in done.stdout
    done = run(tmp_path, "plugin", "check", "nothing")
    assert 1 == done.returncode
    assert "There is no plugin `nothing`" in done.stderr


async def test_an_unknown_plugin_and_a_broken_manifest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Known are: crm"):
        await check_plugin("nothing", os.environ[DSN])
    folder = tmp_path / "plugins" / "torn"
    folder.mkdir(parents=True)
    (folder / "plugin.toml").write_text('id = "torn"\nnaem = "x"\n')
    with pytest.raises(PluginError, match="naem"):
        await check_plugin("torn", os.environ[DSN], tmp_path)


async def test_a_column_without_a_migration_is_found(place: Place) -> None:
    place.write("trial", _NOTE + "    more = Number()\n" + _PLUGIN, m0001_note=_WHOLE)
    async with place.start() as running:
        told = await _told(schema.tables_equal_migrations(await _trial(running, place)))
    assert "has no column `more`. Run `crmkit makemigrations trial`" in told


async def test_what_a_way_back_leaves_is_found(place: Place) -> None:
    function = "CREATE FUNCTION trial_one() RETURNS int LANGUAGE sql AS 'SELECT 1';\n"
    place.write("trial", _NOTE + _PLUGIN, m0001_note=function + _WHOLE)
    async with place.start() as running:
        before = set(await running.schema())
        counts = await Trial(place, running, "trial").counts()
        trial = await _trial(running, place)
        # Undone and done again it fails, and so it is found twice.
        told = await _told(schema.up_down_up(trial, before))
        assert "leave `function trial_one()`" in told
        await running.db.execute("DROP FUNCTION trial_one()")
        await trial.rebuild()
    async with place.start() as running:
        trial = Trial(place, running, "trial")
        assert "left behind: `function trial_one()`" in await _told(
            life.purge_leaves_nothing(trial, before, counts)
        )


async def test_a_column_that_asks_for_each_row_is_found(place: Place) -> None:
    code = """
async def load(ctx, ids):
    return {each: (await ctx.get("crm.company", each))["name"] for each in ids}

class Trial(Plugin):
    def extensions(self):
        yield Extension("crm.company", columns=[Computed("twice", "Twice", load)])
"""
    place.write("trial", code)
    async with place.start() as running:
        trial = await _trial(running, place)
        assert not await _told(pages.make_samples(trial))
        told = await _told(pages.statements_do_not_grow(trial))
    assert "/crm.company takes" in told
    assert "load what all rows of a page need at once" in told


async def test_a_page_that_fails_is_found_with_the_role(place: Place) -> None:
    code = _NOTE + _PLUGIN + "    def filter_query(self, event):\n        return 1 / 0\n"
    place.write("trial", code, m0001_note=_WHOLE)
    async with place.start() as running:
        trial = await _trial(running, place)
        trial.records["trial.note"] = 1
        told = await _told(pages.pages_answer_as_roles_say(trial))
    assert "/trial.note answers 503 to administrator, who may read it" in told


async def test_a_table_that_holds_rows_of_others_is_found(place: Place) -> None:
    held = _WHOLE.replace(_KEY, f"{_KEY}, company bigint REFERENCES crm_company (id)")
    place.write("trial", _NOTE + _PLUGIN, m0001_note=held)
    async with place.start() as running:
        trial = await _trial(running, place)
        company = await running.ctx.create("crm.company", name="Kan-code")
        await running.ctx.create("trial.note", name="a")
        await running.db.execute("UPDATE trial_note SET company = $1", company)
        told = await _told(life.off_changes_no_row(trial))
    assert "rows of crm.company cannot be deleted" in told


async def test_what_is_written_beside_the_transaction_is_found(place: Place) -> None:
    code = f"""
import asyncpg

async def beside(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("INSERT INTO trial_note (name) VALUES ('beside')")
    finally:
        connection.terminate()  # also when the hook's time is over

{_NOTE}{_PLUGIN}
    async def validate(self, event):
        await beside({place.dsn!r})

    async def after_save(self, event):
        pass
"""
    place.write("trial", code, m0001_note=_WHOLE)
    async with place.start() as running:
        trial = await _trial(running, place)
        assert not await _told(pages.make_samples(trial))
        told = await _told(hooks.no_hook_takes_pages_down(trial))
    assert "`after_save` raises: POST /api/v1/trial.note was refused and has written" in told


async def test_rows_that_a_switch_changes_are_found(place: Place) -> None:
    code = _NOTE + _PLUGIN + (
        "    async def disable(self, event):\n"
        "        await event.ctx.create('crm.company', name='left behind')\n"
    )  # fmt: skip
    place.write("trial", code, m0001_note=_WHOLE)
    async with place.start() as running:
        trial = await _trial(running, place)
        told = await _told(life.off_changes_no_row(trial))
        assert "switched off, the rows of crm_company are not what they were" in told
        told = await _told(life.archive_brings_the_same_back(trial))
        assert "brought back, the rows of crm_company are not what they were" in told


async def test_every_hook_that_a_plugin_has_is_tried(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        tried = hooks.implemented(Trial(loyalty, running, "loyalty").code)
    assert {"entities", "extensions", "before_save", "on_event"} <= set(tried)
