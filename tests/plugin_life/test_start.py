"""What stands in the way of one plugin keeps that plugin back, and the rest serves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from crmkit.errors import MigrationError

if TYPE_CHECKING:
    from crmkit.testing.sites import Place

_FINE = "CREATE TABLE {0}_a (id int);\n-- backwards\nDROP TABLE {0}_a;\n"
_DEFAULT = 'id = "{0}"\nname = "{0}"\nversion = "{1}"\ncrmkit = ">=1"\ndefault = true\n'


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("SELECT 1 / 0;\n-- backwards\n", "division by zero"),
        ("CREATE TABLE stray (id int);\n-- backwards\nDROP TABLE stray;\n", "must begin with"),
        ("ALTER TABLE trial_a DROP COLUMN id;\n-- backwards\n", "--yes"),
        ("SELECT 1;\n", "-- backwards"),
    ],
)
async def test_a_migration_that_does_not_fit_keeps_its_plugin_back(
    place: Place, second: str, told: str
) -> None:
    place.write("trial", manifest=_DEFAULT.format("trial", "1"), m0001_one=_FINE.format("trial"),
                m0002_two=second)  # fmt: skip
    place.write("other", manifest=_DEFAULT.format("other", "1"), m0001_one=_FINE.format("other"))
    async with place.start() as running:
        info = running.site.plugins["trial"]
        assert "blocked" == info.state
        assert told in info.reason
        assert {"crm", "other"} <= {
            name for name, each in running.site.plugins.items() if each.state == "enabled"
        }
        # Nothing of the first migration stays either.
        assert not [line for line in await running.schema() if line.startswith("trial_")]


async def test_install_and_upgrade_are_told_once(place: Place) -> None:
    code = (
        "class Trial(Plugin):\n"
        "    async def install(self, event):\n"
        "        await event.ctx.create('crm.company', name='installed')\n"
        "    async def before_upgrade(self, event):\n"
        "        if event.from_version == '1': raise Veto('first export your lists')\n"
        "    async def after_upgrade(self, event):\n"
        "        await event.ctx.create('crm.company', name=f'from {event.from_version}')\n"
    )
    names = "SELECT string_agg(name, ', ' ORDER BY id) FROM crm_company"
    place.write("trial", code, manifest=_DEFAULT.format("trial", "1"))
    async with place.start() as running:
        assert "installed" == await running.db.value(names)
    async with place.start() as running:
        assert "installed" == await running.db.value(names)
    place.write("trial", code, manifest=_DEFAULT.format("trial", "2"))
    async with place.start() as running:
        assert "first export your lists" in running.site.plugins["trial"].reason
        assert "installed" == await running.db.value(names)
        await running.db.execute("UPDATE core_plugin SET version = '1.5' WHERE id = 'trial'")
    for _ in range(2):
        async with place.start() as running:
            assert "installed, from 1.5" == await running.db.value(names)
            assert "2" == await running.db.value(
                "SELECT version FROM core_plugin WHERE id = 'trial'"
            )


async def test_code_older_than_its_data_is_not_let_at_them(place: Place) -> None:
    place.write("trial", manifest=_DEFAULT.format("trial", "2"))
    async with place.start():
        pass
    place.write("trial", manifest=_DEFAULT.format("trial", "1.9"))
    async with place.start() as running:
        assert "older than the data" in running.site.plugins["trial"].reason
        assert "older than the data" in await running.db.value(
            "SELECT reason FROM core_plugin WHERE id = 'trial'"
        )


async def test_three_that_start_at_once_install_once(place: Place) -> None:
    code = (
        "class Trial(Plugin):\n"
        "    async def install(self, event):\n"
        "        await event.ctx.create('crm.company', name='installed')\n"
    )
    place.write("trial", code, manifest=_DEFAULT.format("trial", "1"),
                m0001_one=_FINE.format("trial"))  # fmt: skip

    async def once() -> str:
        async with place.start() as running:
            return running.site.plugins["trial"].state

    assert ["enabled"] * 3 == list(await asyncio.gather(once(), once(), once()))
    async with place.start() as running:
        assert 1 == await running.db.value("SELECT count(*) FROM crm_company")


async def test_safe_starts_the_core_alone_and_without_leaves_one_out(loyalty: Place) -> None:
    async with loyalty.start(safe=True) as running:
        assert {"core"} == {plan.plugin for plan in running.site.entities.values()}
    async with loyalty.start(without=("crm",)) as running:
        assert "--without" in running.site.plugins["crm"].reason
        assert {"core"} == {plan.plugin for plan in running.site.entities.values()}
    async with loyalty.start() as running:
        assert "crm.person" in running.site.entities
        assert "" == await running.db.value("SELECT reason FROM core_plugin WHERE id = 'crm'")


async def test_a_core_that_cannot_be_migrated_stops_the_start(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place.start() as running:
        await running.db.execute(
            "INSERT INTO core_migration (plugin, name) VALUES ('core', '9999_future')"
        )
    with pytest.raises(MigrationError, match="older than the data"):
        async with place.start():
            pass
