"""TRAPS sections 5 to 8: routing, templates and htmx, hooks, sessions and headers."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

import crmkit
from crmkit.access.sessions import find_session
from crmkit.errors import PluginError
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.events import PageEvent
from crmkit.plugin.hookspecs import HOOKS, HookSpecs, Kind, Plugin
from crmkit.web.app import create_app
from crmkit.web.policy import list_routes

if TYPE_CHECKING:
    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.model.context import Context
    from crmkit.plugin.site import Site
    from tests.web.conftest import Browse

_WEB = Path(crmkit.__file__).parent / "web"
_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


def test_build_time(site: Site, db: Database, config: Config) -> None:
    """TRAPS L2: routes are generic, so their number does not grow with the entities."""
    assert 200 > len(list_routes(create_app(site, db, config)))


async def test_schema_needs_login(browse: Browse) -> None:
    """TRAPS L3: there is no open description of the routes."""
    for path in ("/schema", "/schema/openapi.json", "/docs", "/debug"):
        assert (await (await browse("")).get(path)).status_code in {303, 404}


async def test_options_and_shadowing(
    browse: Browse, site: Site, db: Database, config: Config
) -> None:
    """TRAPS L11: OPTIONS reaches no handler, and no two handlers claim one place."""
    answer = await (await browse("")).request("OPTIONS", "/crm.company")
    assert (405, "GET, HEAD, POST") == (answer.status_code, answer.headers["allow"])
    lines = list_routes(create_app(site, db, config))
    shapes = [(line.method, re.sub(r"\{\w+:", "{", line.path)) for line in lines]
    assert len(shapes) == len(set(shapes))


async def test_own_page_hides_nothing(browse: Browse) -> None:
    """TRAPS L9: fixed pages and generic ones answer side by side."""
    client = await browse("administrator")
    for path in ("/settings", "/settings/account", "/history", "/search?q=a", "/crm.company",
                 "/core.user", "/crm.company/new", "/crm.lead/board"):  # fmt: skip
        assert 200 == (await client.get(path)).status_code, path


async def test_export_streams(browse: Browse, dsn: str) -> None:
    """TRAPS L5: a streamed answer reads with a connection of its own, after the handler is done."""
    client = await browse("administrator")
    await client.post("/crm.company/new", data={"name": "Of this transaction"})
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO crm_company (name) VALUES ('Committed elsewhere')")
    try:
        answer = await client.get("/crm.company/export")
    finally:
        await owner.execute("DELETE FROM crm_company WHERE name = 'Committed elsewhere'")
        await owner.close()
    assert "Committed elsewhere" in answer.text
    assert "Of this transaction" not in answer.text


async def test_fragment_nonce(browse: Browse) -> None:
    """TRAPS T2: a fragment has a policy and a nonce of its own, and uses that one."""
    client = await browse("administrator")
    await client.post("/crm.company/new", data={"name": "Kan-code"})
    nonces = set()
    for headers in ({}, _HTMX, _HTMX):
        answer = await client.get("/crm.company", headers=headers)
        policy = answer.headers["content-security-policy"]
        nonce = re.search(r"'nonce-([^']+)'", policy)
        assert nonce is not None
        used = set(re.findall(r'(?:hx-)?nonce="([^"]+)"', answer.text))
        assert {nonce[1]} == used
        nonces.add(nonce[1])
    assert 3 == len(nonces)


async def test_injected_hx_get_is_dead(browse: Browse) -> None:
    """TRAPS T2: markup in a record stays text and carries no nonce."""
    client = await browse("administrator")
    text = '<button hx-get="/history" hx-trigger="load">x</button>'
    made = await client.post("/crm.company/new", data={"name": text, "notes": text})
    page = (await client.get(made.headers["location"])).text
    assert text not in page
    assert "&lt;button hx-get" in page


async def test_htmx_headers(browse: Browse) -> None:
    """TRAPS T3: a part is sent only to who asks for a part; going back gets the whole page."""
    client = await browse("administrator")
    part = await client.get("/crm.company", headers=_HTMX)
    whole = await client.get("/crm.company", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert "<html" in whole.text
    assert "HX-Request-Type" in part.headers["vary"]


async def test_error_fragment(browse: Browse) -> None:
    """TRAPS T4: an error has a part of its own that htmx can put on the page."""
    client = await browse("seller")
    answer = await client.get("/crm.company/999999", headers=_HTMX)
    assert 404 == answer.status_code
    assert "<html" not in answer.text
    assert 'role="alert"' in answer.text


def test_htmx_config() -> None:
    """TRAPS T5: htmx comes first, with a fixed configuration and a nonce on every script."""
    layout = (_WEB / "templates" / "layout.html").read_text()
    found = re.search(r"<meta name=\"htmx-config\" content='([^']+)'", layout)
    assert found is not None
    wanted = 'extensions:"hx-csp, sse, preload", mode:"same-origin", includeIndicatorCSS:false'
    assert wanted == found[1]
    scripts = re.findall(r"<script[^>]*>", layout)
    assert scripts
    for script in scripts:
        assert "nonce=" in script
    texts = "".join(path.read_text() for path in (_WEB / "templates").glob("*.html"))
    assert not re.search(r"\son\w+=|hx-on|javascript:|\sstyle=|\bjs:", texts)


def test_row_template_budget() -> None:
    """TRAPS T7: the rows of a list are printed by one call, without a macro for each cell."""
    text = (_WEB / "templates" / "list.html").read_text()
    assert {"rows_html(page, page.rows)", "rows_html(page, g.rows)"} == set(
        re.findall(r"rows_html\([^)]*\)", text)
    )
    assert not re.search(r"for \w+ in (\w+\.)?(cells|rows)\b", text)


class _First(Plugin):
    async def agenda(self, event: PageEvent) -> dict[str, Any]:
        return {"summary": "first"}


class _Raises(Plugin):
    async def agenda(self, event: PageEvent) -> dict[str, Any]:
        raise ZeroDivisionError


class _Second(Plugin):
    async def agenda(self, event: PageEvent) -> dict[str, Any]:
        return {"summary": "second"}


async def test_one_plugin_raises(admin: Context) -> None:
    """TRAPS H1, H2: an implementation that raises costs only its own answer."""
    hooks = Dispatcher({"a": _First(), "b": _Raises(), "c": _Second()})
    answers = await hooks.collect("agenda", PageEvent(admin))
    assert [("a", {"summary": "first"}), ("c", {"summary": "second"})] == answers


def test_misspelt_hook() -> None:
    """TRAPS H4: a method that no hook has is refused with what was meant."""
    with pytest.raises(PluginError, match="Did you mean `before_save`"):

        class _Typo(Plugin):
            async def before_svae(self, event: object) -> None:
                """Never called."""


def test_every_hook_takes_one_event() -> None:
    """TRAPS H4: contributions are sync without arguments, all else async with one event.

    `filter_query` alone answers a part of a statement, and so is sync.
    """
    for name, kind in HOOKS.items():
        hook = getattr(HookSpecs, name)
        wanted = ["self"] if kind is Kind.REGISTRATION else ["self", "event"]
        assert wanted == list(inspect.signature(hook).parameters), name
        is_sync = kind is Kind.REGISTRATION or name == "filter_query"
        assert is_sync is not inspect.iscoroutinefunction(hook), name


async def test_session_fixation(db: Database, site: Site, browse: Browse) -> None:
    """TRAPS S1: an id somebody chose is nobody's, and signing in makes a new one."""
    assert await find_session(db, "chosen", site.roles) is None
    client = await browse("")
    client.cookies.set("crmkit", "chosen")
    answer = await client.get("/crm.company")
    assert 303 == answer.status_code
    assert "crmkit=chosen" not in answer.headers.get("set-cookie", "")


