"""On, off, archived and back, purged: a plugin's data and everybody else's come through whole."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from crmkit.config import PluginsConfig
from crmkit.errors import ConflictError, InvalidError, MigrationError, NotFoundError, Veto
from crmkit.plugin.stored import read_generation
from crmkit.records.plugins.archive import archive_plugin, restore_archive
from crmkit.records.plugins.impact import impact_of
from crmkit.records.plugins.purge import purge_plugin
from crmkit.records.plugins.switch import disable_plugin, enable_plugin

if TYPE_CHECKING:
    from crmkit.testing.sites import Place, Running


async def _with_points(running: Running) -> int:
    """Switch loyalty on and give a person points and a tier; answer the person's id."""
    await enable_plugin(running.ctx, "loyalty", running.dsn)
    ctx = (await running.rebuild()).ctx
    person = await ctx.create("crm.person", name="Nina Petrova", **{"custom.loyalty.tier": "gold"})
    for amount in (5, 7):
        await ctx.create("loyalty.points", person=person, amount=amount)
    return person


async def test_a_plugin_is_off_until_it_is_switched_on(loyalty: Place) -> None:
    async with loyalty.start() as running:
        assert "available" == running.site.plugins["loyalty"].state
        before = await read_generation(running.db)
        await _with_points(running)
        assert "enabled" == running.site.plugins["loyalty"].state
        assert before + 1 == await read_generation(running.db)
    async with loyalty.start() as again:
        assert 2 == await again.db.value("SELECT count(*) FROM loyalty_points")
        assert "loyalty.points" in again.site.entities


async def test_the_example_of_the_contract_works(loyalty: Place) -> None:
    async with loyalty.start() as running:
        person = await _with_points(running)
        ctx = running.ctx
        plan = ctx.site.entity("loyalty.points")
        assert ["purchase", "gift"] == [c.value for c in plan.fields["reason"].choices]
        points = await ctx.rows("loyalty.points")
        assert ["gift", "gift"] == [each["reason"] for each in points]
        table = plan.table
        assert 12 == await ctx.sum(table.amount, table.person == person)
        with pytest.raises(Veto, match="Points must not be zero"):
            await ctx.create(table, person=person, amount=0)
        stored = await ctx.get("crm.person", person)
        assert "gold" == stored["custom.loyalty.tier"]


async def test_switching_off_changes_no_row_and_back_on_finds_them(loyalty: Place) -> None:
    async with loyalty.start() as running:
        person = await _with_points(running)
        before = await running.digest()
        await disable_plugin(running.ctx, "loyalty")
        ctx = (await running.rebuild()).ctx
        assert before == await running.digest()
        assert "loyalty.points" not in running.site.entities
        # What is saved meanwhile leaves the plugin's values alone.
        await ctx.save("crm.person", person, city="Kazan")
        await enable_plugin(ctx, "loyalty", running.dsn)
        stored = await (await running.rebuild()).ctx.get("crm.person", person)
        assert "gold" == stored["custom.loyalty.tier"]
        assert (
            before["loyalty_points"] == (await running.digest("loyalty_points"))["loyalty_points"]
        )


async def test_rows_of_the_core_can_go_while_a_plugin_that_names_them_is_off(
    loyalty: Place,
) -> None:
    async with loyalty.start() as running:
        person = await _with_points(running)
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        await running.db.execute("DELETE FROM crm_person WHERE id = $1", person)
        assert 0 == await running.db.value("SELECT count(*) FROM loyalty_points")


