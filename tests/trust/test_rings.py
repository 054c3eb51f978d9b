"""TRUST A2: own, team's and others' records, by every way to read and to write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trust.conftest import stands_alone, title_of

if TYPE_CHECKING:
    import httpx

    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site
    from tests.trust.conftest import Make, SignIn

_MARK = "Zyxwvut"
_WRITES = ("edit", "move", "board-move", "trash", "restore", "done", "timeline/note",
           "timeline/call", "timeline/task", "actions/convert")  # fmt: skip
_READS = ("", "/edit", "/field/{title}", "/field/{title}/edit")
_LISTS = ("", "?q=Zyx", "/board", "/trash", "/lookup?q=Zyx", "/export", "?group=owner", "/new",
          "?f={title}:contains:Zyx", "?group={title}")  # fmt: skip


async def _reads(client: httpx.AsyncClient, entity: str, title: str, record: int) -> list[str]:
    """Answer the paths that show the mark."""
    paths = [f"/{entity}/{record}{path}" for path in _READS]
    paths += [f"/{entity}{path}" for path in _LISTS]
    paths += ["/", "/?scope=all", "/search?q=Zyx", "/history"]
    shown = []
    for path in paths:
        answer = await client.get(path.replace("{title}", title))
        assert answer.status_code < 500, path
        text = answer.text.replace("f=name:contains:Zyx", "")
        if _MARK in text:
            shown.append(path)
    return shown


def _entities(site: Site) -> list[str]:
    """Answer entities with owners: parts and catalogues have rings of their own kind."""
    return [
        name
        for name, plan in site.entities.items()
        if not name.startswith("core.") and stands_alone(plan) and not plan.shared
    ]


@pytest.mark.parametrize("role", ["seller", "manager"])
async def test_a_record_shows_where_the_role_reaches_and_nowhere_else(
    site: Site, db: Database, make: Make, sign_in: SignIn, role: str
) -> None:
    client, me = await sign_in(role)
    mine, other = [await make("core.team", name=name) for name in ("North", "South")]
    await db.execute("UPDATE core_user SET team = $2 WHERE id = $1", me, mine)
    mate, stranger = [
        await make("core.user", name=name, role="seller", team=team)
        for name, team in (("Tom Mate", mine), ("Sue Stranger", other))
    ]
    for entity in _entities(site):
        plan = site.entity(entity)
        reach = site.roles[role].scope(entity, "read")
        for ring, owner in (("own", me), ("team", mate), ("all", stranger)):
            values = title_of(site, entity, f"{_MARK} {ring}")
            record = await make(entity, **values, owner=owner)
            allowed = ("own", "team", "all").index(ring) <= ("none", "own", "team", "all").index(
                reach
            ) - 1
            url = f"/{entity}/{record}"

            shown = await _reads(client, entity, plan.title, record)

            if allowed:
                assert url in shown, (entity, ring)
            else:
                assert [] == shown, (entity, ring)
                assert 404 == (await client.get(url)).status_code
                assert await _unchanged_by_writes(client, db, plan.tablename, url), (entity, ring)
            await db.execute(f'DELETE FROM "{plan.tablename}" WHERE id = $1', record)
            await db.execute("DELETE FROM core_search WHERE record = $1", record)


async def _unchanged_by_writes(
    client: httpx.AsyncClient, db: Database, table: str, url: str
) -> bool:
    sql = f'SELECT t::text FROM "{table}" t WHERE id = $1'
    record = int(url.rpartition("/")[2])
    entity = url.rpartition("/")[0]
    before = await db.value(sql, record)
    for path in _WRITES:
        form = {"name": "Mine", "subject": "Mine", "text": "Mine", "version": "1", "to": "lost"}
        answer = await client.post(f"{url}/{path}", data=form)
        # The same answer as for a record that never was: also 422, where the form is read first.
        nobody = await client.post(f"{entity}/999999999/{path}", data=form)
        assert nobody.status_code == answer.status_code, (url, path)
        assert answer.status_code in {403, 404, 422}, (url, path, answer.status_code)
        assert _MARK not in answer.text, path
    for action in ("trash", "restore", "set-owner"):
        form = {"ids": str(record), "action": action, f"{action}.owner": "1", "q": ""}
        assert _MARK not in (await client.post(f"{entity}/bulk", data=form)).text
    return bool(before == await db.value(sql, record))


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
            title = f"{_MARK} {entity} {name}"  # no two documents have one number
            secret = await make(target.name, **title_of(site, target.name, title))
            for form in ({name: str(secret)}, {f"{name}.title": title}):
                answer = await client.post(f"/{entity}/new", data={plan.title: "Mine", **form})
                shown = answer.text.replace(f'value="{title}"', "").replace(f"{title}</option>", "")
                # The whole of a part is not there for who may not change it.
                refused = {403, 404, 422} if plan.part_of else {403, 422}
                assert answer.status_code in refused, (entity, name, answer.status_code)
                if name in form:
                    assert _MARK not in shown, (entity, name)
            filled = await client.get(f"/{entity}/new?{name}={secret}")
            assert _MARK not in filled.text, (entity, name)