async def test_foreign_csrf_pair(browse: Browse) -> None:
    """TRAPS S2: the token of one session opens nothing in another."""
    mine, theirs = await browse("seller"), await browse("seller")
    headers = {"X-CSRF-Token": mine.headers["X-CSRF-Token"]}
    answer = await theirs.post("/crm.company/new", data={"name": "X"}, headers=headers)
    assert 403 == answer.status_code


async def test_no_secret_in_log(
    browse: Browse, capsys: pytest.CaptureFixture[str], db: Database
) -> None:
    """TRAPS S3: neither cookies nor bodies nor queries are logged."""
    client = await browse("administrator")
    await client.get("/crm.company?q=topsecret")
    await client.post("/login", data={"name": "topsecret", "password": "topsecret"})
    printed = capsys.readouterr().out
    assert "/crm.company" in printed
    assert "topsecret" not in printed
    assert client.cookies["crmkit"] not in printed


async def test_spoofed_address(browse: Browse, db: Database) -> None:
    """TRAPS S4: X-Forwarded-For of who is no named proxy changes no limit."""
    client = await browse("")
    for number in range(11):
        answer = await client.post(
            "/login",
            data={"name": "victim", "password": "x"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        )
    assert 429 == answer.status_code
    assert {"127.0.0.1"} == {
        row["name"].partition(":")[2]
        for row in await db.rows("SELECT name FROM core_limit WHERE name LIKE 'address:%'")
    }


async def test_limit_across_workers(
    browse: Browse, db: Database, site: Site, config: Config
) -> None:
    """TRAPS S5: failures are counted in the database, not in a process."""
    client = await browse("")
    await client.post("/login", data={"name": "victim", "password": "x"})
    assert 1 <= await db.value("SELECT count(*) FROM core_limit")


async def test_headers_on_every_answer(browse: Browse) -> None:
    """TRAPS S7: also on errors, and the server does not name itself."""
    client = await browse("administrator")
    for path in ("/", "/nowhere", "/crm.company/999", "/static/nope.js", "/healthz"):
        headers = (await client.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


async def test_deep_json(browse: Browse) -> None:
    """TRAPS S8: a body nobody can parse is refused, not a failure."""
    client = await browse("administrator")
    body = b"[" * 100_000
    answer = await client.post(
        "/crm.company/new", content=body, headers={"Content-Type": "application/json"}
    )
    assert 400 <= answer.status_code < 500


async def test_big_import(browse: Browse) -> None:
    """TRAPS S10: an ordinary form is limited, the upload of an import has its own limit."""
    client = await browse("administrator")
    large = await client.post("/crm.company/new", data={"name": "x" * 3_000_000})
    assert 413 == large.status_code
    file = b"name\n" + b"".join(b"Company %d\n" % n for n in range(200_000))
    kept = await client.post("/crm.company/import", files={"file": ("a.csv", file)})
    assert 303 == kept.status_code


def test_old_advisories() -> None:
    """TRAPS S11: what is installed is newer than the advisories."""

    def number(name: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version(name).split(".")[:2])

    assert (2, 19) <= number("litestar")
    assert (1, 1) <= number("piccolo")
