"""TRUST X1: two forms of one record; the second never overwrites the first unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.trust.conftest import READ_ONLY, stands_alone, title_of

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.trust.conftest import Browse, Make


async def test_the_second_of_two_forms_gets_both_values_for_every_entity(
    site: Site, db: Database, make: Make, browse: Browse
) -> None:
    client = await browse("administrator")
    boss = await db.value("SELECT max(id) FROM core_user")
    for entity, plan in site.entities.items():
        if entity in READ_ONLY or not stands_alone(plan) or not plan.title_field.editable:
            continue
        who = {"absentee": boss} if entity == "core.absence" else {}
        record = await make(entity, **title_of(site, entity, "Stored"), **who)
        for path, name in ((f"/{entity}/{record}/edit", plan.title),
                           (f"/{entity}/{record}/field/{plan.title}", plan.title)):  # fmt: skip
            version = await db.value(
                f'SELECT version FROM "{plan.tablename}" WHERE id = $1', record
            )
            base = {k: str(v) for k, v in title_of(site, entity, "").items()}
            first, second = [
                await client.post(path, data=base | {name: text, "version": str(version)})
                for text in (f"Firstly {version}", f"Secondly {version}")
            ]
            assert first.status_code in {200, 303}, (entity, path, first.status_code)
            assert 409 == second.status_code, (entity, path)
            assert f"Secondly {version}" in second.text
            assert f"Firstly {version}" in second.text
            assert f"Firstly {version}" == await db.value(
                f'SELECT {name} FROM "{plan.tablename}" WHERE id = $1', record
            )
