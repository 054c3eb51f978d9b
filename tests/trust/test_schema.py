"""TRUST F4, X6, O3, S5: what the schema, the routes and the statements of a page must hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from crmkit.access.setup import accept_link, make_link
from crmkit.errors import NotFoundError
from crmkit.web.app import create_app
from crmkit.web.policy import list_routes

if TYPE_CHECKING:
    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.plugin.site import Site
    from tests.trust.conftest import Browse, Make


async def test_no_column_is_a_float_or_a_time_without_zone(db: Database) -> None:
    rows = await db.rows(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE "
        "table_schema = 'public' AND data_type IN "
        "('real', 'double precision', 'money', 'timestamp without time zone', 'json')"
    )
    assert [] == [tuple(row) for row in rows]


async def test_every_reference_of_a_record_is_a_foreign_key_without_implicit_cascade(
    site: Site, db: Database
) -> None:
    """TRAPS R1: deleting a user must not delete what the user owned."""
    rows = await db.rows(
        "SELECT c.conrelid::regclass::text AS name, a.attname AS column, "
        "c.confdeltype::text AS kind FROM pg_constraint c "
        "JOIN pg_attribute a ON a.attrelid = c.conrelid "
        "AND a.attnum = c.conkey[1] WHERE c.contype = 'f'"
    )
    keys = {(row["name"].strip('"'), row["column"]): row["kind"] for row in rows}
    for plan in site.entities.values():
        for column in plan.table._meta.columns:
            target = getattr(column, "target", None)
            if target is not None:
                action = {"set null": "n", "restrict": "r", "cascade": "c"}
                expected = action[str(getattr(column, "on_delete", "")).lower()]
                assert expected == keys[plan.tablename, str(column._meta.name)]
        assert "n" == keys[plan.tablename, "owner"]


def test_the_table_of_routes_knows_every_handler(site: Site, db: Database, config: Config) -> None:
    app = create_app(site, db, config)
    listed = {(line.method, line.path) for line in list_routes(app)}
    routed = {
        (str(method), route.path)
        for route in app.routes
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    assert routed == listed
    assert len(listed) > 40


@pytest.mark.parametrize("url", ["", "/board", "?group=owner", "/trash", "/export"])
async def test_a_page_of_100_rows_asks_as_often_as_one_of_10(
    site: Site, db: Database, make: Make, browse: Browse, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    client = await browse("administrator")
    real = db._call
    asked: list[str] = []

    async def count(method: str, sql: str, *rest: object, **more: object) -> object:
        asked.append(sql)
        return await real(method, sql, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(db, "_call", count)
    for entity, plan in site.entities.items():
        found = []
        for number in (10, 90):
            if entity == "core.user":
                await db.execute(
                    "INSERT INTO core_user (name, role) SELECT 'U' || n, 'seller' "
                    "FROM generate_series(1, $1::int) n",
                    number,
                )
            else:
                company = await make("crm.company", name=f"For {number}")
                refers = "company" in plan.fields and not plan.fields["company"].unique
                more = ", company" if refers else ""
                kept = f", {company}" if more else ""
                if entity == "core.message":
                    more, kept = ", message_id", f", n || '-{number}'"
                await db.execute(
                    f'INSERT INTO "{plan.tablename}" ({plan.title}{more}) '
                    f"SELECT 'R{number} ' || n{kept} FROM generate_series(1, $1::int) n",
                    number,
                )
            asked.clear()
            answer = await client.get(f"/{entity}{url}")
            assert answer.status_code in {200, 404}, (entity, url)
            found.append(len(asked))
        assert found[0] == found[1], (entity, url)
        assert found[0] < 30, (entity, url)


async def test_a_fresh_site_has_no_account_and_its_set_up_link_works_once(
    db: Database, browse: Browse, admin: Context
) -> None:
    assert 0 == await db.value("SELECT count(*) FROM core_user WHERE password_hash <> ''")
    first, client = await make_link(db, "setup"), await browse("")
    assert 200 == (await client.get(f"/setup/{first}")).status_code
    await accept_link(admin, first, "Ada", "four sturdy oak planks", "127.0.0.1", "test")
    second = await make_link(db, "setup")
    for token in (first, second):
        assert 404 == (await client.get(f"/setup/{token}")).status_code
        form = {"name": "Mallory", "password": "another long password", "email": "m@example.com"}
        assert 404 == (await client.post(f"/setup/{token}", data=form)).status_code
    with pytest.raises(NotFoundError):
        await accept_link(admin, second, "Eve", "four sturdy oak planks", "127.0.0.1", "test")


_CLOSED = (
    "/schema", "/schema/openapi.json", "/docs", "/openapi.json", "/debug", "/.git/config", "/.env",
    "/static/", "/static/../app.py", "/static/%2e%2e/%2e%2e/app.py", "/static/..%2f..%2fapp.py",
    "/static/manifest.json/..", "/crmkit.toml", "/var/", "/admin", "/metrics", "/server-status",
    "/phpmyadmin", "/static//etc/passwd", "/static/%00",
)  # fmt: skip


@pytest.mark.parametrize("role", ["", "administrator"])
async def test_nothing_shows_the_inside(browse: Browse, role: str) -> None:
    client = await browse(role)
    for path in _CLOSED:
        answer = await client.get(path)
        assert answer.status_code in {303, 400, 404}, (path, answer.status_code)
        assert not re.search(r"Traceback|import Litestar|\[core\]|root:x:", answer.text), path
