"""TRUST A2: own, team's and others' records, by every way to read and to write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmkit.access.policies import differences
from crmkit.testing.matrix.rings import Rings
from crmkit.testing.matrix.stage import MARK
from tests.trust.conftest import stands_alone, title_of

if TYPE_CHECKING:
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from crmkit.testing.matrix.stage import Stage
    from tests.trust.conftest import Make, SignIn


def test_the_policies_of_every_bundled_plugin_are_what_the_built_in_roles_give(site: Site) -> None:
    for plugin in site.hooks.plugins:
        assert [] == [str(each) for each in differences(site, plugin)]
        has = any(owner == plugin for owner, _policy in site.contributions["policies"])
        assert has or plugin == "core"


@pytest.mark.parametrize("role", ["seller", "manager"])
async def test_a_record_shows_where_the_role_reaches_and_nowhere_else(
    matrix: Stage, role: str
) -> None:
    client, boss = await matrix.as_reader(role), await matrix.client("administrator")
    rings = Rings(matrix, role, client, boss)
    for plan in matrix.entities:
        assert [] == [each async for each in rings.of_records(plan, ["team", "other"])]
        assert [] == [each async for each in rings.of_lists(plan)]
    assert [] == [each async for each in rings.of_common_pages()]


@pytest.mark.long
@pytest.mark.parametrize("role", ["administrator", "seller", "manager", "read-only", "crm-admin"])
async def test_each_role_reaches_the_rings_its_policy_says(matrix: Stage, role: str) -> None:
    client, boss = await matrix.as_reader(role), await matrix.client("administrator")
    rings = Rings(matrix, role, client, boss)
    for plan in matrix.entities:
        assert [] == [each async for each in rings.of_records(plan)]


async def test_a_reference_to_anothers_record_is_refused_and_does_not_name_it(
    site: Site, db: Database, make: Make, sign_in: SignIn
) -> None:
    client, _ = await sign_in("seller")
    for entity, plan in site.entities.items():
        for name, field in plan.fields.items():
            target = site.entities.get(field.reference)
            if target is None or not field.editable or target.plugin == "core":
                continue
            if site.roles["seller"].scope(target.name, "read") == "all" or target.shared:
                continue
            if not stands_alone(target):  # seen with its whole, see test_parts
                continue
            title = f"{MARK} {entity} {name}"  # no two documents have one number
            secret = await make(target.name, **title_of(site, target.name, title))
            for form in ({name: str(secret)}, {f"{name}.title": title}):
                answer = await client.post(f"/{entity}/new", data={plan.title: "Mine", **form})
                shown = answer.text.replace(f'value="{title}"', "").replace(f"{title}</option>", "")
                # The whole of a part is not there for who may not change it.
                refused = {403, 404, 422} if plan.part_of else {403, 422}
                assert answer.status_code in refused, (entity, name, answer.status_code)
                if name in form:
                    assert MARK not in shown, (entity, name)
            filled = await client.get(f"/{entity}/new?{name}={secret}")
            assert MARK not in filled.text, (entity, name)
