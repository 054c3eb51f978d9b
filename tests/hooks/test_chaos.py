"""TRUST D10: a plugin that raises, sleeps or answers rubbish, in each hook that is called."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from crmkit.access.sessions import open_session
from crmkit.plugin.dispatch import Dispatcher
from crmkit.plugin.hookspecs import HOOKS, SYNC, Kind, Plugin
from crmkit.testing.hostile import MODES, hostile_plugin
from crmkit.web.app import create_app
from crmkit.web.services import sign

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crmkit.config import Config
    from crmkit.db.engine import Database
    from crmkit.plugin.site import Site

    Make = Callable[..., Awaitable[int]]

_ISOLATED = sorted(name for name, kind in HOOKS.items() if kind is Kind.ISOLATED)
#: Hooks that a new record, its change of state and its way into the trash pass through.
_WRITING = ("before_save", "after_save", "validate", "check_access", "filter_query",
            "before_transition", "after_transition", "before_delete", "after_delete")  # fmt: skip
_TABLES = ("crm_lead", "core_journal", "core_search", "core_stage_history", "core_operation")


async def _client(site: Site, db: Database, config: Config, **plugins: Plugin) -> httpx.AsyncClient:
    hooks = Dispatcher({**site.hooks.plugins, **plugins})
    app = create_app(msgspec.structs.replace(site, hooks=hooks), db, config)
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
    user = await db.value(
        "INSERT INTO core_user (name, role) VALUES ('Ada', 'administrator') RETURNING id"
    )
    session = await open_session(db, user, "127.0.0.1", "test")
    client.cookies.set("crmkit", session.token)
    client.headers["X-CSRF-Token"] = sign(session.token, "csrf")
    return client


@pytest.mark.parametrize("mode", MODES)
async def test_pages_work_whatever_an_isolated_hook_does(
    mode: str, make: Make, site: Site, db: Database, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crmkit.plugin.dispatch.ISOLATED_SECONDS", 0.05)
    company = await make("crm.company", name="Kan-code")
    plugins = {f"p{number}": hostile_plugin(hook, mode) for number, hook in enumerate(_ISOLATED)}
    client = await _client(site, db, config, **plugins)
    for path in ("/", f"/crm.company/{company}", "/crm.company", "/crm.company/new",
                 "/search?q=kan", "/settings/plugins"):  # fmt: skip
        answer = await client.get(path)
        assert 200 == answer.status_code, (path, answer.text[:400])


async def _digest(db: Database) -> list[str]:
    return [
        await db.value(
            f"SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM {table} t"
        )
        for table in _TABLES
    ]


@pytest.mark.parametrize(
    ("hook", "mode"),
    # A sync hook cannot be waited for.
    [
        (hook, mode)
        for hook in _WRITING
        for mode in ("raises", "sleeps")
        if mode == "raises" or hook not in SYNC
    ],
)
async def test_a_hook_that_must_not_be_passed_over_refuses_and_leaves_nothing(
    hook: str, mode: str, make: Make, site: Site, db: Database, config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("crmkit.plugin.dispatch.TRANSACTION_SECONDS", 0.05)
    lead = await make("crm.lead", name="Nina")
    client = await _client(site, db, config, hostile=hostile_plugin(hook, mode))
    before = await _digest(db)
    refused = []
    for path, form in (
        ("/crm.lead/new", {"name": "Olga"}),
        (f"/crm.lead/{lead}/state", {"to": "working", "version": "1"}),
        (f"/crm.lead/{lead}/board-move", {"to": "working", "version": "1"}),
        (f"/crm.lead/{lead}/trash", {}),
    ):
        async with _kept(db) as keep:
            answer = await client.post(path, data=form)
            keep(answer.status_code < 400)
        if answer.status_code >= 400:
            assert answer.status_code in {404, 422, 503}, (path, answer.status_code)
            refused.append(path)
            assert before == await _digest(db), path
    assert refused


class _kept:  # noqa: N801 - reads as what it does
    """Takes back what a request did when it worked: only refusals are looked at."""

    def __init__(self, db: Database) -> None:
        self._transaction = db.transaction()
        self._worked = False

    async def __aenter__(self) -> Callable[[bool], None]:
        """Begin."""
        await self._transaction.__aenter__()
        return self._note

    def _note(self, worked: bool) -> None:  # noqa: FBT001
        self._worked = worked

    async def __aexit__(self, *_args: object) -> None:
        """Take back, or keep."""
        error = _UndoError() if self._worked else None
        kind = type(error) if error else None
        with suppress(_UndoError):
            await self._transaction.__aexit__(kind, error, None)


class _UndoError(Exception):
    pass