async def test_an_archive_brings_back_the_same_rows(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _with_points(running)
        before = await running.digest("loyalty_points", "crm_person", "core_search")
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        path = await archive_plugin(running.ctx, "loyalty", running.dsn)
        assert not await running.db.value("SELECT to_regclass('loyalty_points') IS NOT NULL")
        await running.rebuild()
        assert "archived" == running.site.plugins["loyalty"].state
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        assert 2 == await restore_archive(running.ctx, "loyalty", path, running.dsn)
        assert before == await running.digest("loyalty_points", "crm_person", "core_search")
        points = await running.ctx.create("loyalty.points", amount=3)
        assert 2 < points
        with pytest.raises(ConflictError, match="holds rows already"):
            await restore_archive(running.ctx, "loyalty", path, running.dsn)


@pytest.mark.parametrize("is_changed", [False, True])
async def test_what_migrations_put_there_makes_room_until_somebody_changed_it(
    loyalty: Place, *, is_changed: bool
) -> None:
    more = "INSERT INTO loyalty_points (amount) VALUES (1), (2);\n-- backwards\nSELECT 1;\n"
    (loyalty.plugins / "loyalty" / "migrations" / "0009_more.sql").write_text(more)
    async with loyalty.start() as running:
        await _with_points(running)
        before = await running.digest("loyalty_points", "crm_person")
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        path = await archive_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        if is_changed:
            await running.ctx.save("loyalty.points", 2, amount=20)
            with pytest.raises(ConflictError, match="holds rows already"):
                await restore_archive(running.ctx, "loyalty", path, running.dsn)
            amounts = await running.db.rows("SELECT amount FROM loyalty_points ORDER BY id")
            assert [1, 20] == [row["amount"] for row in amounts]
        else:
            assert 4 == await restore_archive(running.ctx, "loyalty", path, running.dsn)
            assert before == await running.digest("loyalty_points", "crm_person")


async def test_numbers_that_were_given_are_not_given_again_after_an_archive(
    loyalty: Place,
) -> None:
    more = "CREATE SEQUENCE loyalty_card START 100;\n-- backwards\nDROP SEQUENCE loyalty_card;\n"
    (loyalty.plugins / "loyalty" / "migrations" / "0009_more.sql").write_text(more)
    async with loyalty.start() as running:
        await _with_points(running)
        assert 100 == await running.db.value("SELECT nextval('loyalty_card')")
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        path = await archive_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        await restore_archive(running.ctx, "loyalty", path, running.dsn)
        assert 101 == await running.db.value("SELECT nextval('loyalty_card')")


async def test_an_archive_that_was_changed_is_refused(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _with_points(running)
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        path = await archive_plugin(running.ctx, "loyalty", running.dsn)
        path.write_bytes(path.read_bytes()[:-40])
        await running.rebuild()
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        with pytest.raises(InvalidError, match="no archive of a plugin"):
            await restore_archive(running.ctx, "loyalty", path, running.dsn)


async def test_a_file_of_an_archive_that_was_changed_is_named(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _with_points(running)
        await disable_plugin(running.ctx, "loyalty")
        await running.rebuild()
        path = await archive_plugin(running.ctx, "loyalty", running.dsn)
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name) for name in archive.namelist()}
        texts["loyalty_points.jsonl"] = texts["loyalty_points.jsonl"].replace(b"5", b"6")
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
        await running.rebuild()
        await enable_plugin(running.ctx, "loyalty", running.dsn)
        await running.rebuild()
        with pytest.raises(InvalidError, match=r"loyalty_points\.jsonl was changed"):
            await restore_archive(running.ctx, "loyalty", path, running.dsn)
        assert 0 == await running.db.value("SELECT count(*) FROM loyalty_points")


async def test_a_purge_leaves_the_schema_and_the_rows_as_before(loyalty: Place) -> None:
    async with loyalty.start() as running:
        schema = await running.schema()
        person = await _with_points(running)
        assert schema != await running.schema()
        path = await purge_plugin(running.ctx, "loyalty", running.dsn)
        assert path.exists()
        assert schema == await running.schema()
        assert {} == await running.db.value("SELECT custom FROM crm_person WHERE id = $1", person)
        assert 0 == await running.db.value(
            "SELECT count(*) FROM core_search WHERE entity = 'loyalty.points'"
        )
        assert "purged" == (await running.rebuild()).site.plugins["loyalty"].state


async def test_data_stay_and_can_be_purged_when_the_code_is_gone(loyalty: Place) -> None:
    async with loyalty.start() as running:
        await _with_points(running)
        schema = {line for line in await running.schema() if line.startswith("loyalty_")}
        assert schema
    for file in sorted((loyalty.plugins / "loyalty").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (loyalty.plugins / "loyalty").rmdir()
    async with loyalty.start() as running:
        info = running.site.plugins["loyalty"]
        assert ("failed", True) == (info.state, "code is gone" in info.reason)
        assert 2 == await running.db.value("SELECT count(*) FROM loyalty_points")
        impact = await impact_of(running.ctx, "loyalty", "purged")
        assert [("loyalty_points", 2)] == [(t.name, t.rows) for t in impact.tables]
        assert 1 == impact.values
        await purge_plugin(running.ctx, "loyalty", running.dsn)
        assert not [line for line in await running.schema() if line.startswith("loyalty_")]


async def test_impact_says_what_comes_and_what_stays(loyalty: Place) -> None:
    async with loyalty.start() as running:
        coming = await impact_of(running.ctx, "loyalty", "enabled")
        assert ("Points",) == coming.menu
        assert "Person: panel Loyalty" in map(str, coming.additions)
        assert () == coming.tables
        await _with_points(running)
        going = await impact_of(running.ctx, "loyalty", "disabled")
        assert [("loyalty_points", 2)] == [(t.name, t.rows) for t in going.tables]
        assert 1 == going.values


async def test_who_is_needed_stays_on(place: Place) -> None:
    place.write("base")
    place.write(
        "upper",
        manifest='id = "upper"\nname = "Upper"\nversion = "1"\ncrmkit = ">=1"\n'
        'requires = ["base>=1"]\n',
    )
    async with place.start() as running:
        with pytest.raises(ConflictError, match="`base`: switch that on first"):
            await enable_plugin(running.ctx, "upper", running.dsn)
        await enable_plugin(running.ctx, "base", running.dsn)
        await enable_plugin((await running.rebuild()).ctx, "upper", running.dsn)
        await running.rebuild()
        with pytest.raises(ConflictError, match="Upper needs the plugin Base"):
            await disable_plugin(running.ctx, "base")
        with pytest.raises(ConflictError, match="Upper needs Base"):
            await purge_plugin(running.ctx, "base", running.dsn)


async def test_crmkit_toml_is_the_law_where_it_speaks(loyalty: Place) -> None:
    loyalty.options["plugins"] = PluginsConfig(enabled=("crm", "loyalty"))
    async with loyalty.start() as running:
        assert "enabled" == running.site.plugins["loyalty"].state
        with pytest.raises(ConflictError, match=r"crmkit\.toml"):
            await disable_plugin(running.ctx, "loyalty")
    loyalty.options["plugins"] = PluginsConfig(enabled=("crm",))
    async with loyalty.start() as running:
        assert "loyalty.points" not in running.site.entities


async def test_a_hook_that_refuses_leaves_everything_as_it_was(place: Place) -> None:
    place.write(
        "picky",
        "class Picky(Plugin):\n"
        "    async def enable(self, event):\n"
        "        raise Veto('Not on a Friday')\n",
    )
    async with place.start() as running:
        before = await read_generation(running.db)
        with pytest.raises(Veto, match="Friday"):
            await enable_plugin(running.ctx, "picky", running.dsn)
        assert before == await read_generation(running.db)
        assert not await running.db.value("SELECT count(*) FROM core_plugin WHERE id = 'picky'")


async def test_a_schema_that_cannot_be_made_switches_nothing(place: Place) -> None:
    place.write("torn", m0001_one="CREATE TABLE torn_a (id int);\n-- backwards\nDROP TABLE torn_a;",
                m0002_two="SELECT 1 / 0;\n-- backwards\n")  # fmt: skip
    async with place.start() as running:
        with pytest.raises(MigrationError, match="0002_two"):
            await enable_plugin(running.ctx, "torn", running.dsn)
        assert not [line for line in await running.schema() if line.startswith("torn")]
        assert "available" == (await running.rebuild()).site.plugins["torn"].state


async def test_an_unknown_plugin_is_told_with_a_guess(loyalty: Place) -> None:
    async with loyalty.start() as running:
        with pytest.raises(NotFoundError, match="Did you mean `loyalty`"):
            await enable_plugin(running.ctx, "loyality", running.dsn)
